package formats

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/elastic/go-grok/patterns"
)

// grokReference is %{NAME}, %{NAME:field} or %{NAME:field:type}.
var grokReference = regexp.MustCompile(`%\{(\w+)(?::([^:{}]+))?(?::(\w+))?\}`)

// maxGrok bounds what a pattern may grow to.
const maxGrok = 256 << 10

// Grok is a compiled pattern of grok.
type Grok struct {
	regex
	// Types are those that the pattern asks for, by field: int or float.
	Types map[string]string
}

// NewGrok compiles a pattern. Definitions are patterns of one's own, by name, before those that
// grok has.
func NewGrok(pattern string, definitions map[string]string) (*Grok, error) {
	c := &grokCompiler{own: definitions, types: map[string]string{}}
	expanded, err := c.expand(pattern, nil)
	if err != nil {
		return nil, err
	}
	re, err := compileRegexp(expanded)
	if err != nil {
		return nil, err
	}
	g := &Grok{regex{re: re, fast: newMatcher(expanded), names: re.SubexpNames()}, c.types}
	for i, name := range g.names {
		var n int
		if _, err := fmt.Sscanf(name, "grok%d_", &n); err == nil {
			g.names[i] = c.fields[n]
		} else {
			g.names[i] = name // (?<name>...) of the pattern itself
		}
	}
	if !g.named() {
		return nil, errors.New(`takes no field: write %{NAME:field}, such as %{IP:client}`)
	}
	return g, nil
}

// Fields returns the names of the fields that it takes.
func (g *Grok) Fields() (out []string) {
	for _, name := range g.names {
		if name != "" {
			out = append(out, name)
		}
	}
	return out
}

type grokCompiler struct {
	own    map[string]string
	fields []string
	types  map[string]string
	size   int
}

func (c *grokCompiler) expand(pattern string, within []string) (string, error) {
	if c.size += len(pattern); c.size > maxGrok {
		return "", errors.New("is too large")
	}
	var out strings.Builder
	at := 0
	for _, m := range grokReference.FindAllStringSubmatchIndex(pattern, -1) {
		out.WriteString(pattern[at:m[0]])
		at = m[1]
		name := pattern[m[2]:m[3]]
		if slices.Contains(within, name) {
			return "", fmt.Errorf("%%{%s} contains itself", name)
		}
		definition, ok := c.lookup(name)
		if !ok {
			return "", fmt.Errorf("there is no pattern %%{%s}%s", name, c.similar(name))
		}
		inner, err := c.expand(definition, append(within, name))
		if err != nil {
			return "", err
		}
		if m[4] < 0 {
			out.WriteString("(?:" + inner + ")")
			continue
		}
		field := fieldName(pattern[m[4]:m[5]])
		if m[6] >= 0 {
			switch typ := pattern[m[6]:m[7]]; typ {
			case "int", "long":
				c.types[field] = "int"
			case "float", "double":
				c.types[field] = "float"
			case "boolean", "bool":
				c.types[field] = "bool"
			case "string":
			default:
				return "", fmt.Errorf(
					"%%{%s:%s:%s}: the types are int, float, bool and string", name, field, typ,
				)
			}
		}
		fmt.Fprintf(&out, "(?P<grok%d_>%s)", len(c.fields), inner)
		c.fields = append(c.fields, field)
	}
	out.WriteString(pattern[at:])
	return out.String(), nil
}

// fieldName turns [a][b], as Logstash writes nested names, into a.b.
func fieldName(s string) string {
	if !strings.HasPrefix(s, "[") {
		return s
	}
	return strings.ReplaceAll(strings.Trim(s, "[]"), "][", ".")
}

func (c *grokCompiler) lookup(name string) (string, bool) {
	if p, ok := c.own[name]; ok {
		return p, true
	}
	for _, set := range grokSets() {
		if p, ok := set[name]; ok {
			return p, true
		}
	}
	return "", false
}

func grokSets() []map[string]string {
	return []map[string]string{
		patterns.Default,
		patterns.Syslog,
		patterns.Httpd,
		patterns.AWS,
		patterns.Bind9,
		patterns.Bro,
		patterns.Exim,
		patterns.HAProxy,
		patterns.Firewalls,
		patterns.Java,
		patterns.Junos,
		patterns.Maven,
		patterns.MCollective,
		patterns.MongoDB,
		patterns.PostgreSQL,
		patterns.Rails,
		patterns.Redis,
		patterns.Ruby,
		patterns.Squid,
	}
}

// similar tells names that one may have meant.
func (c *grokCompiler) similar(name string) string {
	var found []string
	for _, set := range append([]map[string]string{c.own}, grokSets()...) {
		for _, n := range slices.Sorted(maps.Keys(set)) {
			if strings.Contains(n, name) || strings.Contains(name, n) && len(n) > 2 {
				found = append(found, n)
			}
		}
	}
	if len(found) == 0 {
		return "; define it under definitions"
	}
	return "; there are " + strings.Join(found[:min(5, len(found))], ", ")
}
