package main

import (
	"context"
	"testing"
	"time"
)

func TestTransactionThatReadsFirstCanStillWrite(t *testing.T) {
	ctx := context.Background()
	s := freshSQLite(t)
	one, other := openStore(t, s).(*sqliteStore), openStore(t, s)
	transaction, err := one.write.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = transaction.Rollback() })
	var count int
	if err := transaction.QueryRowContext(ctx, "SELECT count(*) FROM readings").Scan(&count); err != nil {
		t.Fatal(err)
	}
	added := make(chan error, 1)
	go func() {
		_, err := other.Add(ctx, Reading{Sensor: "a1", Celsius: -18, At: time.Now()})
		added <- err
	}()
	select {
	case err := <-added:
		t.Errorf("another process wrote in the middle of the transaction: %v", err)
		added <- nil
	case <-time.After(300 * time.Millisecond): // it waits, as it should
	}
	if _, err := transaction.ExecContext(ctx, "INSERT INTO sensors (name) VALUES ('a2')"); err != nil {
		t.Errorf("write after read: %v", err)
	}
	if err := transaction.Commit(); err != nil {
		t.Errorf("commit: %v", err)
	}
	if err := <-added; err != nil {
		t.Errorf("the other process: %v", err)
	}
}
