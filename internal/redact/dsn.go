package redact

import (
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Secrets returns what has to be hidden of a setting: the value, where the key is named like a secret, and in any case what a
// value of any name carries along, such as the password in a connection string.
func Secrets(key, value string) []string {
	var secrets []string
	if value != "" && SecretKey(key) {
		secrets = append(secrets, value)
	}
	return append(secrets, Carried(value)...)
}

// Carried are the credentials within a value: in URLs, in the connection strings of databases, in pairs such as password=…,
// in JSON, and behind a flag. They are read as people write them, not as a standard has it: a password that breaks the URL it
// stands in is one all the same.
func Carried(value string) []string {
	var secrets []string
	add := func(secret string) {
		if secret != "" && !slices.Contains(secrets, secret) {
			secrets = append(secrets, secret)
		}
	}
	for _, c := range carriers {
		if strings.Contains(value, c.sign) {
			c.find(value, add)
		}
	}
	return secrets
}

// carriers find the credentials of one kind of text each, which has the sign.
var carriers = []struct {
	sign string
	find func(value string, add func(string))
}{{":", inURLs}, {"@", inAddress}, {"=", inPairs}, {`"`, inJSON}, {"\n", inLines}, {" ", inHeaders}, {"-", behindFlags}}

var (
	// scheme begins a URL, in whatever stands before it: jdbc:postgresql://…
	scheme = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*)://`)
	// oracle is jdbc:oracle:thin:scott/tiger@…
	oracle = regexp.MustCompile(`(?i)\boracle:[a-z0-9]+:([^/@\s]+)/([^@\s]+)@`)
	// address is what the drivers of MySQL take, app:secret@tcp(db:3306)/shop, and what proxies do, app:secret@proxy:3128.
	address = regexp.MustCompile(`^([A-Za-z_][^:@/\s]*):(\S+)@(?:[a-z0-9]*\([^()]*\)(?:/\S*)?|/\S*|(?:[A-Za-z][A-Za-z0-9.-]*|[0-9]+(?:\.[0-9]+){3})(?::[0-9]+)?(?:/\S*)?)$`)
	// mail is what stands before an address of somebody, and not of a machine.
	mail = regexp.MustCompile(`(?i)^(mailto|acct|sips?|xmpp)$`)
	// port is what follows the host of a URL, where it is no password.
	port = regexp.MustCompile(`^[0-9]*(?:[/?#]|$)`)
)

// inURLs finds the user and the password of each URL.
func inURLs(value string, add func(string)) {
	for _, m := range oracle.FindAllStringSubmatch(value, -1) {
		both(add, m[2])
	}
	for _, at := range scheme.FindAllStringSubmatchIndex(value, -1) {
		rest := value[at[1]:]
		if end := strings.IndexAny(rest, " \t\r\n\"'`<>"); end >= 0 {
			rest = rest[:end]
		}
		web := strings.HasPrefix(strings.TrimPrefix(strings.ToLower(value[at[2]:at[3]]), "git+"), "http")
		user, password, has := strings.Cut(userinfo(rest, web), ":")
		if web && isToken(user) {
			both(add, user)
		}
		if has {
			both(add, password)
		}
	}
}

// userinfo is what stands before the @ of a URL: before the last one of the host, or, where the password holds what begins a
// path, before the last one of all. On the web an @ in a path is usual, and what follows the host may be a port.
func userinfo(rest string, web bool) string {
	host := rest
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		host = rest[:end]
	}
	_, password, has := strings.Cut(host, ":")
	last := strings.LastIndexByte(host, '@')
	if path, _, _ := strings.Cut(rest, "?"); has && !web && strings.Contains(path, "@") {
		last = strings.LastIndexByte(path, '@')
	}
	if last < 0 && has && !(web && port.MatchString(password+rest[len(host):])) {
		last = strings.LastIndexByte(rest, '@')
	}
	return rest[:max(last, 0)]
}

// isToken tells whether the user of a URL is a credential by itself, as those of GitHub and Sentry are, and not a name.
func isToken(user string) bool {
	const shortest, sure = 8, 20
	return len(user) >= sure || len(user) >= shortest && strings.ContainsAny(user, "0123456789")
}

// both adds a part of a URL as it is written and as it is meant.
func both(add func(string), part string) {
	add(part)
	if meant, err := url.PathUnescape(part); err == nil {
		add(meant)
	}
	if meant, err := url.QueryUnescape(part); err == nil {
		add(meant)
	}
}

// inAddress finds the password of user:password@host, which is no URL.
func inAddress(value string, add func(string)) {
	if m := address.FindStringSubmatch(value); m != nil && !strings.Contains(value, "://") && !mail.MatchString(m[1]) {
		add(m[2])
	}
}

