package secor

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/kit"
)

// properties are all of them, in the order in which they were first met. What counts is the last
// one written, of a file before what the file includes.
type properties struct {
	from  kit.Reader
	order []string
	byKey map[string]kit.Property
	used  map[string]bool

	missing []kit.Property // files to include that there are not
}

func read(files []string, from kit.Reader) (*properties, error) {
	p := &properties{from: from, byKey: map[string]kit.Property{}, used: map[string]bool{}}
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
	src, err := p.from(path)
	if err != nil {
		return err
	}
	own := kit.Properties(path, string(src))
	for _, x := range own {
		if x.Key != "include" {
			continue
		}
		for name := range strings.SplitSeq(x.Value, ",") {
			name = strings.TrimSpace(name)
			if !filepath.IsAbs(name) {
				name = filepath.Join(filepath.Dir(path), name)
			}
			err := p.file(name, append(above, path))
			if errors.Is(err, os.ErrNotExist) {
				p.missing = append(p.missing, kit.Property{Key: "include", Value: name, At: x.At})
				continue
			}
			if err != nil {
				return fmt.Errorf("%s: include: %w", x.At, err)
			}
		}
	}
	for _, x := range own {
		if x.Key == "include" {
			continue
		}
		if _, known := p.byKey[x.Key]; !known {
			p.order = append(p.order, x.Key)
		}
		p.byKey[x.Key] = x
	}
	return nil
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
			out = append(out, p.parts(other.Value, depth+1)...)
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
