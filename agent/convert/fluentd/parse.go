package fluentd

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/kit"
)

// element is a <name arg> ... </name> with its parameters.
type element struct {
	reserveTime bool // of what a filter parses: the event keeps its time
	name, arg   string
	at          draft.Place
	params      []*param
	elements    []*element
}

type param struct {
	key, value string
	raw        bool // it stood in single quotes: nothing in it is evaluated
	at         draft.Place
	used       bool
}

var (
	opening = regexp.MustCompile(`^<([a-zA-Z0-9_]+)\s*(.*?)\s*>(?:\s*#.*)?$`)
	closing = regexp.MustCompile(`^</([a-zA-Z0-9_]+)>(?:\s*#.*)?$`)
)

// read reads files and what they include as one element.
func read(files []string, from kit.Reader) (*element, error) {
	root := &element{name: "ROOT"}
	for _, f := range files {
		if err := readInto(root, f, nil, from); err != nil {
			return nil, err
		}
	}
	return root, nil
}

func readInto(root *element, path string, above []string, from kit.Reader) error {
	if slices.Contains(above, path) {
		return fmt.Errorf("%s includes itself", path)
	}
	src, err := from(path)
	if err != nil {
		return err
	}
	above = append(above, path)
	stack := []*element{root}
	lines := strings.Split(strings.ReplaceAll(string(src), "\r\n", "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		at := draft.Place{File: path, Line: i + 1}
		line := strings.TrimSpace(lines[i])
		top := stack[len(stack)-1]
		switch {
		case line == "" || line[0] == '#':
		case closing.MatchString(line):
			name := closing.FindStringSubmatch(line)[1]
			if len(stack) == 1 || top.name != name {
				return fmt.Errorf("%s: </%s> closes nothing", at, name)
			}
			stack = stack[:len(stack)-1]
		case opening.MatchString(line):
			m := opening.FindStringSubmatch(line)
			e := &element{name: m[1], arg: m[2], at: at}
			top.elements = append(top.elements, e)
			stack = append(stack, e)
		case strings.HasPrefix(line, "@include") || strings.HasPrefix(line, "include "):
			_, target, _ := strings.Cut(line, " ")
			if err := include(top, strings.TrimSpace(target), path, at, above, from); err != nil {
				return fmt.Errorf("%s: %w", at, err)
			}
		default:
			key, value, _ := strings.Cut(strings.ReplaceAll(line, "\t", " "), " ")
			value = strings.TrimSpace(value)
			for unfinished(value) && i+1 < len(lines) {
				i++
				value += "\n" + strings.TrimSpace(lines[i])
			}
			p := &param{key: key, at: at}
			p.value, p.raw = unquote(value)
			if !top.choose(p) {
				top.params = append(top.params, p)
			}
		}
	}
	if len(stack) > 1 {
		return fmt.Errorf(
			"%s: <%s> is not closed", stack[len(stack)-1].at, stack[len(stack)-1].name,
		)
	}
	return nil
}

func include(
	into *element, target, path string, at draft.Place, above []string, from kit.Reader,
) error {
	target, raw := unquote(target)
	if text, ok := withoutVariables(target); ok && !raw && text != target {
		into.params = append(into.params, &param{key: chosen, value: "@include " + target, at: at})
		target = text
	}
	if strings.Contains(target, "://") {
		return fmt.Errorf("@include %s: fetch it and name the file", target)
	}
	if !filepath.IsAbs(target) {
		target = filepath.Join(filepath.Dir(path), target)
	}
	found, err := filepath.Glob(target)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		into.params = append(into.params, &param{key: "@include", value: target, at: at})
	}
	for _, f := range found {
		if err := readInto(into, f, above, from); err != nil {
			return err
		}
	}
	return nil
}

// chosen is the key of what a variable of the environment chooses, and that no expression can have.
const chosen = "chosen by the environment"

// choose takes the choice that is made without a variable, and reports whether that is none at all.
func (e *element) choose(p *param) (none bool) {
	if p.raw || !strings.Contains(p.value, "#{") {
		return false
	}
	note := &param{key: chosen, value: p.key + " " + p.value, at: p.at}
	switch p.key {
	case "exclude_path", "kubernetes_url", "ca_file", "client_cert", "client_key":
		m := ruby.FindStringSubmatch(p.value)
		if m != nil && m[0] == p.value && unset.MatchString(m[1]) {
			e.params = append(e.params, note)
			return true
		}
	case "@type", "type", "format", "@label":
		if text, ok := withoutVariables(p.value); ok {
			p.value = text
			e.params = append(e.params, note)
		}
	}
	return false
}

var unset = regexp.MustCompile(`^\s*ENV\[\s*["'][^"']+["']\s*\]\s*\|\|\s*(?:use_default|use_nil|nil)\s*$`)

// withoutVariables is a text as it is where no variable is set, if that can be said.
func withoutVariables(text string) (string, bool) {
	ok := true
	out := ruby.ReplaceAllStringFunc(text, func(code string) string {
		code = ruby.FindStringSubmatch(code)[1]
		for _, re := range []*regexp.Regexp{envRuby, envFetch} {
			if m := re.FindStringSubmatch(code); m != nil && m[2] != "" {
				return m[2]
			}
		}
		ok = false
		return ""
	})
	return out, ok
}

