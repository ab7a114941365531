//go:build services

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/pressly/goose/v3/lock"
)

func TestPostgresKeepsTheContractOfAStore(t *testing.T) {
	c := newCluster(t)
	c.start()
	keepsContract(t, func(t *testing.T) Store {
		s := c.settings(c.newDatabase(), testSecret)
		if err := migrate(context.Background(), s, io.Discard); err != nil {
			t.Fatal(err)
		}
		s.MaxSensors = fewSensors
		return openStore(t, s)
	})
}

func TestPostgresMigrations(t *testing.T) {
	ctx := context.Background()
	c := newCluster(t)

	t.Run("wait for a server that starts at the same time", func(t *testing.T) {
		s := c.settings("postgres", testSecret)
		result := make(chan error, 1)
		var output bytes.Buffer
		go func() { result <- migrate(ctx, s, &output) }()
		c.start()
		if err := <-result; err != nil || !strings.HasSuffix(output.String(), "2 applied\n") {
			t.Errorf("%q, %v", output.String(), err)
		}
	})

	t.Run("are applied once when several start together", func(t *testing.T) {
		s := c.settings(c.newDatabase(), testSecret)
		const together = 4
		outputs := make([]bytes.Buffer, together)
		results := make(chan error, together)
		for i := range together {
			go func() { results <- migrate(ctx, s, &outputs[i]) }()
		}
		for range together {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
		var last []string
		for i := range outputs {
			lines := strings.Split(strings.TrimSpace(outputs[i].String()), "\n")
			last = append(last, lines[len(lines)-1])
		}
		slices.Sort(last)
		if !slices.Equal(last, []string{"0 applied", "0 applied", "0 applied", "2 applied"}) {
			t.Errorf("%v", last)
		}
	})

	t.Run("wait for the lock of one that is running", func(t *testing.T) {
		s := c.settings(c.newDatabase(), testSecret)
		running, err := openStore(t, s).(*postgresStore).pool.Acquire(ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer running.Release()
		if _, err := running.Exec(ctx, "SELECT pg_advisory_lock($1)", lock.DefaultLockID); err != nil {
			t.Fatal(err)
		}
		result := make(chan error, 1)
		go func() { result <- migrate(ctx, s, io.Discard) }()
		select {
		case err := <-result:
			t.Fatalf("did not wait: %v", err)
		case <-time.After(1500 * time.Millisecond): // one without the lock is done long before
		}
		if _, err := running.Exec(ctx, "SELECT pg_advisory_unlock($1)", lock.DefaultLockID); err != nil {
			t.Fatal(err)
		}
		if err := <-result; err != nil {
			t.Error(err)
		}
	})

	t.Run("are counted without a trace", func(t *testing.T) {
		s := c.settings(c.newDatabase(), testSecret)
		for range 2 {
			var output bytes.Buffer
			if err := migrateStatus(ctx, s, &output); err != nil || output.String() != `{"pending":2,"current":0}`+"\n" {
				t.Errorf("before: %q, %v", output.String(), err)
			}
		}
		var tables int
		store := openStore(t, s).(*postgresStore)
		if err := store.pool.QueryRow(ctx, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").Scan(&tables); err != nil || tables > 0 {
			t.Errorf("%d tables, %v", tables, err)
		}
		if err := migrate(ctx, s, io.Discard); err != nil {
			t.Fatal(err)
		}
		var output bytes.Buffer
		if err := migrateStatus(ctx, s, &output); err != nil || output.String() != `{"pending":0,"current":2}`+"\n" {
			t.Errorf("after: %q, %v", output.String(), err)
		}
	})

	t.Run("do not wait when the password is wrong, and do not tell it", func(t *testing.T) {
		began := time.Now()
		err := migrate(ctx, c.settings("postgres", "wr0ng-s3cret"), io.Discard)
		if err == nil || !strings.Contains(err.Error(), "password authentication failed") || strings.Contains(err.Error(), "wr0ng-s3cret") {
			t.Errorf("got %v", err)
		}
		if took := time.Since(began); took > awaitTime/2 {
			t.Errorf("took %s", took)
		}
	})
}

func TestReadingPassesRedisAndSurvivesItsLoss(t *testing.T) {
	c := newCluster(t)
	c.start()
	redis := startRedis(t)
	database := c.newDatabase()
	if err := migrate(context.Background(), c.settings(database, testSecret), io.Discard); err != nil {
		t.Fatal(err)
	}
	environment := []string{"REDIS_ADDR=" + redis.address, "REDIS_PASSWORD_FILE=" + secretFile(t, testSecret)}
	for key, value := range c.environment(database, testSecret) {
		environment = append(environment, key+"="+value)
	}
	backend := startProgram(t, environment, "serve")
	worker := startProgram(t, environment, "work")
	address := "http://" + backend.address

	if status, body := fetch(t, address+"/health/ready"); status != http.StatusOK || body != `{"database":"connected","queue":"connected","version":"unversioned"}` {
		t.Fatalf("ready: %d %s", status, body)
	}
	postReading(t, address, "first")
	flagged(t, address, "first", 10*time.Second)
	inspector := asynq.NewInspector(asynq.RedisClientOpt{Addr: redis.address, Password: testSecret})
	t.Cleanup(func() { _ = inspector.Close() })
	within(t, 10*time.Second, "the queue's count", func() bool {
		info, err := inspector.GetQueueInfo("default")
		return err == nil && info.Processed == 1 && info.Failed == 0 && info.Size == 0
	})

	if err := redis.process.Kill(); err != nil {
		t.Fatal(err)
	}
	within(t, 10*time.Second, "readiness without Redis", func() bool {
		status, body := fetch(t, address+"/health/ready")
		return status == http.StatusServiceUnavailable && strings.Contains(body, `"queue":"unavailable"`) && strings.Contains(body, `"database":"connected"`)
	})
	postReading(t, address, "second")
	flagged(t, address, "second", 3*sweepInterval)

	for name, p := range map[string]*program{"backend": backend, "worker": worker} {
		if err := p.terminate(t); err != nil {
			t.Errorf("%s: exit: %v", name, err)
		}
	}
}

func fetch(t *testing.T, address string) (int, string) {
	t.Helper()
	response, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, strings.TrimSpace(string(body))
}

func postReading(t *testing.T, address, sensor string) {
	t.Helper()
	response, err := http.Post(address+"/readings", "application/json", strings.NewReader(fmt.Sprintf(`{"sensor":%q,"celsius":5}`, sensor)))
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusCreated {
		t.Fatalf("POST: %s", response.Status)
	}
}

func flagged(t *testing.T, address, sensor string, bound time.Duration) {
	t.Helper()
	within(t, bound, sensor+" flagged", func() bool {
		var readings []Reading
		_, body := fetch(t, address+"/readings?sensor="+sensor)
		return json.Unmarshal([]byte(body), &readings) == nil && len(readings) == 1 && readings[0].Excursion != nil && *readings[0].Excursion
	})
}
