//go:build engine

package targets_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// instant is a moment of a deployment, recognised by an event in the journal of its run.
type instant struct {
	name string
	sign func(event) bool
}

// event is a line of a journal.
type event struct {
	Kind   string
	Time   time.Time
	Fields struct{ Phase, Step, State, Cause, Script, Args, Service string }
}

func phaseRuns(name string) instant {
	return instant{name, func(e event) bool { return e.Kind == "phase" && e.Fields.Phase == name && e.Fields.State == "running" }}
}

func stepRuns(name string) instant {
	return instant{name, func(e event) bool { return e.Kind == "run" && e.Fields.Step == name }}
}

func scriptRuns(name, args string) instant {
	return instant{name, func(e event) bool { return e.Kind == "script" && strings.HasPrefix(e.Fields.Args, args) }}
}

var (
	recreating = instant{"rollout: recreate", func(e event) bool {
		return e.Kind == "script" && (strings.HasPrefix(e.Fields.Args, "up ") || strings.HasPrefix(e.Fields.Args, "renew "))
	}}
	waiting  = instant{"rollout: wait", func(e event) bool { return e.Kind == "wait" }}
	instants = []instant{
		phaseRuns("preflight"), phaseRuns("config"), stepRuns("pull"), stepRuns("compile"), scriptRuns("build", "build "),
		scriptRuns("migrate", "migrate "), recreating, waiting, phaseRuns("verify"), scriptRuns("cleanup", "cleanup"),
	}
)

func (s *site) journals() []string {
	journals, _ := filepath.Glob(filepath.Join(s.state, "runs", "*.jsonl"))
	return journals
}

// events are the whole lines of a journal.
func events(path string) []event {
	data, _ := os.ReadFile(path)
	var found []event
	for _, line := range strings.Split(string(data), "\n") {
		var e event
		if json.Unmarshal([]byte(line), &e) == nil {
			found = append(found, e)
		}
	}
	return found
}

// reaches waits until the journal of the run, the one after the known ones, shows the instant; false when the run ended
// before.
func (s *site) reaches(run *started, known int, at instant) bool {
	s.t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for time.Now().Before(deadline) {
		if journals := s.journals(); len(journals) > known {
			for _, e := range events(journals[known]) {
				if at.sign(e) {
					return true
				}
			}
		}
		if syscall.Kill(run.cmd.Process.Pid, 0) != nil || zombie(run.cmd.Process.Pid) {
			return false
		}
		time.Sleep(5 * time.Millisecond)
	}
	return false
}

// killTree kills every process that works for the site, scripts and Compose too, wherever in the process tree.
func killTree(s *site) { killAllOf(s.state) }

// killAllOf kills every process that works with that state directory.
func killAllOf(state string) {
	for range 3 {
		entries, _ := filepath.Glob("/proc/[0-9]*/environ")
		for _, path := range entries {
			if data, err := os.ReadFile(path); err == nil && strings.Contains(string(data), "STATE_DIR="+state+"\x00") {
				var pid int
				if _, err := fmt.Sscanf(path, "/proc/%d/environ", &pid); err == nil && pid != os.Getpid() {
					_ = syscall.Kill(pid, syscall.SIGKILL)
				}
			}
		}
	}
}

func zombie(pid int) bool {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(data), ") Z ")
}
