package vector

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/penstock/penstock/agent/convert/kit"
	"github.com/penstock/penstock/buffer/record/dialect"
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

// expression translates an expression of VRL into one of penstock, with what its variables stand
// for.
func expression(src string, vars map[string]string) (string, error) {
	tokens, err := lex(src)
	if err != nil {
		return "", err
	}
	p := &parser{tokens: tokens, vars: vars, values: map[string]value{}}
	out, err := p.binary(0)
	if err == nil && len(p.tokens) > 0 {
		err = fmt.Errorf("%q is not known here", p.tokens[0].text)
	}
	return out, err
}

type parser struct {
	tokens []token
	vars   map[string]string
	values map[string]value  // expressions of ||, which are no conditions
	named  map[string]string // arguments of the call that is read
}

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
		if op == "||" && p.isValue(left) && p.isValue(right) {
			before := p.values[left]
			if before.last == "" {
				before = value{"(", left}
			}
			before.first += fmt.Sprintf("(%s ?? false) != false ? %s : ", before.last, before.last)
			left = before.first + right + ")"
			p.values[left] = value{before.first, right}
			continue
		}
		if e, ok := orElse(left, right); op == "??" && ok {
			if right != "nil" {
				left = e
			}
			continue
		}
		if op == "??" {
			left, right = atom(left), atom(right)
		}
		if o, ok := operators[op]; ok {
			op = o
		}
		left += " " + op + " " + right
	}
	return "", err
}

// value is an expression of ||: what stands before its last alternative, and that.
type value struct{ first, last string }

func (p *parser) isValue(e string) bool { return p.values[e].last != "" || !truth(e) }

var simple = regexp.MustCompile(`^(?:[\w.]+(?:\[[^\]]*\])*|'(?:[^'\\]|\\.)*'|\w+\([^()]*\)|\([^()]*\))$`)

