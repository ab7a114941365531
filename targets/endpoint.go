package targets

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/template"

	"slipway"
	"slipway/internal/compose"
	"slipway/internal/health"
)

// placeholders stand for a setting that nobody knows yet: a host or a port, a scheme, the beginning of a URL. A declaration
// that none of them makes right cannot be right.
var placeholders = []string{"1", "http", "http://1"}

// checkEndpoint says why the endpoint cannot be asked.
func checkEndpoint(e slipway.Endpoint) error {
	if err := checkURL("URL", e.URL, askable); err != nil {
		return err
	}
	if e.Via == "" {
		return nil
	}
	return checkURL("Via", e.Via, dialable)
}

// checkURL judges a text with a placeholder for each setting.
func checkURL(field, text string, judge func(string) error) error {
	var problem error
	for _, placeholder := range placeholders {
		filled, err := template.Substitute(text, func(string) (string, bool) { return placeholder, true })
		if err != nil {
			return fmt.Errorf("%s %q cannot be read: a setting is written ${KEY}, and a dollar sign $$", field, text)
		}
		err = judge(filled)
		if err == nil {
			return nil
		}
		problem = cmp.Or(problem, err) // the first placeholder is the likeliest
	}
	return fmt.Errorf("%s %q: %w", field, text, problem)
}

func askable(text string) error {
	u, err := url.Parse(text)
	if err != nil || !slices.Contains([]string{"http", "https", "tcp"}, u.Scheme) || u.Hostname() == "" {
		return errors.New("what can be asked is http://HOST…, https://HOST… or tcp://HOST:PORT")
	}
	if u.Port() == "" && u.Scheme != "tcp" && !strings.HasSuffix(u.Host, ":") {
		return nil
	}
	return checkPort(u.Port())
}

func dialable(text string) error {
	_, port, err := net.SplitHostPort(text)
	if err != nil {
		return errors.New("what can be dialled is HOST:PORT")
	}
	return checkPort(port)
}

func followable(text string) error {
	if u, err := url.Parse(text); err != nil || u.Scheme == "" || u.Host == "" && u.Opaque == "" {
		return errors.New("a link is a whole URL, such as https://HOST/")
	}
	return nil
}

func checkPort(text string) error {
	if port, err := strconv.Atoi(text); err != nil || port < 1 || port > 65535 {
		return errors.New("its port has to be a number from 1 to 65535")
	}
	return nil
}

// bare finds the settings of a text that must have a value: ${KEY}, ${KEY:?…} and $KEY, and not ${KEY:-default}.
var bare = regexp.MustCompile(`\$(?:\{([A-Za-z_]\w*)(?::?\?[^}]*)?\}|([A-Za-z_]\w*))`)

// needed are the keys of the settings without which the text cannot be filled in.
func needed(text string) []string {
	var keys []string
	for _, found := range bare.FindAllStringSubmatch(strings.ReplaceAll(text, "$$", ""), -1) {
		keys = append(keys, found[1]+found[2])
	}
	return keys
}

// expand replaces ${KEY} and ${KEY:-default} as Compose does. What is not set is an error: Compose takes it for empty.
func expand(text string, values func(string) (string, bool)) (string, error) {
	for _, key := range needed(text) {
		if _, ok := values(key); !ok {
			return "", fmt.Errorf("%s is not set", key)
		}
	}
	return template.Substitute(text, values)
}

// verifyAddresses asks the addresses from outside.
func (s *session) verifyAddresses(ctx context.Context) ([]health.Answer, error) {
	env, err := s.values()
	if err != nil {
		return nil, err
	}
	endpoints, err := s.askable(ctx)
	if err != nil {
		return nil, err
	}
	var addresses []health.Address
	for _, a := range endpoints {
		url, err := expand(a.URL, env)
		if err != nil {
			return nil, fmt.Errorf("address %s: %w", a.Name, err)
		}
		via, err := expand(a.Via, env)
		if err != nil {
			return nil, fmt.Errorf("address %s: %w", a.Name, err)
		}
		addresses = append(addresses, health.Address{Name: a.Name, URL: url, Want: a.Ready, Via: via, InsecureCA: s.private(), Project: s.project})
	}
	tell, done := s.answers(ctx)
	defer done()
	return health.Ask(ctx, addresses, s.options.passes, tell), nil
}

// askable are the endpoints that can be asked from here: of an engine on another machine, not those that follow from its published
// ports, which are that machine's.
func (s *session) askable(ctx context.Context) ([]slipway.Endpoint, error) {
	model, err := s.model(ctx)
	if err != nil {
		return nil, err
	}
	if info, err := s.info(); err != nil || info.Local {
		return s.dest.Endpoints, nil //nolint:nilerr // whoever needs the engine says so
	}
	published := model.Endpoints()
	return slices.DeleteFunc(slices.Clone(s.dest.Endpoints), func(e slipway.Endpoint) bool {
		return slices.Contains(published, compose.Endpoint{Name: e.Name, URL: e.URL})
	}), nil
}

func answersError(answers []health.Answer) error {
	text := ""
	for _, a := range answers {
		if !a.OK {
			text += "\n  " + a.Name + ": " + a.Reason
		}
	}
	if text == "" {
		return nil
	}
	return fmt.Errorf("the stack does not answer from outside:%s", text)
}

// answersHints say what to do about addresses that do not answer, one for each kind of failure.
func answersHints(answers []health.Answer) []string {
	advice := map[category]string{
		transient:      "nobody answers there: look whether the port is published, and at what stands before the service",
		rateLimit:      "the service limits how often it is asked (429): leave the address that is asked out of the limit, or ask it once: -passes=1",
		serverError:    "the service answers, with a fault of its own (5xx): " + command("logs") + " SERVICE",
		authentication: "the address wants to know who asks (401, 403): declare one that answers without a login",
	}
	var hints []string
	for _, a := range answers {
		if hint := advice[categoryOf(a.Err)]; !a.OK && hint != "" && !slices.Contains(hints, hint) {
			hints = append(hints, hint)
		}
	}
	return hints
}
