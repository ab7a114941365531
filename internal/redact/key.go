package redact

import (
	"net/url"
	"strings"
)

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

// Secrets returns what has to be hidden of a setting: the value, where the key is named like a secret, and in any case the
// password in a URL such as postgres://app:secret@db/app.
func Secrets(key, value string) []string {
	var secrets []string
	if value != "" && SecretKey(key) {
		secrets = append(secrets, value)
	}
	if !strings.Contains(value, "://") {
		return secrets
	}
	if address, err := url.Parse(value); err == nil {
		if password, found := address.User.Password(); found && password != "" {
			secrets = append(secrets, password)
		}
	}
	return secrets
}