// atom is an expression that may stand beside any operator.
func atom(e string) string {
	if simple.MatchString(e) || strings.Contains(e, " ?? ") && !strings.ContainsAny(e, "+*/%<>=") {
		return e
	}
	return "(" + e + ")"
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
		if t.text == "if" {
			return p.choice()
		}
		if p.is("(") {
			out, err := p.call(strings.TrimSuffix(t.text, "!"))
			return p.element(out, err)
		}
		if v := p.vars[t.text]; v != "" && v[0] != 0 {
			return atom(v), nil
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

// element reads what stands in brackets behind a call.
func (p *parser) element(of string, err error) (string, error) {
	for err == nil && p.is("[") {
		p.next()
		index := p.next()
		if index.kind != "number" {
			return "", fmt.Errorf("%q is no number", index.text)
		}
		of = "get(" + of + ", " + index.text + ")"
		err = p.expect("]")
	}
	return of, err
}

// choice reads an if that stands for a value.
func (p *parser) choice() (string, error) {
	cond, err := p.binary(0)
	if err != nil {
		return "", err
	}
	then, err := p.block()
	if err != nil {
		return "", err
	}
	otherwise := "nil"
	if len(p.tokens) > 0 && p.tokens[0].text == "else" {
		p.next()
		if len(p.tokens) > 0 && p.tokens[0].text == "if" {
			p.next()
			otherwise, err = p.choice()
		} else {
			otherwise, err = p.block()
		}
	}
	return "(" + cond + " ? " + then + " : " + otherwise + ")", err
}

func (p *parser) block() (string, error) {
	if err := p.expect("{"); err != nil {
		return "", err
	}
	e, err := p.binary(0)
	if err == nil {
		err = p.expect("}")
	}
	return e, err
}

// inOrder are arguments that stand for those without a name, in their order.
const inOrder = " value pattern substring with separator item format "

// list reads expressions up to an end; those with names are told by themselves.
func (p *parser) list(end string) ([]string, error) {
	var out []string
	for !p.is(end) {
		if len(p.tokens) > 1 && p.tokens[0].kind == "name" && p.tokens[1].text == ":" {
			name := p.next().text
			p.next()
			if !strings.Contains(inOrder, " "+name+" ") {
				e, err := p.binary(0)
				if err != nil {
					return nil, err
				}
				if p.named == nil {
					p.named = map[string]string{}
				}
				p.named[name] = e
				if p.is(",") {
					p.next()
				}
				continue
			}
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

// infix are forms that an argument with an operator does not stand in as it is.
var infix = regexp.MustCompile(`^%\S* |[ ]%\S*$`)

var powers = map[string]string{"1": "10", "2": "100", "3": "1000", "4": "10000", "6": "1000000"}

// functions are those that penstock has by another name, or another form, by their arguments.
var functions = map[string]string{
	"string": "%s", "to_string": "string(%[1]s ?? '')", "int": "%s", "to_int": "int(%[1]s ?? 0)", "float": "%s",
	"to_float": "float(%[1]s ?? 0)", "bool": "%s", "to_bool": "(lower(string(%[1]s ?? '')) matches " + truths + ")", "downcase": "lower(%s)",
	"upcase": "upper(%s)", "strip_whitespace": "trim(%s)", "length": "len(%s)", "strlen": "len(%s)",
	"exists": "(%s != nil)", "is_null": "(%s == nil)", "is_nullish": "(trim(string(%[1]s ?? '')) == '' or %[1]s == '-')",
	"contains": "%s contains %s", "starts_with": "%s startsWith %s", "ends_with": "%s endsWith %s",
	"match": "%s matches %s", "includes": "%[2]s in %[1]s", "round": "round(%s)", "abs": "abs(%s)",
	"is_object": "(type(%s) == 'map')", "is_array": "(type(%s) == 'array')",
	"push": "concat(%s, [%s])", "append": "concat(%s, %s)", "unique": "uniq(%s)",
	"is_string": "(type(%s) == 'string')", "is_boolean": "(type(%s) == 'bool')",
	"floor": "floor(%s)", "ceil": "ceil(%s)", "replace": "replace(%s, %s, %s)",
	"split": "split(%s, %s)", "join": "join(%s, %s)", "get_hostname": "agent", "now": "time",
}

func (p *parser) call(name string) (string, error) {
	p.next()
	outer := p.named
	p.named = nil
	isPattern := name == "replace" && len(p.tokens) > 0
	from := p.tokens
	args, err := p.list(")")
	named := p.named
	p.named = outer
	if err != nil {
		return "", err
	}
	for _, t := range from[:len(from)-len(p.tokens)] {
		if isPattern && t.kind == "regex" {
			return "", errors.New("it replaces a pattern in another field, or in a part of an expression")
		}
	}
	switch {
	case named["case_sensitive"] == "false" && strings.Contains(" contains starts_with ends_with ", " "+name+" "):
		for i := range args {
			args[i] = "lower(" + args[i] + ")"
		}
		delete(named, "case_sensitive")
	case named["case_sensitive"] == "true":
		delete(named, "case_sensitive")
	case (name == "round" || name == "floor" || name == "ceil") && len(args) == 1 && powers[named["precision"]] != "":
		n := powers[named["precision"]]
		return name + "(" + args[0] + " * " + n + ") / " + n, nil
	}
	for n := range named {
		return "", fmt.Errorf("the argument %s of %s is not known", n, name)
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
	if name == "exists" {
		return exists(args[0]), nil
	}
	if strings.HasPrefix(name, "to_") {
		args[0] = atom(args[0])
	}
	all := make([]any, len(args))
	for i, a := range args {
		if strings.Contains(a, " ?? ") && !simple.MatchString(a) && infix.MatchString(form) {
			a = "(" + a + ")"
		}
		all[i] = a
	}
	out := fmt.Sprintf(form, all...)
	if want == 2 && !strings.HasSuffix(form, ")") {
		out = "(" + out + ")"
	}
	return out, nil
}

var quotedName = regexp.MustCompile(`"[^"]*"`)

// plainPath is a path without the leading dot and quotes, as penstock writes it.
func plainPath(p string) string {
	return quotedName.ReplaceAllStringFunc(strings.TrimPrefix(p, "."), func(name string) string {
		return dialect.JoinNames([]string{strings.Trim(name, `"`)})
	})
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
	if raw, ok := strings.CutPrefix(quoted, "s'"); ok {
		return strings.ReplaceAll(strings.TrimSuffix(raw, "'"), `\'`, "'")
	}
	return strings.NewReplacer(`\"`, `"`, `\'`, `'`, `\n`, "\n", `\t`, "\t", `\\`, `\`).
		Replace(quoted[1 : len(quoted)-1])
}
