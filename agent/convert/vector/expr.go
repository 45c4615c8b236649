package vector

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/penstock/penstock/agent/convert/kit"
)

// token kinds are: a path (.a.b), a name, a text, a regular expression, a number, an operator.
type token struct{ kind, text string }

var lexer = regexp.MustCompile(
	`^(?:(\s+)|(r'(?:[^'\\]|\\.)*')|(s'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|(\.(?:[\w@]+|"[^"]*")(?:\.(?:[\w@]+|"[^"]*")|\[\d+\])*|\.)|([A-Za-z_]\w*!?)|(-?\d+(?:\.\d+)?)|(==|!=|<=|>=|&&|\|\||\?\?|[-+*/%<>!(),:\[\]=|{}]))`,
)

func lex(src string) ([]token, error) {
	var out []token
	for src != "" {
		m := lexer.FindStringSubmatch(src)
		if m == nil {
			return nil, fmt.Errorf("%.20q is not known", src)
		}
		for i, kind := range []string{"", "regex", "text", "path", "name", "number", "op"} {
			if i > 0 && m[i+1] != "" {
				out = append(out, token{kind, m[i+1]})
			}
		}
		src = src[len(m[0]):]
	}
	return out, nil
}

// expression translates an expression of VRL into one of penstock.
func expression(src string) (string, error) {
	tokens, err := lex(src)
	if err != nil {
		return "", err
	}
	p := &parser{tokens: tokens}
	out, err := p.binary(0)
	if err == nil && len(p.tokens) > 0 {
		err = fmt.Errorf("%q is not known here", p.tokens[0].text)
	}
	return out, err
}

type parser struct{ tokens []token }

func (p *parser) next() token {
	if len(p.tokens) == 0 {
		return token{}
	}
	t := p.tokens[0]
	p.tokens = p.tokens[1:]
	return t
}

func (p *parser) is(text string) bool {
	return len(p.tokens) > 0 && p.tokens[0].kind == "op" && p.tokens[0].text == text
}

func (p *parser) expect(text string) error {
	if t := p.next(); t.text != text {
		return fmt.Errorf("%q where %q was expected", t.text, text)
	}
	return nil
}

var levels = [][]string{
	{"??"}, {"||"}, {"&&"}, {"==", "!="}, {"<", ">", "<=", ">="}, {"+", "-"}, {"*", "/", "%"},
}

var operators = map[string]string{"||": "or", "&&": "and"}

func (p *parser) binary(level int) (string, error) {
	if level == len(levels) {
		return p.unary()
	}
	left, err := p.binary(level + 1)
	for err == nil {
		op := ""
		for _, o := range levels[level] {
			if p.is(o) {
				op = o
			}
		}
		if op == "" {
			return left, nil
		}
		p.next()
		var right string
		if right, err = p.binary(level + 1); err != nil {
			break
		}
		if op == "||" && !truth(left) && !truth(right) {
			left = fmt.Sprintf("((%s ?? false) != false ? %s : %s)", left, left, right)
			continue
		}
		if o, ok := operators[op]; ok {
			op = o
		}
		left += " " + op + " " + right
	}
	return "", err
}

var (
	compared = regexp.MustCompile(`==|!=|[<>]| in | matches | contains |sWith |\bnot\b|\band\b|\bor\b|^(?:true|false)$`)
	literal  = regexp.MustCompile(`'(?:[^'\\\\]|\\\\.)*'`)
)

// truth reports whether an expression is true or false, so that || is or. Otherwise it is the left
// value unless that is null or false.
func truth(e string) bool { return compared.MatchString(literal.ReplaceAllString(e, "''")) }

