package settings

import (
	"errors"
	"net"
	"net/mail"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
)

// FQDN says why s is not a domain that a certificate can be issued for. A domain outside ASCII is accepted; [ASCII] turns
// it into punycode.
func FQDN(s string) error {
	_, err := domain(s)
	return err
}

// ASCII returns the domain in the form that DNS uses: lower case, punycode, without the dot at the end. What is no domain
// comes back as it is.
func ASCII(s string) string {
	name, err := domain(s)
	if err != nil {
		return s
	}
	return name
}

func domain(s string) (string, error) {
	name := strings.ToLower(strings.TrimSpace(s))
	if err := notADomain(name); err != nil {
		return "", err
	}
	name = strings.TrimSuffix(name, ".")
	if strings.ContainsFunc(name, func(r rune) bool { return r > unicode.MaxASCII }) || strings.Contains(name, "xn--") {
		ascii, err := idna.Lookup.ToASCII(name)
		if err != nil {
			return "", errors.New("holds a character that no domain can have")
		}
		name = ascii
	}
	labels := strings.Split(name, ".")
	for _, label := range labels {
		if err := checkLabel(label); err != nil {
			return "", err
		}
	}
	last := labels[len(labels)-1]
	switch {
	case len(labels) < 2:
		return "", errors.New("holds no dot: give the whole name, as in shop.company.net")
	case len(name) > 253:
		return "", errors.New("is longer than the 253 characters a domain can have")
	case strings.Trim(last, "0123456789") == "":
		return "", errors.New("ends in a number, which no top-level domain is")
	}
	return name, nil
}

// notADomain recognises what people give in place of a domain.
func notADomain(name string) error {
	bare := strings.Trim(name, "[]")
	switch {
	case name == "":
		return errors.New("is blank")
	case strings.Contains(name, "://"):
		return errors.New("is a URL: give the domain alone")
	case strings.Contains(name, "@"):
		return errors.New("is an e-mail address: give the domain alone")
	case net.ParseIP(bare) != nil:
		return errors.New("is an IP address: a certificate needs a name")
	case strings.ContainsAny(name, "/?#"):
		return errors.New("holds a path: give the domain alone")
	case strings.ContainsFunc(name, unicode.IsSpace):
		return errors.New("holds a space")
	case strings.Contains(name, ":"):
		return errors.New("holds a port: give the domain alone")
	case strings.Contains(name, "*"):
		return errors.New("is a wildcard: give the one name that is served")
	}
	return nil
}

func checkLabel(label string) error {
	switch {
	case label == "":
		return errors.New("holds a dot with nothing beside it")
	case strings.Contains(label, "_"):
		return errors.New("holds an underscore, which a host name cannot have")
	case strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-"):
		return errors.New("holds a part that starts or ends with a hyphen")
	case len(label) > 63:
		return errors.New("holds a part longer than 63 characters")
	case strings.ContainsFunc(label, notInADomain):
		return errors.New("holds a character that no domain can have")
	}
	return nil
}

func notInADomain(r rune) bool {
	return r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z')
}

// Email says why s is not one bare e-mail address with a domain.
func Email(s string) error {
	s = strings.TrimSpace(s)
	if s == "" {
		return errors.New("is blank")
	}
	if !strings.Contains(s, "@") {
		return errors.New("holds no @")
	}
	address, err := mail.ParseAddress(s)
	if err != nil {
		if strings.Contains(s, ",") || strings.Count(s, "@") > 1 {
			return errors.New("is more than one e-mail address")
		}
		return errors.New("is not an e-mail address")
	}
	if address.Address != s {
		return errors.New("holds more than the bare address")
	}
	at := strings.LastIndex(s, "@")
	if at > 64 {
		return errors.New("holds more than 64 characters before the @")
	}
	if err := FQDN(s[at+1:]); err != nil {
		return errors.New("its domain " + err.Error())
	}
	return nil
}

// URL says why s is not the address of a web server.
func URL(s string) error {
	s = strings.TrimSpace(s)
	if s == "" {
		return errors.New("is blank")
	}
	if strings.ContainsFunc(s, unicode.IsSpace) {
		return errors.New("holds a space")
	}
	address, err := url.Parse(s)
	switch {
	case err != nil:
		return errors.New("is not a URL")
	case address.Scheme != "http" && address.Scheme != "https":
		return errors.New("must start with https:// or http://")
	case address.Hostname() == "":
		return errors.New("names no host")
	case address.User != nil:
		return errors.New("holds a user or password, which would be seen wherever it is shown")
	}
	if address.Port() != "" {
		if err := Port(address.Port()); err != nil {
			return errors.New("its port " + err.Error())
		}
	}
	return nil
}

// Port says why s is not a TCP port.
func Port(s string) error {
	s = strings.TrimSpace(s)
	if s == "" {
		return errors.New("is blank")
	}
	if strings.Trim(s, "0123456789") != "" {
		return errors.New("is not a number")
	}
	if n, err := strconv.Atoi(s); err != nil || n < 1 || n > 65535 {
		return errors.New("is not between 1 and 65535")
	}
	if s[0] == '0' {
		return errors.New("starts with a zero")
	}
	return nil
}

// NonBlank refuses what holds nothing but spaces.
func NonBlank(s string) error {
	if strings.TrimSpace(s) == "" {
		return errors.New("is blank")
	}
	return nil
}

var placeholder = regexp.MustCompile(`(?i)(^|[^a-z])(change|replace)[-_ ]?me([^a-z]|$)|(^|[/@._-])your[-_ ]|^<.*>$|(^|[/@.])example\.(com|org|net)\b|\.(example|invalid)$` +
	`|^x{3,}|^(todo|fixme|tbd|placeholder)\b|^(password|secret|insert[-_ ].*)$|^\.{3}$|^…$`)

// Placeholder refuses what a template leaves for the operator to fill in: changeme, your-domain, example.com, xxx, TODO.
func Placeholder(s string) error {
	if placeholder.MatchString(strings.TrimSpace(s)) {
		return errors.New("is still the placeholder of a template")
	}
	return nil
}
