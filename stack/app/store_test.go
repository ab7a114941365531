package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// fewSensors is how many sensors there may be in a store under test.
const fewSensors = 10

func TestSQLiteKeepsTheContractOfAStore(t *testing.T) {
	keepsContract(t, func(t *testing.T) Store {
		s := freshSQLite(t)
		s.MaxSensors = fewSensors
		return openStore(t, s)
	})
}

// keepsContract is what every Store must do, whatever its database. open returns one that is migrated and empty.
func keepsContract(t *testing.T, open func(t *testing.T) Store) {
	ctx := context.Background()
	noon := time.Date(2026, 11, 25, 12, 0, 0, 123e6, time.UTC)
	add := func(t *testing.T, store Store, sensor string, celsius float64, at time.Time) Reading {
		t.Helper()
		reading, err := store.Add(ctx, Reading{Sensor: sensor, Celsius: celsius, At: at})
		if err != nil {
			t.Fatal(err)
		}
		return reading
	}

	t.Run("readings come back newest first as they were posted", func(t *testing.T) {
		store := open(t)
		late := add(t, store, "a1", -18.25, noon)
		early := add(t, store, "a1", -19, noon.Add(-time.Hour))
		other := add(t, store, "b2", 4, noon.Add(time.Hour))
		for _, c := range []struct {
			sensor string
			limit  int
			want   []Reading
		}{
			{"", 10, []Reading{other, late, early}},
			{"a1", 10, []Reading{late, early}},
			{"a1", 1, []Reading{late}},
			{"unknown", 10, []Reading{}},
		} {
			got, err := store.Readings(ctx, c.sensor, nil, c.limit)
			if err != nil {
				t.Fatal(err)
			}
			if got == nil || !slices.Equal(got, c.want) {
				t.Errorf("sensor %q, limit %d: got %v, want %v", c.sensor, c.limit, got, c.want)
			}
		}
	})

	t.Run("a reading outside its zone is an excursion, its limits are inside", func(t *testing.T) {
		store := open(t)
		if err := store.Assign(ctx, "fridge", "chilled"); err != nil {
			t.Fatal(err)
		}
		want := map[int64]bool{
			add(t, store, "freezer", -15, noon).ID:   false,
			add(t, store, "freezer", -25, noon).ID:   false,
			add(t, store, "freezer", -14, noon).ID:   true,
			add(t, store, "freezer", -25.5, noon).ID: true,
			add(t, store, "fridge", 4, noon).ID:      false,
			add(t, store, "fridge", -18, noon).ID:    true,
		}
		checkAll(t, store, len(want))
		got, err := store.Readings(ctx, "", nil, 10)
		if err != nil {
			t.Fatal(err)
		}
		for _, reading := range got {
			if reading.Excursion == nil || *reading.Excursion != want[reading.ID] {
				t.Errorf("%s at %v °C: excursion is not %v", reading.Sensor, reading.Celsius, want[reading.ID])
			}
		}
	})

	t.Run("a reading gets one verdict, in batches or by its id", func(t *testing.T) {
		store := open(t)
		first := add(t, store, "a1", 0, noon)
		second := add(t, store, "a1", -18, noon)
		for _, c := range []struct {
			name  string
			check func() ([]bool, error)
			want  []bool
		}{
			{"by id", func() ([]bool, error) { return store.CheckReading(ctx, second.ID) }, []bool{false}},
			{"by id again", func() ([]bool, error) { return store.CheckReading(ctx, second.ID) }, nil},
			{"unknown id", func() ([]bool, error) { return store.CheckReading(ctx, first.ID+1000) }, nil},
			{"batch", func() ([]bool, error) { return store.CheckUnchecked(ctx, 1) }, []bool{true}},
			{"batch again", func() ([]bool, error) { return store.CheckUnchecked(ctx, 1) }, nil},
		} {
			got, err := c.check()
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("%s: got %v, %v; want %v", c.name, got, err, c.want)
			}
		}
	})

	t.Run("sensors show their latest reading, not the last one added", func(t *testing.T) {
		store := open(t)
		add(t, store, "b2", -20, noon)
		add(t, store, "a1", -18, noon)
		add(t, store, "a1", 30, noon.Add(-time.Minute))
		if err := store.Assign(ctx, "silent", "ambient"); err != nil {
			t.Fatal(err)
		}
		got, err := store.Sensors(ctx, "", 10)
		if err != nil {
			t.Fatal(err)
		}
		want := []Sensor{
			{Sensor: "a1", Zone: "frozen", Lowest: -25, Highest: -15, Celsius: -18, At: noon},
			{Sensor: "b2", Zone: "frozen", Lowest: -25, Highest: -15, Celsius: -20, At: noon},
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})

	t.Run("lists go on where the page before ended, and end", func(t *testing.T) {
		store := open(t)
		var want, got []int64
		for n := range 7 {
			want = append(want, add(t, store, fmt.Sprintf("s%d", n%3), -18, noon.Add(time.Duration(-n/2)*time.Minute)).ID)
		}
		for a := 0; a+1 < 7; a += 2 { // of two at the same time the later one comes first
			want[a], want[a+1] = want[a+1], want[a]
		}
		var after *Place
		for range 10 {
			page, err := store.Readings(ctx, "", after, 2)
			if err != nil {
				t.Fatal(err)
			}
			if len(page) == 0 {
				break
			}
			for _, reading := range page {
				got = append(got, reading.ID)
			}
			last := page[len(page)-1]
			after = &Place{last.At, last.ID}
		}
		if !slices.Equal(got, want) {
			t.Errorf("pages of two hold %v, want %v", got, want)
		}
		first, err := store.Readings(ctx, "s1", nil, 1)
		if err != nil {
			t.Fatal(err)
		}
		rest, err := store.Readings(ctx, "s1", &Place{first[0].At, first[0].ID}, 10)
		if err != nil || len(rest) != 1 || rest[0].Sensor != "s1" {
			t.Errorf("after the first of s1: %v, %v", rest, err)
		}
		sensors, err := store.Sensors(ctx, "s0", 1)
		if err != nil || len(sensors) != 1 || sensors[0].Sensor != "s1" {
			t.Errorf("after s0: %v, %v", sensors, err)
		}
	})

	t.Run("there are no more sensors than there may be, however many ask at once", func(t *testing.T) {
		store := open(t)
		var refused atomic.Int64
		var group sync.WaitGroup
		for n := range 2 * fewSensors {
			group.Go(func() {
				reading := Reading{Sensor: fmt.Sprintf("s%d", n), Celsius: -18, At: noon}
				if _, err := store.Add(ctx, reading); errors.Is(err, ErrTooManySensors) {
					refused.Add(1)
				} else if err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		sensors, err := store.Sensors(ctx, "", 10*fewSensors)
		if err != nil || len(sensors) != fewSensors || refused.Load() != fewSensors {
			t.Fatalf("%d sensors, %d refused, %v", len(sensors), refused.Load(), err)
		}
		if err := store.Assign(ctx, "unknown", "chilled"); !errors.Is(err, ErrTooManySensors) {
			t.Errorf("a zone for one more: %v", err)
		}
		if err := store.Assign(ctx, sensors[0].Sensor, "chilled"); err != nil {
			t.Errorf("a zone for one that is known: %v", err)
		}
		add(t, store, sensors[0].Sensor, 4, noon)
	})

	t.Run("a zone that does not exist is refused", func(t *testing.T) {
		if err := open(t).Assign(ctx, "a1", "lukewarm"); !errors.Is(err, ErrNoZone) {
			t.Errorf("got %v", err)
		}
	})

	t.Run("posting and checking at the same time loses nothing and checks nothing twice", func(t *testing.T) {
		store := open(t)
		const posters, each = 6, 30
		var group, checkers sync.WaitGroup
		var checked atomic.Int64
		done := make(chan struct{})
		for range 2 {
			checkers.Go(func() {
				for {
					verdicts, err := store.CheckUnchecked(ctx, 7)
					if err != nil {
						t.Error(err)
						return
					}
					checked.Add(int64(len(verdicts)))
					select {
					case <-done:
						return
					default:
					}
				}
			})
		}
		for poster := range posters {
			group.Go(func() {
				for range each {
					if _, err := store.Add(ctx, Reading{Sensor: fmt.Sprintf("s%d", poster%2), Celsius: -18, At: noon}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		group.Wait()
		close(done)
		checkers.Wait()
		rest, err := store.CheckUnchecked(ctx, posters*each)
		if err != nil {
			t.Fatal(err)
		}
		if total := checked.Load() + int64(len(rest)); total != posters*each {
			t.Errorf("%d verdicts on %d readings", total, posters*each)
		}
	})
}

func checkAll(t *testing.T, store Store, want int) {
	t.Helper()
	verdicts, err := store.CheckUnchecked(context.Background(), want+1)
	if err != nil || len(verdicts) != want {
		t.Fatalf("%d verdicts, %v; want %d", len(verdicts), err, want)
	}
}
