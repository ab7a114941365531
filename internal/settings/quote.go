package settings

import (
	"errors"
	"strings"
	"unicode"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/joho/godotenv"
)

// quote returns the value as it stands behind the =, so that godotenv, Compose and bash read it alike.
func quote(value string) (string, error) {
	switch {
	case strings.ContainsAny(value, "\n\r"):
		return "", errors.New("holds a line break, which is not written into an env file")
	case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f || r == 0xfffd || r == 0xfeff }):
		return "", errors.New("holds a control character")
	case !strings.ContainsFunc(value, func(r rune) bool { return !isPlain(r) }):
		return value, nil
	}
	if text := "'" + value + "'"; !strings.Contains(value, "'") && alike(text, value) {
		return text, nil
	}
	if text := `"` + escape.Replace(value) + `"`; !strings.Contains(value, "`") && alike(text, value) {
		return text, nil
	}
	return "", errors.New("cannot be written so that godotenv, Compose and bash read it alike")
}

var escape = strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`)

// isPlain tells whether bash, Compose and godotenv take the character for itself, without quotes, anywhere in a value.
func isPlain(r rune) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
		return true
	case r < unicode.MaxASCII:
		return strings.ContainsRune("_@%+,./:=-", r)
	}
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)
}

// alike asks the two parsers. What bash makes of either kind of quotes follows from their characters.
func alike(text, value string) bool {
	first, err := godotenv.Unmarshal("KEY=" + text)
	if err != nil || first["KEY"] != value {
		return false
	}
	second, err := dotenv.UnmarshalWithLookup("KEY="+text, nil)
	return err == nil && second["KEY"] == value
}
