package logstash

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/kit"
)

// statement is a plugin, or branches of which the first whose condition holds is taken.
type statement struct {
	plugin   *kit.Node
	branches []branch
}

type branch struct {
	cond string // "" for else
	at   draft.Place
	body []statement
}

type section struct {
	kind string
	body []statement
}

type token struct {
	kind, text string // text, regex, word, op, comment
	line       int
}

var lexer = regexp.MustCompile(
	`^(?:([ \t\r\n]+)|(#[^\n]*)|("(?:[^"\\]|\\(?s:.))*"|'(?:[^'\\]|\\(?s:.))*')|(=>|==|!=|<=|>=|=~|!~|[{}\[\](),<>!])|([\w.@$/:%*+?-]+))`,
)

type parser struct {
	file   string
	tokens []token
}

func parse(path string, from kit.Reader) ([]section, error) {
	src, err := from(path)
	if err != nil {
		return nil, err
	}
	p := &parser{file: path}
	line := 1
	for rest := string(src); rest != ""; {
		// a regular expression stands after =~ and !~
		if n := len(p.tokens); n > 0 && (p.tokens[n-1].text == "=~" || p.tokens[n-1].text == "!~") {
			rest = strings.TrimLeft(rest, " \t")
			if m := regexp.MustCompile(`^/((?:[^/\\]|\\.)*)/`).FindStringSubmatch(rest); m != nil {
				p.tokens = append(p.tokens, token{"regex", m[1], line})
				rest = rest[len(m[0]):]
				continue
			}
		}
		m := lexer.FindStringSubmatch(rest)
		if m == nil {
			return nil, fmt.Errorf("%s:%d: %.20q is not known here", path, line, rest)
		}
		for i, kind := range []string{"", "comment", "text", "op", "word"} {
			if m[i+1] != "" && kind != "" {
				p.tokens = append(p.tokens, token{kind, m[i+1], line})
			}
		}
		line += strings.Count(m[0], "\n")
		rest = rest[len(m[0]):]
	}
	var out []section
	for {
		t := p.next()
		if t.kind == "" {
			return out, nil
		}
		body, err := p.block()
		if err != nil {
			return nil, err
		}
		out = append(out, section{t.text, body})
	}
}

// peek returns the next token that is no comment.
func (p *parser) peek() token {
	for len(p.tokens) > 0 && p.tokens[0].kind == "comment" {
		p.tokens = p.tokens[1:]
	}
	if len(p.tokens) == 0 {
		return token{}
	}
	return p.tokens[0]
}

func (p *parser) next() token {
	t := p.peek()
	if t.kind != "" {
		p.tokens = p.tokens[1:]
	}
	return t
}

func (p *parser) expect(text string) error {
	if t := p.next(); t.text != text {
		return fmt.Errorf("%s:%d: %q where %q was expected", p.file, t.line, t.text, text)
	}
	return nil
}

func (p *parser) block() ([]statement, error) {
	if err := p.expect("{"); err != nil {
		return nil, err
	}
	var out []statement
	for {
		t := p.next()
		switch t.text {
		case "}":
			return out, nil
		case "":
			return nil, fmt.Errorf("%s: a block does not end", p.file)
		case "if", "else":
			b := branch{at: draft.Place{File: p.file, Line: t.line}}
			if t.text == "else" {
				if p.peek().text == "if" {
					p.next()
					t.text = "else if"
				}
			}
			if t.text != "else" {
				var words []string
				for tok := p.peek(); tok.text != "{" && tok.kind != ""; tok = p.peek() {
					words = append(words, tok.kind+"\x00"+tok.text)
					p.next()
				}
				b.cond = strings.Join(words, "\x01")
			}
			body, err := p.block()
			if err != nil {
				return nil, err
			}
			b.body = body
			if n := len(out); t.text != "if" && n > 0 && out[n-1].branches != nil {
				out[n-1].branches = append(out[n-1].branches, b)
			} else {
				out = append(out, statement{branches: []branch{b}})
			}
		default:
			n := &kit.Node{Key: t.text, Name: t.text, At: draft.Place{File: p.file, Line: t.line}}
			if err := p.plugin(n); err != nil {
				return nil, err
			}
			out = append(out, statement{plugin: n})
		}
	}
}

// plugin reads { key => value ... }.
func (p *parser) plugin(n *kit.Node) error {
	if err := p.expect("{"); err != nil {
		return err
	}
	for {
		t := p.next()
		if t.text == "}" {
			return nil
		}
		if t.text == "," {
			continue
		}
		if t.kind == "" {
			return fmt.Errorf("%s: %s does not end", p.file, n.Name)
		}
		k := &kit.Node{Key: unquote(t.text), At: draft.Place{File: p.file, Line: t.line}}
		k.Name = n.Name + "." + k.Key
		if err := p.expect("=>"); err != nil {
			return err
		}
		if err := p.value(k); err != nil {
			return err
		}
		if before := n.Find(k.Key); before != nil && len(before.Kids) > 0 && len(k.Kids) > 0 {
			before.Kids = append(before.Kids, k.Kids...) // written twice, it counts as one
			continue
		}
		n.Kids = append(n.Kids, k)
	}
}

