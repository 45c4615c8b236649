package rsyslog

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/kit"
)

// statement is an object with parameters, a condition with what it guards, or a directive.
type statement struct {
	kind string // object, if, directive, filter, selector, stop, call, set
	at   draft.Place
	node *kit.Node // of an object
	text string    // a condition, or the rest of a line
	body []statement
	els  []statement
}

type parser struct {
	file string
	src  string
	at   int
}

func read(path string, depth int, from kit.Reader) ([]statement, error) {
	src, err := from(path)
	if err != nil {
		return nil, err
	}
	p := &parser{file: path, src: string(src)}
	all, err := p.block(false)
	if err != nil || depth > 10 {
		return all, err
	}
	var out []statement
	for _, s := range all {
		glob, isOptional := "", false
		if name, rest, _ := strings.Cut(s.text, " "); s.kind == "directive" &&
			strings.EqualFold(name, "$IncludeConfig") {
			glob = strings.TrimSpace(rest)
		} else if s.kind == "object" && s.node.Key == "include" {
			glob, isOptional = s.node.Text("file"), s.node.Text("mode") == "optional"
		}
		if glob == "" {
			out = append(out, s)
			continue
		}
		if !filepath.IsAbs(glob) {
			glob = filepath.Join(filepath.Dir(path), glob)
		}
		if info, err := os.Stat(glob); err == nil && info.IsDir() {
			glob = filepath.Join(glob, "*")
		}
		files, err := filepath.Glob(glob)
		if err != nil {
			return nil, err
		}
		switch {
		case files == nil && isOptional:
			out = append(out, statement{kind: "absent", at: s.at, text: glob})
		case files == nil:
			out = append(out, statement{kind: "missing", at: s.at, text: glob})
		}
		for _, f := range files {
			in, err := read(f, depth+1, from)
			if err != nil {
				return nil, err
			}
			out = append(out, in...)
		}
	}
	return out, nil
}

func (p *parser) place() draft.Place {
	return draft.Place{File: p.file, Line: 1 + strings.Count(p.src[:p.at], "\n")}
}

// skip passes blanks and comments.
func (p *parser) skip() {
	for p.at < len(p.src) {
		rest := p.src[p.at:]
		switch {
		case strings.ContainsRune(" \t\r\n", rune(rest[0])):
			p.at++
		case rest[0] == '#':
			end := strings.IndexByte(rest+"\n", '\n')
			p.at += end
		case strings.HasPrefix(rest, "/*"):
			end := strings.Index(rest, "*/")
			if end < 0 {
				end = len(rest) - 2
			}
			p.at += end + 2
		default:
			return
		}
	}
}

// line returns the rest of a line, without a comment at its end.
func (p *parser) line() string {
	rest := p.src[p.at:]
	end := strings.IndexByte(rest+"\n", '\n')
	p.at += min(end, len(rest))
	text, quoted := rest[:end], false
	for i := range len(text) {
		switch {
		case text[i] == '"':
			quoted = !quoted
		case text[i] == '#' && !quoted && i > 0 && strings.ContainsRune(" \t", rune(text[i-1])):
			return strings.TrimSpace(text[:i])
		}
	}
	return strings.TrimSpace(text)
}

var (
	object   = regexp.MustCompile(`^([A-Za-z_]+)\s*\(`)
	selector = regexp.MustCompile(`^[a-z0-9*,.;!=]+\.[a-z0-9*,.;!=]+\s+\S`)
)

