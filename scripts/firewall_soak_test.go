//go:build soak

package scripts_test

import (
	"strings"
	"testing"
)

// TestFirewallOverSSHOnAPlainDebian has a real UFW, a real sshd and a client, in namespaces of the test's own.
func TestFirewallOverSSHOnAPlainDebian(t *testing.T) {
	d := newPlainDebian(t)
	d.run(t, "shared", "apt-get -q update && apt-get -q -y --download-only --no-install-recommends install ufw")
	out := d.run(t, "alone", "exec bash /slipway/scripts/testdata/sessions.sh")
	for _, want := range []string{
		"during the trial: ENABLED=no, policy -P INPUT DROP\n",
		"cut off: undone no other SSH connection came in within 120 seconds\n",
		"after it: ENABLED=no, policy -P INPUT ACCEPT\n",
		"new session: yes\n",
		"second session: yes\n",
		"kept: ENABLED=yes, policy -P INPUT DROP\n",
		"third session: yes\n",
		"prerequisites.sh: firewall: nothing to do (open: 2022 2222 80 443)\n",
		"without a listener: exit 3\n",
		"### tuple ### allow tcp 2222 0.0.0.0/0 any 0.0.0.0/0 out\n",
		"### tuple ### allow tcp 2222 0.0.0.0/0 any 0.0.0.0/0 in\n",
		"### tuple ### allow tcp 2022 0.0.0.0/0 any 0.0.0.0/0 in\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("lacks %q", want)
		}
	}
	if t.Failed() {
		t.Log(out)
	}
}
