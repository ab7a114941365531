package backup

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// prune removes what is no longer needed, and fails the test where it cannot.
func prune(t *testing.T, s Store) {
	t.Helper()
	if err := s.Prune("shop"); err != nil {
		t.Fatal(err)
	}
}

func has(t *testing.T, s Store, b Backup) {
	t.Helper()
	if found, err := s.Find(b.ID); err != nil || found.Check() != nil {
		t.Fatalf("the good backup is gone: %v, %v", err, found.Check())
	}
}

func TestCaseH1TheTenNewestGoodOnesOfEachCauseAreKeptWhateverTheClockSays(t *testing.T) {
	s := Store{t.TempDir()}
	var made []string
	for n := range 14 {
		// The clock runs backwards by months, and forwards again.
		made = append(made, take(t, s, noon.AddDate(0, (n%5-2)*4, 0), ByHand).ID)
	}
	cut := filepath.Join(s.Dir, made[13]+Suffix, "0000.dump")
	if err := os.Truncate(cut, 1); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(s.Dir, "of-the-operator.dump"), "content")
	write(t, filepath.Join(s.Dir, "20261125T110000Z-0099.dump.partial", "0000.dump"), "half")
	prune(t, s)
	want := slices.Clone(made[3:]) // ten good ones, and the broken one, which counts for none
	slices.Reverse(want)
	if got := ids(t, s); !slices.Equal(got, append(want, "of-the-operator")) {
		t.Errorf("kept %v, want %v", got, want)
	}
	if half, _ := filepath.Glob(filepath.Join(s.Dir, "*.partial")); len(half) > 0 {
		t.Errorf("left: %v", half)
	}
}

func TestCaseH1WhatIsOfAnotherProjectIsLeftAlone(t *testing.T) {
	s := Store{t.TempDir()}
	for range 14 {
		take(t, s, noon, ByHand)
	}
	if err := s.Prune("blog"); err != nil || len(ids(t, s)) != 14 {
		t.Errorf("%v: %v", err, ids(t, s))
	}
}

func TestCaseH1ThirtyFailingDeploymentsAndTwentyFailingRestoresLeaveTheGoodBackup(t *testing.T) {
	s := Store{t.TempDir()}
	clock := noon
	tick := func(n int) time.Time { // it jumps two months ahead, and years back
		clock = clock.Add([]time.Duration{time.Hour, 1500 * time.Hour, -30000 * time.Hour}[n%3])
		return clock
	}
	byHand := take(t, s, tick(0), ByHand)
	var good Backup
	for n := range 30 {
		standing, found, err := s.Standing("v1")
		if err != nil || found != (n > 0) {
			t.Fatalf("attempt %d: %v, %v", n, found, err)
		}
		if !found {
			good = take(t, s, tick(n), BeforeMigration)
			prune(t, s)
		} else if standing.ID != good.ID {
			t.Fatalf("attempt %d: %s stands, want %s", n, standing.ID, good.ID)
		}
	}
	for n := range 20 {
		take(t, s, tick(n), BeforeRestore) // which removes nothing by itself
	}
	take(t, s, tick(1), ByHand)
	prune(t, s)
	has(t, s, good)
	has(t, s, byHand)
	if way, found, err := s.Of("run " + good.ID); err != nil || !found || way.ID != good.ID {
		t.Errorf("the way back of its run is %s, %v, %v", way.ID, found, err)
	}
	if way, found, err := s.Of("run " + byHand.ID); err != nil || found {
		t.Errorf("the way back of a run that migrated nothing is %s, %v", way.ID, err)
	}
}

func TestCaseH1TheBackupOfAMigrationStaysUntilADeploymentWasVerified(t *testing.T) {
	s := Store{t.TempDir()}
	first := take(t, s, noon, BeforeMigration)
	for range 12 {
		take(t, s, noon, BeforeMigration)
	}
	prune(t, s)
	has(t, s, first)
	if err := s.Verified(); err != nil {
		t.Fatal(err)
	}
	prune(t, s)
	if got := ids(t, s); len(got) != keep || slices.Contains(got, first.ID) {
		t.Errorf("kept %v", got)
	}
	if second := take(t, s, noon, BeforeMigration); second.Number != 14 {
		t.Errorf("the next is %+v", second)
	}
}

func TestCaseH1ASuccessfulMigrationOrOtherDataIsWhyTheNextOneIsBackedUpAnew(t *testing.T) {
	s := Store{t.TempDir()}
	made := take(t, s, noon, BeforeMigration)
	if _, found, err := s.Standing("v2"); found || err != nil {
		t.Errorf("of another volume one stands: %v, %v", found, err)
	}
	write(t, filepath.Join(s.Dir, migratedMark), fmt.Sprintln(made.Number)) // as deploy.sh does
	if _, found, err := s.Standing("v1"); found || err != nil {
		t.Errorf("after the migration one stands: %v, %v", found, err)
	}
	next := take(t, s, noon, BeforeMigration)
	if standing, found, err := s.Standing("v1"); !found || err != nil || standing.ID != next.ID {
		t.Errorf("%s stands: %v, %v", standing.ID, found, err)
	}
	if err := os.Truncate(filepath.Join(next.Path, "0000.dump"), 1); err != nil {
		t.Fatal(err)
	}
	if _, found, err := s.Standing("v1"); found || err != nil {
		t.Errorf("a broken one stands: %v, %v", found, err)
	}
	write(t, filepath.Join(s.Dir, migratedMark), "x\n")
	if _, _, err := s.Standing("v1"); err == nil {
		t.Error("a mark that is no number goes unnoticed")
	}
}
