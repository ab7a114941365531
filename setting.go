package slipway

import (
	"fmt"

	"slipway/internal/settings"
)

// Setting is one value that the stack needs: in the env file, or in a file of its own.
type Setting struct {
	// Key is its name in the env file and in the environment.
	Key string

	// Question is what the operator is asked. If empty, it is the key.
	Question string

	// Default is the value where nobody gives one. If empty, one has to be given.
	Default string

	// Secret is whether it is never shown. If empty, it is shown, unless Generate, File or the name of the key make a secret of it.
	Secret bool

	// Generate is the length of a secret of letters and digits that is made when there is none. If empty, none is made.
	Generate int

	// File is the file that the value lives in, such as secrets/db_password. If empty, it lives in the env file.
	File string

	// Validate says why a value is refused, in one sentence. If empty, any value but a blank or a placeholder does.
	Validate Validator

	// Normalize is the form in which a valid value is kept, as [ASCII] for a domain. If empty, it is kept as it was given.
	Normalize func(string) string `json:"-"`

	// Optional is whether it may be left blank.
	Optional bool
}

// Validator says why a value is refused, in one sentence. In a compose file it is a word: port, fqdn, email, url, nonblank.
type Validator func(string) error

var validators = map[string]Validator{"port": Port, "fqdn": FQDN, "email": Email, "url": URL, "nonblank": NonBlank}

// UnmarshalText reads the word that stands for a validator in a compose file.
func (v *Validator) UnmarshalText(word []byte) error {
	known, has := validators[string(word)]
	if !has {
		return fmt.Errorf("validate: %q is none of port, fqdn, email, url, nonblank", word)
	}
	*v = known
	return nil
}

// Port refuses what is no TCP port.
func Port(s string) error { return settings.Port(s) }

// FQDN refuses what is no domain that a certificate can be issued for.
func FQDN(s string) error { return settings.FQDN(s) }

// ASCII is the form of a domain that DNS uses: lower case, punycode, without the dot at the end.
func ASCII(s string) string { return settings.ASCII(s) }

// Email refuses what is not one bare e-mail address with a domain.
func Email(s string) error { return settings.Email(s) }

// URL refuses what is not the address of a web server.
func URL(s string) error { return settings.URL(s) }

// NonBlank refuses what holds nothing but spaces.
func NonBlank(s string) error { return settings.NonBlank(s) }
