package main

import (
	"context"
	"net/http"
	"testing"
	"time"
)

func TestWorkerFlagsWhatIsPostedAndEndsCleanly(t *testing.T) {
	s := freshSQLite(t)
	store := openStore(t, s)
	worker := startProgram(t, []string{"DATABASE_PATH=" + s.DatabasePath}, "work")
	if _, err := store.Add(context.Background(), Reading{Sensor: "a1", Celsius: 5, At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	within(t, 10*time.Second, "verdict", func() bool {
		readings, err := store.Readings(context.Background(), "a1", nil, 1)
		return err == nil && readings[0].Excursion != nil && *readings[0].Excursion
	})
	if status := get(t, "http://"+worker.address+"/health"); status != http.StatusOK {
		t.Errorf("health of a working worker: %d", status)
	}
	if err := worker.terminate(t); err != nil {
		t.Errorf("exit: %v", err)
	}
}

func TestWorkerWithoutAUsableDatabaseIsNotHealthy(t *testing.T) {
	worker := startProgram(t, []string{"DATABASE_PATH=" + t.TempDir()}, "work")
	if status := get(t, "http://"+worker.address+"/health"); status != http.StatusServiceUnavailable {
		t.Errorf("status %d", status)
	}
}

func get(t *testing.T, address string) int {
	t.Helper()
	response, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	return response.StatusCode
}