func (p *parser) unary() (string, error) {
	if p.is("!") {
		p.next()
		in, err := p.unary()
		return "not (" + in + ")", err
	}
	t := p.next()
	switch t.kind {
	case "path":
		return path(t.text), nil
	case "text":
		return kit.Quote(text(t.text)), nil
	case "number":
		return t.text, nil
	case "name":
		switch t.text {
		case "true", "false":
			return t.text, nil
		case "null":
			return "nil", nil
		}
		if p.is("(") {
			return p.call(strings.TrimSuffix(t.text, "!"))
		}
		return "", fmt.Errorf("the variable %s is not known", t.text)
	case "op":
		switch t.text {
		case "(":
			in, err := p.binary(0)
			if err == nil {
				err = p.expect(")")
			}
			return "(" + in + ")", err
		case "[":
			items, err := p.list("]")
			return "[" + strings.Join(items, ", ") + "]", err
		}
	}
	return "", fmt.Errorf("%q is not known here", t.text)
}

// list reads expressions up to an end; those with names are told by themselves.
func (p *parser) list(end string) ([]string, error) {
	var out []string
	for !p.is(end) {
		if len(p.tokens) > 1 && p.tokens[0].kind == "name" && p.tokens[1].text == ":" {
			return nil, fmt.Errorf("the argument %s is not known", p.tokens[0].text)
		}
		if len(p.tokens) > 0 && p.tokens[0].kind == "regex" {
			re := strings.TrimSuffix(strings.TrimPrefix(p.next().text, "r'"), "'")
			if _, err := regexp.Compile(re); err != nil {
				return nil, fmt.Errorf("RE2 has it not: %w", err)
			}
			out = append(out, kit.Quote(re))
		} else {
			e, err := p.binary(0)
			if err != nil {
				return nil, err
			}
			out = append(out, e)
		}
		if !p.is(",") {
			break
		}
		p.next()
	}
	return out, p.expect(end)
}

// functions are those that penstock has by another name, or another form, by their arguments.
var functions = map[string]string{
	"string": "%s", "to_string": "string(%s)", "int": "%s", "to_int": "int(%s)", "float": "%s",
	"to_float": "float(%s)", "bool": "%s", "to_bool": "%s == 'true'", "downcase": "lower(%s)",
	"upcase": "upper(%s)", "strip_whitespace": "trim(%s)", "length": "len(%s)", "strlen": "len(%s)",
	"exists": "(%s != nil)", "is_null": "(%s == nil)", "is_nullish": "(%[1]s == nil or %[1]s == '')",
	"contains": "%s contains %s", "starts_with": "%s startsWith %s", "ends_with": "%s endsWith %s",
	"match": "%s matches %s", "includes": "%[2]s in %[1]s", "round": "round(%s)", "abs": "abs(%s)",
	"split": "split(%s, %s)", "join": "join(%s, %s)", "get_hostname": "agent", "now": "time",
}

func (p *parser) call(name string) (string, error) {
	p.next()
	args, err := p.list(")")
	if err != nil {
		return "", err
	}
	form, ok := functions[name]
	if !ok {
		return "", fmt.Errorf("penstock has no function like %s", name)
	}
	want := max(strings.Count(form, "%s"), strings.Count(form, "%["))
	if strings.Contains(form, "%[2]") {
		want = 2
	} else if strings.Contains(form, "%[1]") {
		want = 1
	}
	if len(args) != want {
		return "", fmt.Errorf("%s with %d arguments", name, len(args))
	}
	all := make([]any, len(args))
	for i, a := range args {
		all[i] = a
	}
	out := fmt.Sprintf(form, all...)
	if want == 2 && !strings.HasSuffix(out, ")") {
		out = "(" + out + ")"
	}
	return out, nil
}

// plainPath is a path without the leading dot and quotes.
func plainPath(p string) string {
	return strings.ReplaceAll(strings.TrimPrefix(p, "."), `"`, "")
}

func path(p string) string {
	name := plainPath(p)
	if name == "" {
		return "field"
	}
	return kit.Field(name)
}

// text is what a quoted text holds.
func text(quoted string) string {
	quoted = strings.TrimPrefix(quoted, "s")
	return strings.NewReplacer(`\"`, `"`, `\'`, `'`, `\n`, "\n", `\t`, "\t", `\\`, `\`).
		Replace(quoted[1 : len(quoted)-1])
}
