package redact

import (
	"fmt"
	"regexp"
	"strings"
)

// A weak value is one that ordinary output holds as a word: it is too short, it is what everybody takes, or something of
// the stack is called so. Hiding the word everywhere would make the output unreadable, and tell the secret: so it is
// hidden only where it stands as the value of a secret.

// keyBefore is how far before a weak value its key is looked for.
const keyBefore = 128

var common = set(`access account admin admin123 administrator application backend changeme compose container database default demo
	demo123 development disable disabled docker elastic elasticsearch enable enabled example external filesystem frontend generated
	grafana guest internal keycloak letmein local localhost manager mariadb master memory minio minioadmin mongodb monitor
	mysql nextcloud nginx nobody none null optional passwd password password1 password123 postgres postgresql production
	project qwerty rabbitmq redis registry replica required root rootpassword sample secret secret123 server service staging
	started superuser sysadmin system testing test1234 testpass tester traefik undefined unknown welcome wordpress worker x-oauth-basic
	123456 1234567 12345678 123456789 1234567890 111111 000000`)

func set(words string) map[string]bool {
	all := map[string]bool{}
	for word := range strings.FieldsSeq(words) {
		all[word] = true
	}
	return all
}

// Weakness says why a secret cannot be hidden wherever it stands, as the end of a sentence; "" where it can. What is no more
// than a switch is no secret.
func (r *Redactor) Weakness(secret string) string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	secret = strings.TrimSpace(secret)
	if !isWeak(secret, r.words) {
		return ""
	}
	switch lower := strings.ToLower(secret); {
	case secret == "" || switches[lower]:
		return ""
	case len(secret) < Shortest:
		return fmt.Sprintf("is shorter than %d characters", Shortest)
	case common[lower]:
		return "is a word that everybody takes"
	}
	return "is also the name of something in the stack"
}

var switches = set("yes no true false on off 1 0")

// isWeak tells whether a text is also a word of ordinary output.
func isWeak(text string, words map[string]bool) bool {
	const longestName = 255
	if len(text) > longestName {
		return false
	}
	text = strings.TrimSpace(text)
	lower := strings.ToLower(text) // longer, where it is no UTF-8
	return len(text) < Shortest || common[lower] || words[lower]
}

// isPartOf tells whether a piece of a secret is a part of a word of ordinary output: that of shop-production-x8Kq is, in a
// project called shop-production, and so is that of secret-one.
func isPartOf(words map[string]bool, piece string) bool {
	piece = strings.ToLower(strings.Trim(piece, " -_./:"))
	for _, ordinary := range []map[string]bool{common, words} {
		for word := range ordinary {
			if strings.Contains(word, piece) {
				return true
			}
		}
	}
	return false
}

var (
	keyed   = regexp.MustCompile(`([A-Za-z0-9_.-]+)(?:\\?["'])?[ \t]*[:=][ \t]*(?:\\?["'])?$`)
	flagged = regexp.MustCompile(`--?([A-Za-z0-9_-]+)[ \t]+["']?$`)
	urlUser = regexp.MustCompile(`://[^/@\s]*:$`)
)

// findWeak marks the places where a weak value stands as a value: behind the key of a secret, or as the password of a URL.
func (x *index) findWeak(s string, mark func(from, to int)) {
	for _, text := range x.weak {
		for at := 0; ; {
			found := strings.Index(s[at:], text)
			if found < 0 {
				break
			}
			from := at + found
			to := from + len(text)
			if x.isValue(s[max(0, from-keyBefore):from], s[to:]) {
				mark(from, to)
			}
			at = from + 1
		}
	}
}

func (x *index) isValue(before, after string) bool {
	if before == "" || !strings.ContainsRune("=: \t\"'", rune(before[len(before)-1])) || after != "" && isWord(rune(after[0])) {
		return false
	}
	if strings.HasPrefix(after, "@") && urlUser.MatchString(before) {
		return true
	}
	for _, form := range []*regexp.Regexp{keyed, flagged} {
		if found := form.FindStringSubmatch(before); found != nil {
			key := strings.TrimLeft(found[1], "-")
			return SecretKey(key) || x.keys[strings.ToLower(key)]
		}
	}
	return false
}

func isWord(r rune) bool {
	return r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
}