func (p *parser) block(inside bool) ([]statement, error) {
	var out []statement
	for {
		p.skip()
		if p.at >= len(p.src) {
			if inside {
				return nil, fmt.Errorf("%s: a block does not end", p.file)
			}
			return out, nil
		}
		if p.src[p.at] == '}' {
			p.at++
			if !inside {
				return nil, fmt.Errorf("%s: } stands where nothing is open", p.place())
			}
			return out, nil
		}
		s, err := p.statement()
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
}

func (p *parser) statement() (statement, error) {
	p.skip()
	s := statement{at: p.place()}
	rest := p.src[p.at:]
	switch m := object.FindStringSubmatch(rest); {
	case strings.HasPrefix(rest, "if ") || strings.HasPrefix(rest, "if("):
		return p.branch(s)
	case m != nil:
		s.kind = "object"
		s.node = &kit.Node{Key: strings.ToLower(m[1]), Name: m[1], At: s.at}
		p.at += len(m[0])
		if err := p.params(s.node); err != nil {
			return s, err
		}
		if s.node.Key == "ruleset" {
			p.skip()
			if p.at < len(p.src) && p.src[p.at] == '{' {
				p.at++
				var err error
				s.body, err = p.block(true)
				return s, err
			}
		}
		if s.node.Key == "template" {
			p.skip()
			if p.at < len(p.src) && p.src[p.at] == '{' {
				p.at++
				var err error
				s.body, err = p.block(true)
				return s, err
			}
		}
		return s, nil
	case rest[0] == '$':
		s.kind, s.text = "directive", p.line()
	case rest[0] == ':':
		return p.guarded(s, "filter")
	case rest[0] == '&':
		p.at++
		return p.guarded(s, "and")
	case regexp.MustCompile(`^call[ \t]+\w`).MatchString(rest):
		name := strings.Fields(rest)[1]
		p.at += strings.Index(rest, name) + len(name)
		s.kind, s.text = "call", name
	case selector.MatchString(rest):
		return p.guarded(s, "selector")
	default:
		word := regexp.MustCompile(`^(stop|~|continue)\b?`).FindString(rest)
		if word == "stop" || word == "~" {
			p.at += len(word)
			s.kind = "stop"
			return s, nil
		}
		s.kind, s.text = "action", p.line()
		if end := strings.LastIndexByte(s.text, '}'); end >= 0 { // { ... } on one line
			p.at -= len(s.text) - end
			s.text = strings.TrimSpace(s.text[:end])
		}
	}
	return s, nil
}

// guarded reads what stands before an action, and the action, which may be an object.
func (p *parser) guarded(s statement, kind string) (statement, error) {
	s.kind = kind
	rest := p.src[p.at:]
	end := strings.IndexByte(rest+"\n", '\n')
	i := regexp.MustCompile(`\baction\s*\(`).FindStringIndex(rest[:end])
	if i == nil {
		s.text = p.line()
		if kind == "and" {
			s.text = strings.TrimSpace(s.text)
		}
		return s, nil
	}
	s.text = strings.TrimSpace(rest[:i[0]])
	p.at += i[0]
	in, err := p.statement()
	s.body = []statement{in}
	return s, err
}

func (p *parser) branch(s statement) (statement, error) {
	s.kind = "if"
	end := regexp.MustCompile(`\bthen\b`).FindStringIndex(p.src[p.at:])
	if end == nil {
		return s, fmt.Errorf("%s: an if without then", s.at)
	}
	s.text = strings.TrimSpace(strings.TrimPrefix(p.src[p.at:p.at+end[0]], "if"))
	p.at += end[1]
	one := func() ([]statement, error) {
		p.skip()
		if p.at < len(p.src) && p.src[p.at] == '{' {
			p.at++
			return p.block(true)
		}
		in, err := p.statement()
		return []statement{in}, err
	}
	var err error
	if s.body, err = one(); err != nil {
		return s, err
	}
	p.skip()
	if strings.HasPrefix(p.src[p.at:], "else") {
		p.at += len("else")
		s.els, err = one()
	}
	return s, err
}

// What a shell would say, and the environment in it.
var (
	echo          = regexp.MustCompile("^`echo ([^`]*)`")
	command       = regexp.MustCompile("`[^`\n]*`")
	shellVariable = regexp.MustCompile(`\$\{?([A-Za-z_]\w*)\}?`)
	getenv        = regexp.MustCompile(`(?i)^getenv\(\s*["'](\w+)["']\s*\)`)
)

var param = regexp.MustCompile(`^([\w.]+)\s*=\s*`)

// params reads name="value" and name=["a", "b"] up to the parenthesis.
func (p *parser) params(n *kit.Node) error {
	quoted := func() string {
		var b strings.Builder
		p.at++
		for p.at < len(p.src) && p.src[p.at] != '"' {
			if p.src[p.at] == '\\' && p.at+1 < len(p.src) &&
				strings.IndexByte(`"\`, p.src[p.at+1]) >= 0 {
				p.at++
			}
			b.WriteByte(p.src[p.at])
			p.at++
		}
		p.at++
		return b.String()
	}
	text := func() (string, bool) {
		switch rest := p.src[p.at:]; {
		case strings.HasPrefix(rest, `"`):
			return quoted(), true
		case echo.MatchString(rest):
			m := echo.FindStringSubmatch(rest)
			p.at += len(m[0])
			return shellVariable.ReplaceAllString(strings.Trim(m[1], `"`), "${$1}"), true
		case strings.HasPrefix(rest, "`") && command.MatchString(rest):
			m := command.FindString(rest)
			p.at += len(m)
			return m, true
		}
		return "", false
	}
	for {
		p.skip()
		if p.at >= len(p.src) {
			return fmt.Errorf("%s: %s( does not end", n.At, n.Key)
		}
		if p.src[p.at] == ')' {
			p.at++
			return nil
		}
		m := param.FindStringSubmatch(p.src[p.at:])
		if m == nil {
			return fmt.Errorf("%s: this is no parameter: %.30q", p.place(), p.src[p.at:])
		}
		k := &kit.Node{Key: strings.ToLower(m[1]), Name: n.Name + "." + m[1], At: p.place()}
		p.at += len(m[0])
		n.Kids = append(n.Kids, k)
		if strings.HasPrefix(p.src[p.at:], "[") {
			p.at++
			for p.skip(); p.at < len(p.src) && p.src[p.at] != ']'; p.skip() {
				if value, ok := text(); ok {
					k.Kids = append(
						k.Kids, &kit.Node{Name: k.Name, At: k.At, Scalar: true, Value: value},
					)
					continue
				}
				p.at++
			}
			p.at++
			continue
		}
		k.Scalar = true
		if value, ok := text(); ok {
			k.Value = value
			continue
		}
		end := strings.IndexAny(p.src[p.at:]+")", " \t\n)")
		k.Value = p.src[p.at : p.at+end]
		p.at += end
	}
}
