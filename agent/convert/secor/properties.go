package secor

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/penstock/penstock/agent/convert/draft"
)

// property is a property as it counts: the last one written, of a file before what the file
// includes.
type property struct {
	key, value string
	at         draft.Place
	comments   []string // right above it
}

// properties are all of them, in the order in which they were first met.
type properties struct {
	order []string
	byKey map[string]property
	used  map[string]bool
}

func read(files []string) (*properties, error) {
	p := &properties{byKey: map[string]property{}, used: map[string]bool{}}
	for _, f := range files {
		if err := p.file(f, nil); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (p *properties) file(path string, above []string) error {
	for _, a := range above {
		if a == path {
			return fmt.Errorf("%s includes itself", path)
		}
	}
	src, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	own := parse(path, string(src))
	for _, x := range own {
		if x.key != "include" {
			continue
		}
		for name := range strings.SplitSeq(x.value, ",") {
			name = strings.TrimSpace(name)
			if !filepath.IsAbs(name) {
				name = filepath.Join(filepath.Dir(path), name)
			}
			if err := p.file(name, append(above, path)); err != nil {
				return fmt.Errorf("%s: include: %w", x.at, err)
			}
		}
	}
	for _, x := range own {
		if x.key == "include" {
			continue
		}
		if _, known := p.byKey[x.key]; !known {
			p.order = append(p.order, x.key)
		}
		p.byKey[x.key] = x
	}
	return nil
}

// parse reads java.util.Properties.
func parse(file, src string) []property {
	var out []property
	var comments []string
	lines := strings.Split(strings.ReplaceAll(src, "\r\n", "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		line := strings.TrimLeft(lines[i], " \t\f")
		at := draft.Place{File: file, Line: i + 1}
		switch {
		case line == "":
			comments = nil
			continue
		case line[0] == '#' || line[0] == '!':
			comments = append(comments, strings.TrimSpace(strings.TrimLeft(line, "#! ")))
			continue
		}
		for continues(line) && i+1 < len(lines) {
			i++
			line = line[:len(line)-1] + strings.TrimLeft(lines[i], " \t\f")
		}
		key, value := split(line)
		out = append(out, property{key: key, value: value, at: at, comments: comments})
		comments = nil
	}
	return out
}

// continues tells a line that ends in an odd number of backslashes.
func continues(line string) bool {
	n := len(line) - len(strings.TrimRight(line, `\`))
	return n%2 == 1
}

func split(line string) (key, value string) {
	i := 0
	for i < len(line) && !strings.ContainsRune("=: \t", rune(line[i])) {
		if line[i] == '\\' {
			i++
		}
		i++
	}
	i = min(i, len(line))
	key = unescape(line[:i])
	rest := strings.TrimLeft(line[i:], " \t")
	if rest != "" && (rest[0] == '=' || rest[0] == ':') {
		rest = rest[1:]
	}
	return key, strings.TrimSpace(unescape(strings.TrimLeft(rest, " \t")))
}

func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		switch s[i] {
		case 'n':
			b.WriteByte('\n')
		case 't':
			b.WriteByte('\t')
		case 'r':
			b.WriteByte('\r')
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

var reference = regexp.MustCompile(`\$\{([^}]*)\}`)

// parts takes a value apart into text and references to the environment; ${other.property} is
// replaced.
func (p *properties) parts(value string, depth int) []draft.Part {
	var out []draft.Part
	for value != "" {
		m := reference.FindStringSubmatchIndex(value)
		if m == nil {
			return append(out, draft.Lit(value))
		}
		if m[0] > 0 {
			out = append(out, draft.Lit(value[:m[0]]))
		}
		name := value[m[2]:m[3]]
		whole := value[m[0]:m[1]]
		value = value[m[1]:]
		other, known := p.byKey[name]
		switch {
		case known && depth < 8:
			p.used[name] = true
			out = append(out, p.parts(other.value, depth+1)...)
		case strings.HasPrefix(name, "env:"):
			out = append(out, draft.EnvPart(strings.TrimPrefix(name, "env:")))
		case environment.MatchString(name):
			out = append(out, draft.EnvPart(name))
		default:
			out = append(out, draft.Lit(whole))
		}
	}
	return out
}

var environment = regexp.MustCompile(`^[A-Z][A-Z0-9_]*$`)
