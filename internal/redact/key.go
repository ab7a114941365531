package redact

import "strings"

// SecretKey tells whether a setting of this name holds a secret, as far as a name can tell: DB_PASSWORD, apiKey and
// SENTRY_DSN do; STRIPE_PUBLISHABLE_KEY does not, nor does DB_PASSWORD_FILE, which holds a path.
func SecretKey(key string) bool {
	key = strings.ToUpper(key)
	if key == "PWD" || key == "OLDPWD" || strings.HasSuffix(key, "_FILE") || strings.HasSuffix(key, "_PATH") {
		return false
	}
	for _, open := range []string{"PUBLIC", "PUBLISHABLE"} {
		if strings.Contains(key, open) {
			return false
		}
	}
	for _, word := range []string{"PASSWORD", "PASSWD", "PASSPHRASE", "SECRET", "TOKEN", "PRIVATE", "CREDENTIAL"} {
		if strings.Contains(key, word) {
			return true
		}
	}
	for _, word := range strings.FieldsFunc(key, func(r rune) bool { return r == '_' || r == '-' || r == '.' }) {
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
