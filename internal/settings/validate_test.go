package settings

import (
	"strings"
	"testing"
)

func TestValidatorsSayWhyTheyRefuse(t *testing.T) {
	label := strings.Repeat("a", 64)
	long := strings.Repeat(strings.Repeat("a", 60)+".", 4) + "firm.dex.de"
	for _, c := range []struct {
		name     string
		validate func(string) error
		given    string
		why      string
	}{
		{"FQDN", FQDN, "", "is blank"},
		{"FQDN", FQDN, "   ", "is blank"},
		{"FQDN", FQDN, "shop firm.de", "holds a space"},
		{"FQDN", FQDN, "my_shop.firm.de", "holds an underscore"},
		{"FQDN", FQDN, "localhost", "holds no dot"},
		{"FQDN", FQDN, label + ".firm.de", "longer than 63"},
		{"FQDN", FQDN, long, "longer than the 253"},
		{"FQDN", FQDN, "-shop.firm.de", "starts or ends with a hyphen"},
		{"FQDN", FQDN, "shop-.firm.de", "starts or ends with a hyphen"},
		{"FQDN", FQDN, "203.0.113.7", "is an IP address"},
		{"FQDN", FQDN, "2001:db8::1", "is an IP address"},
		{"FQDN", FQDN, "[2001:db8::1]", "is an IP address"},
		{"FQDN", FQDN, "https://shop.firm.de", "is a URL"},
		{"FQDN", FQDN, "shop.firm.de/login", "holds a path"},
		{"FQDN", FQDN, "shop.firm.de:8443", "holds a port"},
		{"FQDN", FQDN, "ops@firm.de", "is an e-mail address"},
		{"FQDN", FQDN, "*.firm.de", "is a wildcard"},
		{"FQDN", FQDN, "shop..firm.de", "a dot with nothing beside it"},
		{"FQDN", FQDN, ".firm.de", "a dot with nothing beside it"},
		{"FQDN", FQDN, "shop.firm.1", "ends in a number"},
		{"FQDN", FQDN, "sh!op.firm.de", "holds a character"},
		{"FQDN", FQDN, "shop.firm.de\x00", "holds a character"},
		{"FQDN", FQDN, "☃\u200d.firm.de", "holds a character"},
		{"FQDN", FQDN, "xn--\xff.de", "holds a character"},
		{"Email", Email, "", "is blank"},
		{"Email", Email, "ops.firm.de", "holds no @"},
		{"Email", Email, "ops@", "is not an e-mail address"},
		{"Email", Email, "@firm.de", "is not an e-mail address"},
		{"Email", Email, "ops@localhost", "its domain holds no dot"},
		{"Email", Email, "a@b@firm.de", "more than one"},
		{"Email", Email, "a@firm.de, b@firm.de", "more than one"},
		{"Email", Email, "Ops <ops@firm.de>", "more than the bare address"},
		{"Email", Email, "ops@203.0.113.7", "its domain is an IP address"},
		{"Email", Email, "o ps@firm.de", "is not an e-mail address"},
		{"Email", Email, strings.Repeat("a", 65) + "@firm.de", "more than 64 characters"},
		{"URL", URL, "", "is blank"},
		{"URL", URL, "firm.de", "must start with https"},
		{"URL", URL, "ftp://firm.de", "must start with https"},
		{"URL", URL, "https://", "names no host"},
		{"URL", URL, "https://:443", "names no host"},
		{"URL", URL, "https://ops:hunter2hunter2@firm.de", "holds a user or password"},
		{"URL", URL, "https://firm.de/a b", "holds a space"},
		{"URL", URL, "https://firm.de:99999", "its port is not between"},
		{"URL", URL, "https://%zz", "is not a URL"},
		{"Port", Port, "", "is blank"},
		{"Port", Port, "http", "is not a number"},
		{"Port", Port, "-1", "is not a number"},
		{"Port", Port, "0", "is not between"},
		{"Port", Port, "65536", "is not between"},
		{"Port", Port, "99999999999999999999", "is not between"},
		{"Port", Port, "0080", "starts with a zero"},
		{"NonBlank", NonBlank, "\t \n", "is blank"},
		{"Placeholder", Placeholder, "changeme", "placeholder"},
		{"Placeholder", Placeholder, "Change-Me-Please", "placeholder"},
		{"Placeholder", Placeholder, "your-domain.com", "placeholder"},
		{"Placeholder", Placeholder, "admin@your-domain.com", "placeholder"},
		{"Placeholder", Placeholder, "shop.example.com", "placeholder"},
		{"Placeholder", Placeholder, "ops@example.org", "placeholder"},
		{"Placeholder", Placeholder, "xxxxxxxx", "placeholder"},
		{"Placeholder", Placeholder, "TODO: ask Anna", "placeholder"},
		{"Placeholder", Placeholder, "<secret key>", "placeholder"},
		{"Placeholder", Placeholder, "password", "placeholder"},
	} {
		err := c.validate(c.given)
		if err == nil || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s(%q): %v, want %q", c.name, c.given, err, c.why)
			continue
		}
		if strings.ContainsAny(err.Error(), "\n") {
			t.Errorf("%s(%q): not one sentence", c.name, c.given)
		}
	}
}