var (
	// pair begins a pair of a connection string, of a query or of a command.
	pair = regexp.MustCompile(`([A-Za-z][A-Za-z0-9_.-]*)[ \t]*=[ \t]*`)
	// next ends a value where another pair begins, or the text ends.
	next = regexp.MustCompile(`[;,][ \t]*(?:[A-Za-z][A-Za-z0-9 _.-]*=|$)|[&\s]`)
	// separated is a connection string whose values may hold blanks: Server=db;Password=a b;
	separated = regexp.MustCompile(`^[ \t]*[A-Za-z][A-Za-z0-9 _.-]*=[^;]*;[ \t]*(?:[A-Za-z][A-Za-z0-9 _.-]*=|$)`)
	// nextSeparated ends a value of it.
	nextSeparated = regexp.MustCompile(`;[ \t]*(?:[A-Za-z][A-Za-z0-9 _.-]*=|$)`)
	// reference is a variable that a shell or a template puts its value in place of.
	reference = regexp.MustCompile(`^(?:\$[A-Za-z_{(][^$]*|\{\{.*|<[^>]*>)$`)
)

// inPairs finds password=…: in libpq's "host=db password='a b'", in ADO's "Server=db;Password=a b", and in queries.
func inPairs(value string, add func(string)) {
	for _, at := range pair.FindAllStringSubmatchIndex(value, -1) {
		key, rest := value[at[2]:at[3]], value[at[1]:]
		if rest == "" || !SecretKey(key) && !strings.EqualFold(key, "pwd") {
			continue
		}
		if text, quoted := unquoted(rest); quoted {
			learn(add, text)
			continue
		}
		ends := []*regexp.Regexp{next}
		if separated.MatchString(value) {
			ends = append(ends, nextSeparated)
		}
		for _, end := range ends {
			text := rest
			if found := end.FindStringIndex(rest); found != nil {
				text = rest[:found[0]]
			}
			learn(add, strings.Trim(text, "\"'`"))
		}
	}
}

// learn adds a value, unless it is the name of one or a place where one is.
func learn(add func(string), text string) {
	if !reference.MatchString(text) && !strings.HasPrefix(text, "/") {
		both(add, text)
	}
}

// unquoted is a value in the quotes that connection strings know, without them: '…' with backslashes or doubled, "…" and {…}.
func unquoted(s string) (text string, quoted bool) {
	closing := map[byte]byte{'\'': '\'', '"': '"', '{': '}'}[s[0]]
	if closing == 0 {
		return "", false
	}
	var inside strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && closing == '\'' && i+1 < len(s):
			i++
		case s[i] != closing:
		case i+1 < len(s) && s[i+1] == closing:
			i++
		default:
			return inside.String(), true
		}
		inside.WriteByte(s[i])
	}
	return "", false
}

var (
	member = regexp.MustCompile(`"([^"\\]{1,64})"\s*:\s*("(?:[^"\\]|\\.)*")`)
	line   = regexp.MustCompile(`(?m)^[ \t-]*([A-Za-z][A-Za-z0-9_.-]*):[ \t]+(\S.*)$`)
	header = regexp.MustCompile(`(?i)\b(?:bearer|basic)[ \t]+([A-Za-z0-9+/=._~-]+)`)
	flag   = regexp.MustCompile(`(?:^|\s)--?([A-Za-z][A-Za-z0-9_-]*)[ \t]+([^-\s]\S*)`)
)

// inJSON finds "password": "…".
func inJSON(value string, add func(string)) {
	for _, m := range member.FindAllStringSubmatch(value, -1) {
		var text string
		if SecretKey(m[1]) && json.Unmarshal([]byte(m[2]), &text) == nil {
			learn(add, text)
		}
	}
}

// inLines finds `password: …` in a file of several lines.
func inLines(value string, add func(string)) {
	for _, m := range line.FindAllStringSubmatch(value, -1) {
		if SecretKey(m[1]) {
			learn(add, strings.Trim(strings.TrimSpace(m[2]), `"'`))
		}
	}
}

// inHeaders finds what proves who asks: Authorization: Bearer ….
func inHeaders(value string, add func(string)) {
	for _, m := range header.FindAllStringSubmatch(value, -1) {
		if isToken(m[1]) {
			add(m[1])
		}
	}
}

// behindFlags finds --password ….
func behindFlags(value string, add func(string)) {
	for _, m := range flag.FindAllStringSubmatch(value, -1) {
		if SecretKey(m[1]) {
			learn(add, strings.Trim(m[2], `"'`))
		}
	}
}