// unfinished tells a list, hash or quoted string that goes on in the next line.
func unfinished(v string) bool {
	if v == "" {
		return false
	}
	switch v[0] {
	case '[', '{':
		depth, quoted := 0, false
		for i := 0; i < len(v); i++ {
			switch c := v[i]; {
			case c == '\\':
				i++
			case c == '"':
				quoted = !quoted
			case !quoted && (c == '[' || c == '{'):
				depth++
			case !quoted && (c == ']' || c == '}'):
				depth--
			}
		}
		return depth > 0
	case '"':
		return closingQuote(v) < 0
	}
	return false
}

// unquote takes quotes and comments off a value.
func unquote(v string) (string, bool) {
	if len(v) > 1 && v[0] == '"' {
		if end := closingQuote(v); end > 0 {
			return strings.NewReplacer(`\"`, `"`, `\\`, `\`, `\n`, "\n", `\t`, "\t").
					Replace(v[1:end]),
				false
		}
	}
	if len(v) > 1 && v[0] == '\'' {
		if end := strings.LastIndexByte(v, '\''); end > 0 {
			return v[1:end], true
		}
	}
	return strings.TrimSpace(uncommented(v)), false
}

// uncommented takes comments off the ends of lines: what begins with # after a space, outside of
// quotes. A regular expression has none either: fluentd ends it there.
func uncommented(v string) string {
	structured := v != "" && (v[0] == '[' || v[0] == '{')
	var out strings.Builder
	for i, line := range strings.Split(v, "\n") {
		if i > 0 {
			out.WriteByte('\n')
		}
		out.WriteString(line[:len(line)-len(trailingComment(line, structured))])
	}
	return out.String()
}

// trailingComment returns the comment at the end of a line, with the #; "" if there is none.
func trailingComment(line string, quotes bool) string {
	quoted := false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case quotes && c == '\\':
			i++
		case quotes && c == '"':
			quoted = !quoted
		case c == '#' && !quoted && (i == 0 || line[i-1] == ' ' || line[i-1] == '\t') &&
			!strings.HasPrefix(line[i:], "#{"):
			return line[i:]
		}
	}
	return ""
}

func closingQuote(v string) int {
	depth := 0 // of Ruby, which may have quotes of its own
	for i := 1; i < len(v); i++ {
		switch {
		case v[i] == '\\':
			i++
		case strings.HasPrefix(v[i:], "#{"):
			depth++
			i++
		case depth > 0 && v[i] == '{':
			depth++
		case depth > 0 && v[i] == '}':
			depth--
		case v[i] == '"' && depth == 0:
			return i
		}
	}
	return -1
}

// get returns a parameter, of the last that was written, and counts it as seen.
func (e *element) get(keys ...string) *param {
	for _, key := range keys {
		for _, p := range slices.Backward(e.params) {
			if p.key == key {
				p.used = true
				return p
			}
		}
	}
	return nil
}

// value returns the text of a parameter, or "".
func (e *element) value(keys ...string) string {
	if p := e.get(keys...); p != nil {
		return p.value
	}
	return ""
}

// typ returns the plugin.
func (e *element) typ() string { return e.value("@type", "type") }

// sub returns the element of a name inside, or nil.
func (e *element) sub(name string) *element {
	for _, s := range e.elements {
		if s.name == name {
			return s
		}
	}
	return nil
}

func (e *element) title() string { return "<" + strings.TrimSpace(e.name+" "+e.arg) + ">" }

var (
	ruby    = regexp.MustCompile(`#\{([^{}]*(?:\{[^{}]*\}[^{}]*)*)\}`)
	envRuby = regexp.MustCompile(
		`^\s*ENV\[\s*["']([^"']+)["']\s*\]\s*(?:\|\|\s*(?:["']([^"']*)["']|use_default|use_nil))?\s*$`,
	)
	envFetch = regexp.MustCompile(
		`^\s*ENV\.fetch\(\s*["']([^"']+)["']\s*(?:,\s*["']([^"']*)["'])?\s*\)\s*$`,
	)
	hostRuby = regexp.MustCompile(`^\s*(?:Socket\.gethostname|hostname)\s*$`)
)

// parts takes a value apart into text and what can be said of its Ruby; ok is false if there is
// other Ruby in it, for which CHANGE-ME stands.
func parts(value string, raw bool) (out []draft.Part, ok bool) {
	ok = true
	for !raw && value != "" {
		m := ruby.FindStringSubmatchIndex(value)
		if m == nil {
			break
		}
		if m[0] > 0 {
			out = append(out, draft.Lit(value[:m[0]]))
		}
		code := value[m[2]:m[3]]
		if e := envRuby.FindStringSubmatch(code); e != nil {
			out = append(out, draft.EnvPart(e[1], e[2]))
		} else if e := envFetch.FindStringSubmatch(code); e != nil {
			out = append(out, draft.EnvPart(e[1], e[2]))
		} else if hostRuby.MatchString(code) {
			out = append(out, draft.Call("hostname()"))
		} else {
			out = append(out, draft.Lit("CHANGE-ME"))
			ok = false
		}
		value = value[m[1]:]
	}
	if value != "" || out == nil {
		out = append(out, draft.Lit(value))
	}
	return out, ok
}