func TestValidatorsAcceptWhatIsInUse(t *testing.T) {
	for _, c := range []struct {
		name     string
		validate func(string) error
		given    []string
	}{
		{"FQDN", FQDN, []string{"firm.de", "Shop.Firm.DE", "a.b.c.d.firm.co.uk", "münchen.de", "xn--mnchen-3ya.de", "3com.com", "firm.de.", "r3---sn.firm.net", "例え.テスト"}},
		{"Email", Email, []string{"ops@firm.de", "first.last+tag@sub.firm.de", "o'neil@firm.ie", "ops@münchen.de"}},
		{"URL", URL, []string{"https://firm.de", "http://localhost:8080/x?y=z", "https://[2001:db8::1]:8443/"}},
		{"Port", Port, []string{"1", "80", "65535"}},
		{"NonBlank", NonBlank, []string{"x"}},
		{"Placeholder", Placeholder, []string{"", "shop.firm.de", "yourls.org", "myexample.community", "hunter2", "exchangement", "Xx", "todos.firm.de", "passwords"}},
	} {
		for _, given := range c.given {
			if err := c.validate(given); err != nil {
				t.Errorf("%s(%q): %v", c.name, given, err)
			}
		}
	}
}

func TestASCIIKeepsADomainAsDNSHasIt(t *testing.T) {
	for given, want := range map[string]string{
		"Shop.Firm.de.": "shop.firm.de",
		" firm.de ":     "firm.de",
		"MÜNCHEN.de":    "xn--mnchen-3ya.de",
		"no domain":     "no domain",
	} {
		if got := ASCII(given); got != want {
			t.Errorf("ASCII(%q) = %q", given, got)
		}
	}
}

func TestCheckDoesNotRepeatASecretThatAStackRefuses(t *testing.T) {
	s := Setting{Key: "TOKEN", Validate: func(v string) error { return &MissingError{Keys: []string{v}} }}
	err := s.Check("hunter2hunter2")
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v", err)
	}
}

func TestGenerateUsesAllLettersAndDigits(t *testing.T) {
	seen := map[rune]int{}
	for range 200 {
		secret := generate(48)
		if len(secret) != 48 {
			t.Fatalf("%d characters", len(secret))
		}
		for _, r := range secret {
			seen[r]++
		}
	}
	for _, r := range alphabet {
		// 9600 letters, 155 of each on average: a deviation of a half is beyond six sigma.
		if n := seen[r]; n < 77 || n > 233 {
			t.Errorf("%q came %d times", r, n)
		}
	}
	if len(seen) != len(alphabet) {
		t.Errorf("%d different letters", len(seen))
	}
}

// FuzzValidators: none panics, none takes what the domain name system does not, and a domain's kept form is stable.
func FuzzValidators(f *testing.F) {
	for _, s := range []string{"shop.firm.de", "münchen.de", "ops@firm.de", "https://a.b:1/c", "8080", "xn--a.de", "a@[::1]", "\u0130.de", "your-x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, given string) {
		for _, validate := range []func(string) error{FQDN, Email, URL, Port, NonBlank, Placeholder} {
			if err := validate(given); err != nil && strings.Contains(err.Error(), "\n") {
				t.Errorf("%q: not one sentence", given)
			}
		}
		if FQDN(given) != nil {
			return
		}
		kept := ASCII(given)
		if len(kept) > 253 || strings.ToLower(kept) != kept || strings.ContainsAny(kept, " _/:@") {
			t.Errorf("%q is kept as %q", given, kept)
		}
		if err := FQDN(kept); err != nil || ASCII(kept) != kept {
			t.Errorf("%q is kept as %q, which is kept as %q, %v", given, kept, ASCII(kept), err)
		}
	})
}
