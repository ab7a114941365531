package host

import (
	"context"
	"encoding/json"
	"testing"
	"time"
)

func TestRunKeepsTheOrderAndTheNames(t *testing.T) {
	slow := make(chan struct{})
	findings := Run(context.Background(), []Check{
		{Name: "first", Look: func(context.Context) Finding { <-slow; return OK("seen") }},
		{Name: "second", Look: func(context.Context) Finding { close(slow); return Fail("broken", "mend it") }},
	})
	want := []Finding{
		{Name: "first", State: StateOK, Detail: "seen"},
		{Name: "second", State: StateFail, Detail: "broken", Remedy: "mend it"},
	}
	for i := range want {
		if findings[i] != want[i] {
			t.Errorf("finding %d is %+v, want %+v", i, findings[i], want[i])
		}
	}
	if failed := Failed(findings); len(failed) != 1 || failed[0].Name != "second" {
		t.Errorf("failed: %+v", failed)
	}
}

func TestCheckThatDoesNotAnswerIsAFinding(t *testing.T) {
	forever := make(chan struct{})
	t.Cleanup(func() { close(forever) })
	deaf := func(context.Context) Finding { <-forever; return OK("") }
	findings := Run(context.Background(), []Check{
		{Name: "strict", Limit: 10 * time.Millisecond, Look: deaf},
		{Name: "lenient", Limit: 20 * time.Millisecond, Look: deaf, Late: StateWarn},
	})
	if f := findings[0]; f.State != StateFail || f.Detail != "did not answer within 10ms" || f.Remedy == "" {
		t.Errorf("%+v", f)
	}
	if f := findings[1]; f.State != StateWarn || f.Detail != "did not answer within 20ms" {
		t.Errorf("%+v", f)
	}
}

func TestRunEndsWhenItIsCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	forever := make(chan struct{})
	t.Cleanup(func() { close(forever) })
	findings := Run(ctx, []Check{{Name: "deaf", Limit: time.Hour, Look: func(context.Context) Finding {
		cancel()
		<-forever
		return OK("")
	}}})
	if f := findings[0]; f.State != StateFail || f.Name != "deaf" {
		t.Errorf("%+v", f)
	}
}

func TestFindingIsReadByMachines(t *testing.T) {
	text, err := json.Marshal(Finding{Name: "cpu", State: StateOK, Detail: "2 processors"})
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"name":"cpu","state":"ok","detail":"2 processors"}`; string(text) != want {
		t.Errorf("%s, want %s", text, want)
	}
}
