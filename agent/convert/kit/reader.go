package kit

import (
	"path/filepath"
	"regexp"
)

// Reader reads a file of the old configuration. The file - is standard input.
type Reader func(path string) ([]byte, error)

var (
	firstCode = regexp.MustCompile(`(?m)^[ \t]*([^#\s].*)$`)
	yamlCode  = regexp.MustCompile(`^(?:---|["']?[\w.-]+["']?\s*:(?:\s|$))`)
)

// IsYAML reports whether a file is YAML rather than what its tool has otherwise: by its name, or by
// its first line if it has none.
func IsYAML(path string, src []byte) bool {
	if path != "-" {
		ext := filepath.Ext(path)
		return ext == ".yaml" || ext == ".yml"
	}
	m := firstCode.FindSubmatch(src)
	return m != nil && yamlCode.Match(m[1])
}
