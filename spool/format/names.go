package format

import (
	"slices"
	"strings"
	"unicode"

	"github.com/penstock/penstock/buffer/record/dialect"
)

// columnName returns the name of the column for a field.
func columnName(field, how string) string {
	switch how {
	case "lower":
		return strings.ToLower(field)
	case "snake":
		return snake(field)
	}
	return field
}

// snake writes userID and HTTPStatus as user_id and http_status: a word begins at a capital behind
// anything else, and at the last of several before a small letter.
func snake(name string) string {
	letters := []rune(strings.NewReplacer("-", "_", " ", "_", ".", "_").Replace(name))
	var out strings.Builder
	for i, c := range letters {
		if unicode.IsUpper(c) && i > 0 && letters[i-1] != '_' {
			before := unicode.IsUpper(letters[i-1])
			if !before || i+1 < len(letters) && unicode.IsLower(letters[i+1]) {
				out.WriteByte('_')
			}
		}
		out.WriteRune(unicode.ToLower(c))
	}
	return out.String()
}

// omits reports whether the field name within path is left out.
func (c *Config) omits(path []string, name string) bool {
	for _, o := range c.Omit {
		names := dialect.SplitNames(o)
		last := len(names) - 1
		if len(path) == last && names[last] == name && slices.Equal(names[:last], path) {
			return true
		}
	}
	return false
}
