// Package settings holds what an operator has to decide about a deployment: the env file and the files under secrets/.
//
// A stack declares its settings in plain Go; what its compose model requires and nobody declared is found by [Required].
// [Collect] decides where each value comes from, [Prompt] asks for what is missing, and [Plan.Apply] writes it:
//
//	file, err := settings.ReadEnvFile(".env.production", os.LookupEnv)
//	plan, missing, err := settings.Collect(dir, declared, file, os.LookupEnv)
//	err = prompt.Run(ctx, plan)       // on a terminal
//	applied, err := plan.Apply(time.Now())
//
// A value that is there is never overwritten. An error names a key, never a value.
package settings

import (
	"crypto/rand"
	"fmt"
	"path/filepath"
	"strings"

	"slipway/internal/redact"
)

// Setting is one value that the stack needs.
type Setting struct {
	Key       string // its name in the env file and in the environment
	Question  string // what the operator is asked
	Default   string
	Secret    bool                // never shown; implied by Generate, File and a Key that is named like a secret
	Generate  int                 // the length of a secret of letters and digits, made when there is none
	File      string              // "secrets/db_password": the value lives in this file and not in the env file
	Readers   []int               // of File: the uids that containers read it as, or Somebody; nil where they are not known
	Validate  func(string) error  // says why a value is refused, in one sentence
	Normalize func(string) string // the form in which a valid value is kept, as [ASCII] for a domain
	Optional  bool                // may be left blank
}

// IsSecret tells whether the value must not be shown.
func (s Setting) IsSecret() bool {
	return s.Secret || s.Generate > 0 || s.File != "" || redact.SecretKey(s.Key)
}

// Check says why the value cannot be used or written, without repeating it.
func (s Setting) Check(value string) error {
	if err := s.valid(value); err != nil || s.File != "" {
		return err
	}
	_, err := quote(s.normal(value))
	return err
}

// valid says why the value cannot be used, wherever it comes from.
func (s Setting) valid(value string) error {
	if strings.TrimSpace(value) == "" {
		if s.Optional {
			return nil
		}
		return fmt.Errorf("is blank")
	}
	if err := Placeholder(value); err != nil {
		return err
	}
	if s.Validate != nil {
		if err := s.Validate(value); err != nil {
			secret := redact.New() // a stack's own function may well quote what it refuses
			secret.Add(value)
			return fmt.Errorf("%s", secret.String(err.Error()))
		}
	}
	return nil
}

// normal returns the value as it is kept.
func (s Setting) normal(value string) string {
	if s.File == "" {
		value = strings.TrimSpace(value)
	}
	if s.Normalize != nil {
		value = s.Normalize(value)
	}
	return value
}

// where names the place of the value for a message: the file of a secret, or the key.
func (s Setting) where() string {
	if s.File != "" {
		return s.File
	}
	return s.Key
}

// named is the key for a list of what is missing, with the file where the value belongs into one.
func (s Setting) named() string {
	if s.File != "" {
		return s.Key + " (" + s.File + ")"
	}
	return s.Key
}

func (s Setting) question() string {
	if s.Question != "" {
		return s.Question
	}
	return s.Key
}

// path returns where the value's own file is.
func (s Setting) path(dir string) string {
	if filepath.IsAbs(s.File) {
		return s.File
	}
	return filepath.Join(dir, s.File)
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// generate returns a secret of n letters and digits, each as likely as the other.
func generate(n int) string {
	secret := make([]byte, 0, n)
	for len(secret) < n {
		var random [64]byte
		_, _ = rand.Read(random[:]) // never fails: crypto/rand ends the program instead
		for _, b := range random {
			// 248 is the largest multiple of the alphabet's 62 letters in a byte: beyond it some would come more often.
			if b < 248 && len(secret) < n {
				secret = append(secret, alphabet[int(b)%len(alphabet)])
			}
		}
	}
	return string(secret)
}
