package redact

import "strings"

// about are the last words of names such as TOKEN_TTL, which hold something about a secret.
var about = set(`UID GID TTL EXPIRY EXPIRES EXPIRATION LIFETIME SECONDS MINUTES HOURS DAYS LENGTH SIZE COUNT ROUNDS ENABLED DISABLED REQUIRED
	TYPE ALGORITHM ALG ENCRYPTION POLICY NAME USER USERNAME HOST PORT URL URI ENDPOINT ISSUER AUDIENCE`)

// SecretKey tells whether a setting of this name holds a secret, as far as a name can tell: DB_PASSWORD, apiKey and
// SENTRY_DSN do; STRIPE_PUBLISHABLE_KEY does not, nor does DB_PASSWORD_FILE, which holds a path.
func SecretKey(key string) bool {
	key = strings.ToUpper(key)
	if key == "PWD" || key == "OLDPWD" || strings.HasSuffix(key, "FILE") || strings.HasSuffix(key, "PATH") {
		return false
	}
	for _, open := range []string{"PUBLIC", "PUBLISHABLE"} {
		if strings.Contains(key, open) {
			return false
		}
	}
	words := strings.FieldsFunc(key, func(r rune) bool { return r == '_' || r == '-' || r == '.' })
	if len(words) > 0 && about[words[len(words)-1]] {
		return false
	}
	for _, word := range []string{"PASSWORD", "PASSWD", "PASSPHRASE", "REQUIREPASS", "MASTERAUTH", "SECRET", "TOKEN", "PRIVATE", "CREDENTIAL"} {
		if strings.Contains(key, word) {
			return true
		}
	}
	for _, word := range words {
		switch word {
		case "PASS", "PWD", "PW", "DSN", "SALT", "KEYS", "APIKEYS":
			return true
		}
		if strings.HasSuffix(word, "KEY") {
			return true
		}
	}
	return false
}
