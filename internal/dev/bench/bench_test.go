package bench

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"slipway/internal/console"
	"slipway/internal/redact"
)

func TestTheMedianIsTheMiddleOfTheSortedRounds(t *testing.T) {
	for _, c := range []struct {
		of   series
		want float64
	}{{nil, 0}, {series{3}, 3}, {series{9, 1, 4}, 4}, {series{4, 1, 9, 2}, 3}} {
		before := slices.Clone(c.of)
		if got := c.of.median(); got != c.want {
			t.Errorf("median of %v: %v, want %v", c.of, got, c.want)
		}
		if !slices.Equal(c.of, before) {
			t.Errorf("the rounds were put in another order: %v, before %v", c.of, before)
		}
	}
}

func TestASeriesShowsItsRangeWhereThereIsOne(t *testing.T) {
	for want, s := range map[string]series{
		"-":                      nil,
		"0.25 s":                 {0.25},
		"12.0 s (1.50 to 120)":   {120, 12, 1.5},
		"-12.0 s (-120 to 0.00)": {0, -12, -120},
	} {
		if got := s.text("s"); got != want {
			t.Errorf("%v: %q, want %q", []float64(s), got, want)
		}
	}
}

func TestALimitIsMetUpToItself(t *testing.T) {
	for _, c := range []struct {
		row  row
		want row
	}{
		{against("x", "s", series{2}, series{1}, 0.5), row{"x", "2.00 s", "1.00 s", "0.50", "ratio 0.50", "met"}},
		{against("x", "s", series{2}, series{1.1}, 0.5), row{"x", "2.00 s", "1.10 s", "0.55", "ratio 0.50", "missed"}},
		{against("x", "s", series{2}, series{1}, 0), row{"x", "2.00 s", "1.00 s", "0.50", "", ""}},
		{against("x", "s", nil, series{1}, 0.5), row{name: "x", compose: "-", slipway: "1.00 s"}},
		{within("x", "s", nil, series{0.15}, 0.15), row{"x", "-", "0.15 s", "", "0.15 s", "met"}},
		{within("x", "s", series{1}, series{0.16}, 0.15), row{"x", "1.00 s", "0.16 s", "0.16", "0.15 s", "missed"}},
	} {
		if c.row != c.want {
			t.Errorf("%+v, want %+v", c.row, c.want)
		}
	}
}

func TestTheColumnsOfTheTableLineUp(t *testing.T) {
	want := `| case       | Compose | Slipway | ratio | must reach |     |
| ---------- | ------- | ------- | ----- | ---------- | --- |
| (a) long é | 2.00 s  | 1.00 s  | 0.50  | ratio 0.50 | met |
| b          |         |         |       |            |     |
`
	got := table([]row{against("(a) long é", "s", series{2}, series{1}, 0.5), {name: "b"}})
	if got != want {
		t.Errorf("\n%s\nwant\n%s", got, want)
	}
}

func TestThePageSaysHowItWasMadeAndWhereAndWhen(t *testing.T) {
	m := machine{cores: 2, engine: "20.10.24", compose: "5.6.0", date: time.Date(2026, 11, 25, 23, 0, 0, 0, time.UTC)}
	text := page(m, []row{{name: "(a) x"}})
	for _, want := range []string{"`mage dev:bench`", "2 cores, Docker engine 20.10.24, Compose 5.6.0, 2026-11-25.", "| (a) x"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in:\n%s", want, text)
		}
	}
}

func TestOnlyTheCasesThatAreNamedAreRun(t *testing.T) {
	for list, want := range map[string]string{"": "abcdefghijklm", "d": "d", "g,a": "ga"} {
		chosen, err := choose(list)
		got := ""
		for _, c := range chosen {
			got += c.name
		}
		if err != nil || got != want {
			t.Errorf("%q: %q, %v; want %q", list, got, err, want)
		}
	}
	if _, err := choose("a,z"); err == nil || !strings.Contains(err.Error(), `no case "z"`) {
		t.Errorf("an unknown case: %v", err)
	}
}

