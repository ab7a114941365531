package redact

import (
	"regexp"
	"strings"
)

// A weak value is one that ordinary output holds as a word: it is too short, it is what everybody takes, or something of
// the stack is called so. Hiding the word everywhere would make the output unreadable, and tell the secret: so it is
// hidden only where it stands as the value of a secret.

// lookBehind is how far before a weak value its key is looked for.
const lookBehind = 128

var common = set(`access account admin admin123 administrator application backend changeme compose container database default demo
	demo123 development disable disabled docker elastic elasticsearch enable enabled example external filesystem frontend generated
	grafana guest internal keycloak letmein local localhost manager mariadb master memory minio minioadmin mongodb monitor
	mysql nextcloud nginx nobody none null optional passwd password password1 password123 postgres postgresql production
	project qwerty rabbitmq redis registry replica required root rootpassword sample secret secret123 server service staging
	started superuser sysadmin system testing test1234 testpass tester traefik undefined unknown welcome wordpress worker
	123456 1234567 12345678 123456789 1234567890 111111 000000`)

func set(words string) map[string]bool {
	all := map[string]bool{}
	for word := range strings.FieldsSeq(words) {
		all[word] = true
	}
	return all
}

// isWeak tells whether a text is also a word of ordinary output.
func isWeak(text string, words map[string]bool) bool {
	text = strings.TrimSpace(text)
	lower := strings.ToLower(text) // longer, where it is no UTF-8
	return len(text) < Shortest || common[lower] || words[lower]
}

// isPartOf tells whether a piece of a secret is a part of a word of ordinary output: that of shop-production-x8Kq is, in a
// project called shop-production.
func isPartOf(words map[string]bool, piece string) bool {
	piece = strings.ToLower(strings.Trim(piece, " -_./:"))
	for word := range words {
		if strings.Contains(word, piece) {
			return true
		}
	}
	return false
}

var (
	keyed    = regexp.MustCompile(`([A-Za-z0-9_.-]+)(?:\\?["'])?[ \t]*[:=][ \t]*(?:\\?["'])?$`)
	flagged  = regexp.MustCompile(`--?([A-Za-z0-9_-]+)[ \t]+["']?$`)
	userinfo = regexp.MustCompile(`://[^/@\s]*:$`)
)

// markWeak adds the places where a weak value stands as a value: behind the key of a secret, or as the password of a URL.
func (x *index) markWeak(s string, mark func(from, to int)) {
	for _, text := range x.weak {
		for at := 0; ; {
			found := strings.Index(s[at:], text)
			if found < 0 {
				break
			}
			from := at + found
			to := from + len(text)
			if x.isValue(s[max(0, from-lookBehind):from], s[to:]) {
				mark(from, to)
			}
			at = from + 1
		}
	}
}

func (x *index) isValue(before, after string) bool {
	if before == "" || !strings.ContainsRune("=: \t\"'", rune(before[len(before)-1])) || after != "" && isWordByte(after[0]) {
		return false
	}
	if strings.HasPrefix(after, "@") && userinfo.MatchString(before) {
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

func isWordByte(b byte) bool {
	return b == '_' || b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z'
}