func (p *parser) value(k *kit.Node) error {
	t := p.peek()
	switch {
	case t.text == "{":
		return p.plugin(k)
	case t.text == "[":
		p.next()
		for {
			switch t := p.peek(); t.text {
			case "]":
				p.next()
				return nil
			case ",":
				p.next()
				continue
			case "":
				return fmt.Errorf("%s: a list does not end", p.file)
			}
			e := &kit.Node{Name: k.Name, At: k.At}
			if err := p.value(e); err != nil {
				return err
			}
			k.Kids = append(k.Kids, e)
		}
	}
	p.next()
	k.Value, k.Scalar, k.Quoted = unquote(t.text), true, t.kind == "text"
	if t.kind == "word" && p.peek().text == "{" { // a codec with settings
		return p.plugin(k)
	}
	return nil
}

func unquote(s string) string {
	if len(s) > 1 && (s[0] == '"' || s[0] == '\'') {
		q := s[:1]
		return strings.ReplaceAll(s[1:len(s)-1], `\`+q, q)
	}
	return s
}

// condition translates a condition.
func condition(src string) (string, error) {
	var tokens []token
	for _, w := range strings.Split(src, "\x01") {
		kind, text, _ := strings.Cut(w, "\x00")
		tokens = append(tokens, token{kind: kind, text: text})
	}
	c := &conditions{tokens: tokens}
	out, err := c.or()
	if err == nil && len(c.tokens) > 0 {
		err = fmt.Errorf("%q is not known here", c.tokens[0].text)
	}
	return out, err
}

type conditions struct{ tokens []token }

func (c *conditions) peek() string {
	if len(c.tokens) == 0 {
		return ""
	}
	return c.tokens[0].text
}

func (c *conditions) next() token {
	if len(c.tokens) == 0 {
		return token{}
	}
	t := c.tokens[0]
	c.tokens = c.tokens[1:]
	return t
}

func (c *conditions) or() (string, error) {
	return c.joined("or", func() (string, error) { return c.joined("and", c.not) })
}

func (c *conditions) joined(op string, in func() (string, error)) (string, error) {
	left, err := in()
	for err == nil && c.peek() == op {
		c.next()
		var right string
		right, err = in()
		left += " " + op + " " + right
	}
	return left, err
}

func (c *conditions) not() (string, error) {
	if c.peek() == "!" || c.peek() == "not" {
		c.next()
		in, err := c.not()
		return "not (" + in + ")", err
	}
	if c.peek() == "(" {
		c.next()
		in, err := c.or()
		if err == nil && c.next().text != ")" {
			err = fmt.Errorf("a parenthesis does not end")
		}
		return "(" + in + ")", err
	}
	left, isField, err := c.operand()
	if err != nil {
		return "", err
	}
	switch op := c.peek(); op {
	case "==", "!=", "<", ">", "<=", ">=":
		c.next()
		right, _, err := c.operand()
		return left + " " + op + " " + right, err
	case "=~", "!~":
		c.next()
		t := c.next()
		re := unquote(t.text)
		if _, err := regexp.Compile(re); err != nil {
			return "", fmt.Errorf("RE2 has it not: %w", err)
		}
		e := "string(" + left + " ?? '') matches " + kit.Quote(re)
		if op == "!~" {
			e = "not (" + e + ")"
		}
		return e, nil
	case "in", "not":
		c.next()
		if op == "not" && c.next().text != "in" {
			return "", fmt.Errorf("not stands where in was expected")
		}
		right, ofField, err := c.operand()
		e := left + " in " + right
		if ofField {
			e = within(left, right)
		}
		if op == "not" {
			e = "not (" + e + ")"
		}
		return e, err
	}
	if isField {
		return left + " != nil", nil
	}
	return left, nil
}

// within is the condition that a field has a value: one of a list, or a part of a text.
func within(value, field string) string {
	listed := value + " in (" + field + " ?? [])"
	if field == kit.Field("tags") {
		return listed
	}
	if !strings.HasPrefix(value, "'") {
		value = "string(" + value + ")"
	}
	return "(type(" + field + ") == 'string' ? " + field + " contains " + value + " : " + listed + ")"
}

// operand reads a field, a text, a number or a list.
func (c *conditions) operand() (string, bool, error) {
	t := c.next()
	switch {
	case t.kind == "text":
		return kit.Quote(unquote(t.text)), false, nil
	case t.kind == "word" && regexp.MustCompile(`^-?\d+(\.\d+)?$`).MatchString(t.text):
		return t.text, false, nil
	case t.text == "[":
		if len(c.tokens) > 1 && c.tokens[0].kind == "word" && c.tokens[1].text == "]" &&
			!regexp.MustCompile(`^-?\d`).MatchString(c.tokens[0].text) {
			name := c.next().text
			c.next()
			for c.peek() == "[" {
				c.next()
				name += "." + c.next().text
				c.next()
			}
			return kit.Field(name), true, nil
		}
		var items []string
		for c.peek() != "]" && c.peek() != "" {
			if c.peek() == "," {
				c.next()
				continue
			}
			e, _, err := c.operand()
			if err != nil {
				return "", false, err
			}
			items = append(items, e)
		}
		c.next()
		return "[" + strings.Join(items, ", ") + "]", false, nil
	}
	return "", false, fmt.Errorf("%q is not known here", t.text)
}
