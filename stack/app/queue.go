package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
)

// checkReading is the one kind of task; its payload is the reading's id.
const checkReading = "reading:check"

func redisOptions(s Settings) asynq.RedisClientOpt {
	return asynq.RedisClientOpt{
		Addr: s.RedisAddr, Password: s.RedisSecret,
		DialTimeout: time.Second, ReadTimeout: time.Second, WriteTimeout: time.Second,
	}
}

// queue is the backend's end of the worker's queue in Redis.
type queue struct{ client *asynq.Client }

func openQueue(s Settings, log *slog.Logger) *queue {
	redis.SetLogger(queueLog{log})
	return &queue{client: asynq.NewClient(redisOptions(s))}
}

// Enqueue asks the worker to check a reading.
func (q *queue) Enqueue(ctx context.Context, id int64) error {
	payload, err := json.Marshal(id)
	if err != nil {
		return fmt.Errorf("encode task: %w", err)
	}
	if _, err := q.client.EnqueueContext(ctx, asynq.NewTask(checkReading, payload), asynq.MaxRetry(5), asynq.Timeout(sweepTimeout)); err != nil {
		return fmt.Errorf("enqueue: %w", err)
	}
	return nil
}

// Ping asks Redis whether it is there.
func (q *queue) Ping() error { return q.client.Ping() }

// Close closes the connections to Redis.
func (q *queue) Close() error { return q.client.Close() }

// consume calls check for each queued reading until the function it returns is called, which waits for those in work.
// While Redis is away asynq tries again by itself; the worker's sweep goes on meanwhile.
func consume(s Settings, log *slog.Logger, check func(context.Context, int64) error) (stop func(), err error) {
	redis.SetLogger(queueLog{log})
	server := asynq.NewServer(redisOptions(s), asynq.Config{
		Concurrency: 4, TaskCheckInterval: 100 * time.Millisecond, ShutdownTimeout: 5 * time.Second,
		Logger: queueLog{log}, LogLevel: asynq.WarnLevel,
	})
	err = server.Start(asynq.HandlerFunc(func(ctx context.Context, task *asynq.Task) error {
		var id int64
		if err := json.Unmarshal(task.Payload(), &id); err != nil {
			return fmt.Errorf("decode task: %w: %w", err, asynq.SkipRetry)
		}
		return check(ctx, id)
	}))
	if err != nil {
		return nil, fmt.Errorf("start queue: %w", err)
	}
	return server.Shutdown, nil
}

// queueLog gives the lines of asynq and of its Redis client the form of the others.
type queueLog struct{ *slog.Logger }

func (l queueLog) Debug(args ...any) { l.Logger.Debug("queue", "detail", fmt.Sprint(args...)) }
func (l queueLog) Info(args ...any)  { l.Logger.Info("queue", "detail", fmt.Sprint(args...)) }
func (l queueLog) Warn(args ...any)  { l.Logger.Warn("queue", "detail", fmt.Sprint(args...)) }
func (l queueLog) Error(args ...any) { l.Logger.Error("queue", "detail", fmt.Sprint(args...)) }
func (l queueLog) Fatal(args ...any) { l.Logger.Error("queue", "detail", fmt.Sprint(args...)) }

// Printf is where the Redis client reports lost connections.
func (l queueLog) Printf(_ context.Context, format string, args ...any) {
	l.Logger.Warn("queue", "detail", fmt.Sprintf(format, args...))
}