func TestTheSidesTakeTurnsAndAnotherOneIsFirstEachRound(t *testing.T) {
	var said strings.Builder
	p := &place{console: console.New(&said, &said, redact.New())}
	order := ""
	turn := func(name string) func(int) error { return func(int) error { order += name; return nil } }
	if err := alternate(t.Context(), p, 3, turn("c"), turn("s")); err != nil || order != "cssccs" {
		t.Errorf("order %q, %v", order, err)
	}
	broken := errors.New("broken")
	err := alternate(t.Context(), p, 3, func(int) error { return broken }, func(int) error { t.Error("went on"); return nil })
	if !errors.Is(err, broken) {
		t.Errorf("a turn that failed: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := alternate(ctx, p, 1, func(int) error { t.Error("began"); return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("after an interrupt: %v", err)
	}
}

func TestTheJournalSaysWhenAStepWasDone(t *testing.T) {
	j, err := readJournal(strings.NewReader(`{"n":1,"time":"2026-11-25T17:00:00Z","kind":"run","fields":{"step":"rollout"}}
{"n":2,"time":"2026-11-25T17:00:01.5Z","kind":"done","fields":{"step":"rollout","state":"done"}}
{"n":3,"time":"2026-11-25T17:00:02Z","kind":"end","fields":{"state":"done"}}
`))
	if err != nil {
		t.Fatal(err)
	}
	want := time.Date(2026, 11, 25, 17, 0, 1, 500_000_000, time.UTC)
	if at, err := j.done("rollout"); err != nil || !at.Equal(want) {
		t.Errorf("done at %v, %v; want %v", at, err, want)
	}
	if _, err := j.done("cleanup"); err == nil {
		t.Error("a step that is not in the journal is done")
	}
	if _, err := readJournal(strings.NewReader("{")); err == nil {
		t.Error("a torn journal is read")
	}
}

func TestTheActorsLineSaysWhenItAnswered(t *testing.T) {
	at, err := answeredAt([]string{"hello", "answers 1795626429000000001"})
	if err != nil || at.UnixNano() != 1795626429000000001 {
		t.Errorf("%v, %v", at, err)
	}
	for _, lines := range [][]string{nil, {"hello"}, {"answers soon"}} {
		if _, err := answeredAt(lines); err == nil {
			t.Errorf("%q says when", lines)
		}
	}
}

func TestTheHighWaterMarkIsReadInBytes(t *testing.T) {
	if got := highWater("Name:\tmage\nVmPeak:\t  9 kB\nVmHWM:\t   17304 kB\n"); got != 17304<<10 {
		t.Errorf("%d", got)
	}
	if got := highWater("Name:\tmage\nState:\tZ (zombie)\n"); got != 0 {
		t.Errorf("a process without memory has %d", got)
	}
}

func TestARequestThatIsNotAnsweredWellIsDropped(t *testing.T) {
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1)%10 == 0 {
			w.WriteHeader(http.StatusBadGateway)
		}
	}))
	defer server.Close()
	worked := false
	got, err := underLoad(t.Context(), server.URL, 600, func() error { worked = true; return nil })
	if err != nil || !worked {
		t.Fatalf("worked %v, %v", worked, err)
	}
	if got.sent < 600 || int64(got.sent) != asked.Load() || got.dropped != got.sent/10 || got.first != "502 Bad Gateway" {
		t.Errorf("%d were asked for, and %+v", asked.Load(), got)
	}
	if got.gap <= 0 || got.gap > 10*time.Second {
		t.Errorf("gap %s", got.gap)
	}
}

func TestTheGapIsTheLongestTimeWithoutAGoodAnswer(t *testing.T) {
	began := time.Now()
	count := &tally{last: began}
	for _, c := range []struct {
		after time.Duration
		err   error
	}{{10, nil}, {20, nil}, {50, errors.New("lost")}, {90, nil}, {80, nil}, {100, nil}} {
		count.add(c.err, began.Add(c.after))
	}
	if count.gap != 70 || count.dropped != 1 || count.sent != 6 || count.first != "lost" {
		t.Errorf("%+v", count.traffic)
	}
}

func TestTheEnginesEventsSayWhenAContainerTookThePlaceOfAnother(t *testing.T) {
	events := `{"Type":"container","Action":"start","Actor":{"ID":"other"},"timeNano":5}
{"Type":"container","Action":"kill","Actor":{"ID":"old"},"timeNano":10}
{"Type":"container","Action":"die","Actor":{"ID":"old"},"timeNano":20}
{"Type":"container","Action":"create","Actor":{"ID":"new"},"timeNano":30}
{"Type":"network","Action":"connect","Actor":{"ID":"net","Attributes":{"container":"new","name":"default"}},"timeNano":40}
{"Type":"container","Action":"start","Actor":{"ID":"new","Attributes":{"image":"actor"}},"timeNano":90}
{"Type":"container","Action":"health_status: healthy","Actor":{"ID":"new"},"timeNano":95}
`
	got, err := readSwap([]byte(events), "old", "new")
	if err != nil || got.down() != 70 || got.started.Sub(got.starting) != 50 {
		t.Errorf("%v, %v; want 70 without a container, the last 50 of them for the start", got, err)
	}
	for _, c := range [][2]string{{"gone", "new"}, {"old", "other"}} {
		if _, err := readSwap([]byte(events), c[0], c[1]); err == nil {
			t.Errorf("%q and %q: not all of it is there, and yet it says when", c[0], c[1])
		}
	}
}

func TestTheServiceStandsBehindTheCaddyOfTheReferenceStack(t *testing.T) {
	for name, c := range map[string]struct{ bench, first, last string }{
		"caddy/Caddyfile":         {caddyfile, "(docker_dns) {\n", "\n}\n\n{$DOMAIN}"},
		"compose.production.yaml": {fronted("actor", "caddy", "replace", 80), "    dns_opt:", "    networks:\n"},
	} {
		reference, err := os.ReadFile(filepath.Join("..", "..", "..", "stack", name))
		if err != nil {
			t.Fatal(err)
		}
		_, after, began := strings.Cut(string(reference), c.first)
		same, _, ended := strings.Cut(after, c.last)
		if !began || !ended || !strings.Contains(c.bench, c.first+same) {
			t.Errorf("%s has, and the bench has not:\n%s%s", name, c.first, same)
		}
	}
}
