//go:build engine

package targets_test

import (
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestVerifyWatchPrintsALineForEachChangeUntilItIsInterrupted(t *testing.T) {
	d := newDemo(t, map[string]string{"compose.yaml": "services: {web: {build: app, command: [serve], restart: unless-stopped}}\n"})
	d.deploy(0)
	watch := d.start("verify", "-watch", "-passes=1", "-timeout=20s")
	says := func(text string) {
		t.Helper()
		eventually(t, 40*time.Second, "verify -watch says "+text, func() bool { return strings.Contains(watch.stderr.String(), text) })
	}
	says(" well")
	d.docker("stop", "-t", "0", d.project+"-web-1")
	says(`service "web": `)
	d.docker("start", d.project+"-web-1")
	eventually(t, 40*time.Second, "verify -watch says well again", func() bool { return strings.Count(watch.stderr.String(), " well\n") == 2 })
	if err := watch.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if got := watch.wait(); got.code != 0 || got.stdout != "" {
		t.Errorf("interrupted: %s", got)
	}
}
