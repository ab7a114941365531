package scripts_test

import (
	"strings"
	"testing"
	"time"
)

// rule is one of UFW's as it writes it into user.rules: its record, and what iptables is told.
func rule(tuple string) string { return "### tuple ### " + tuple + "\n-A ufw-user-input -j ACCEPT\n\n" }

func TestSSHPortsAreAllowedBeforeTheFirewallIsEnabled(t *testing.T) {
	m := newBareMachine(t)
	m.sockets("LISTEN 2222", "LISTEN 2022")
	m.prerequisites("firewall").exits(t, 0)
	calls := m.calls()
	enable := strings.Index(calls, "ufw --force enable")
	for _, port := range []string{"2222", "2022", "80", "443"} {
		allow := strings.Index(calls, "ufw allow "+port+"/tcp")
		if allow < 0 || allow > enable {
			t.Errorf("port %s is not allowed before ufw is enabled:\n%s", port, calls)
		}
	}
	m.forget()
	second := m.prerequisites("firewall")
	second.exits(t, 0)
	second.says(t, "firewall: nothing to do (open: 2022 2222 80 443)")
	m.notCalled(t, "ufw")
}

func TestFirewallThatCannotAllowSSHIsNotEnabled(t *testing.T) {
	m := newBareMachine(t)
	m.command("ufw", `[[ $1 != allow ]]`)
	m.prerequisites("firewall").exits(t, 1)
	m.called(t, "ufw", "allow 2222/tcp")
	if strings.Contains(m.calls(), "enable") {
		t.Error("ufw was enabled with SSH closed")
	}
}

func TestWithoutAListenerOfSSHTheFirewallIsRefused(t *testing.T) {
	for name, sockets := range map[string][]string{"nothing listens": nil, "another port listens": {"LISTEN 8080"}} {
		t.Run(name, func(t *testing.T) {
			m := newBareMachine(t)
			m.sockets(sockets...)
			m.write("proc/100/comm", "httpd\n")
			r := m.prerequisites("firewall")
			r.exits(t, 3)
			r.says(t, "no SSH server is found to listen, so nobody knows which port must stay open")
			m.notCalled(t, "ufw")
			m.notCalled(t, "apt-get")
		})
	}
}

func TestARuleCountsByItsDirectionItsInterfaceAndItsOrder(t *testing.T) {
	const open = "allow tcp 2222 0.0.0.0/0 any 0.0.0.0/0 in"
	for name, c := range map[string]struct {
		rules string
		added bool
	}{
		"open":                            {rule(open), false},
		"any port":                        {rule("allow any any 0.0.0.0/0 any 0.0.0.0/0 in"), false},
		"in a list":                       {rule("allow tcp 22,2222 0.0.0.0/0 any 0.0.0.0/0 in"), false},
		"in a range":                      {rule("allow tcp 2000:3000 0.0.0.0/0 any 0.0.0.0/0 in"), false},
		"limited, logged and commented":   {rule("limit_log tcp 2222 0.0.0.0/0 any 0.0.0.0/0 in comment=737368"), false},
		"of an application":               {rule("allow tcp 2222 0.0.0.0/0 any 0.0.0.0/0 My%20SSH - in"), false},
		"for some addresses, as is meant": {rule("allow tcp 2222 0.0.0.0/0 any 192.0.2.7 in"), false},
		"on an interface, as is meant":    {rule("allow tcp 2222 0.0.0.0/0 any 0.0.0.0/0 in_eth1"), false},
		"outwards":                        {rule("allow tcp 2222 0.0.0.0/0 any 0.0.0.0/0 out"), true},
		"outwards on an interface":        {rule("allow tcp 2222 0.0.0.0/0 any 0.0.0.0/0 out_eth0"), true},
		"passed on":                       {rule("route:allow tcp 2222 0.0.0.0/0 any 0.0.0.0/0 in"), true},
		"of datagrams":                    {rule("allow udp 2222 0.0.0.0/0 any 0.0.0.0/0 in"), true},
		"from that port":                  {rule("allow tcp any 0.0.0.0/0 2222 0.0.0.0/0 out"), true},
		"a longer number":                 {rule("allow tcp 22222 0.0.0.0/0 any 0.0.0.0/0 in"), true},
		"denied":                          {rule("deny tcp 2222 0.0.0.0/0 any 0.0.0.0/0 in"), true},
		"denied after it is open":         {rule(open) + rule("deny tcp 2222 0.0.0.0/0 any 0.0.0.0/0 in"), false},
	} {
		t.Run(name, func(t *testing.T) {
			m := newBareMachine(t)
			m.write("etc/ufw/user.rules", c.rules)
			m.prerequisites("firewall")
			if added := strings.Contains(m.calls(), "ufw allow 2222/tcp"); added != c.added {
				t.Errorf("added is %v:\n%s", added, m.calls())
			}
		})
	}
}

// A deny before it would win.
func TestAFirewallThatWouldCloseSSHIsOffAgain(t *testing.T) {
	for name, c := range map[string]struct{ rules, iptables string }{
		"a rule that denies it comes first": {rule("deny tcp 2222 0.0.0.0/0 any 0.0.0.0/0 in"), ""},
		"the kernel has not got the rule":   {"", `[[ $* != *2222* ]]`},
		"the kernel has no rules of ufw":    {"", `[[ $* != *ufw-before-input* ]]`},
	} {
		t.Run(name, func(t *testing.T) {
			m := newBareMachine(t)
			m.write("etc/ufw/user.rules", c.rules)
			m.quiet("iptables", c.iptables)
			r := m.prerequisites("firewall")
			r.exits(t, 3)
			r.says(t, "port 2222, by which SSH comes in, would be closed; the firewall is off again")
			if got := m.read("etc/ufw/ufw.conf"); got != "ENABLED=no\n" {
				t.Errorf("ufw.conf: %s", got)
			}
		})
	}
}

func TestAFirewallStaysOnIfOneMoreSSHConnectionComesIn(t *testing.T) {
	const session = "2022 192.0.2.1:50000" // on a port that no file tells
	m := newBareMachine(t)
	m.sockets("LISTEN 2222", "LISTEN 2022", session)
	m.write("etc/ufw/user.rules", rule("allow tcp 2022 0.0.0.0/0 any 198.51.100.0/24 in")+rule("deny tcp 2222 0.0.0.0/0 any 203.0.113.1 in"))
	m.write("etc/ufw/ufw.conf", "ENABLED=no\n")
	done := make(chan result, 1)
	stderr := &watched{}
	go func() { done <- m.run(stderr, "firewall") }()
	for deadline := time.Now().Add(time.Minute); !stderr.contains("Open one more SSH connection from where you are"); {
		if time.Now().After(deadline) {
			t.Fatalf("nobody was asked:\n%s", stderr)
		}
		time.Sleep(10 * time.Millisecond)
	}
	if got := m.read("etc/ufw/ufw.conf"); got != "ENABLED=no\n" {
		t.Errorf("a restart of the machine would bring the firewall on before it is confirmed: %s", got)
	}
	m.sockets("LISTEN 2222", "LISTEN 2022", session, "2222 192.0.2.9:50001", "2022 192.0.2.1:50002")
	r := <-done
	r.exits(t, 0)
	m.called(t, "ufw", "prepend allow proto tcp from 192.0.2.1 to any port 2022")
	if got := m.read("etc/ufw/ufw.conf"); got != "ENABLED=yes\n" {
		t.Errorf("ufw.conf: %s", got)
	}
}
