package rsyslog

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/kit"
)

// source is what an input gives: messages of a kind, with a tag.
type source struct {
	tag, kind          string
	program            string // the tag that it had
	name               string // what $inputname is, "" where that is not known
	facility, severity string // of lines of files, which are all alike
}

// of returns those sources that have certain tags.
func (c *converter) of(tags []string) (out []source) {
	for _, s := range c.sources {
		if slices.Contains(tags, s.tag) {
			out = append(out, s)
		}
	}
	return out
}

// level is the facility or severity that an input gives to lines of files.
func (c *converter) level(
	b *draft.Block, n *kit.Node, name, preset string, known []string,
) string {
	x := n.Take(name)
	if x == nil {
		return preset
	}
	number := numberOf(x.Value, known)
	if number < 0 {
		c.Left(b, x, "there is no such "+name)
		return preset
	}
	c.Changed(b, x, "lines of files have none: selectors and conditions were worked out with it")
	return known[number]
}

// module adds an input for modules that are one by being loaded.
func (c *converter) module(n *kit.Node, name string) {
	switch {
	case name == "imuxsock" && strings.EqualFold(n.Text("syssock.use"), "off"):
		return
	case !slices.Contains([]string{"imjournal", "imuxsock", "imklog", "imkmsg"}, name):
		return
	}
	why := "the journal has what programs of this machine and the kernel log: " +
		"without systemd write input \"syslog\" with unixgram:///dev/log"
	if c.journal() == nil {
		c.input(&kit.Node{Key: "input", Name: n.Name, At: n.At, Kids: []*kit.Node{
			{Key: "type", Name: "type", Value: "imjournal", Scalar: true, At: n.At},
		}})
	}
	c.D.Changed(c.journal(), n.At, "module "+name, why)
}

// journal returns the input that reads the journal, or nil.
func (c *converter) journal() *draft.Block {
	for _, in := range c.p.Inputs {
		if in.Type() == "journald" {
			return in
		}
	}
	return nil
}

// properties are those of messages, by the kind of the input: an expression, or "" where there is
// none.
var properties = map[string]map[string]string{
	"msg":         {"syslog": "field.message", "journald": "field.MESSAGE", "tail": "value"},
	"rawmsg":      {"tail": "value"},
	"programname": {"syslog": "field.app_name", "journald": "field.SYSLOG_IDENTIFIER", "tail": "tag"},
	"hostname":    {"syslog": "field.hostname", "journald": "field._HOSTNAME", "tail": "agent"},
	"procid":      {"syslog": "field.proc_id", "journald": "field._PID"},
	"msgid":       {"syslog": "field.msg_id"},
	"fromhost-ip": {"syslog": "origin"},
	"syslogseverity": {
		"syslog": "(field.priority ?? 13) % 8", "journald": "int(field.PRIORITY ?? 6)", "tail": "#severity",
	},
	"syslogseverity-text": {
		"syslog": "(field.severity ?? 'notice')", "journald": textOf("PRIORITY", severities, "6"),
		"tail": "'severity'",
	},
	"syslogfacility": {
		"syslog": "int((field.priority ?? 13) / 8)", "journald": "int(field.SYSLOG_FACILITY ?? 3)",
		"tail": "#facility",
	},
	"syslogfacility-text": {
		"syslog": "(field.facility ?? 'user')", "journald": textOf("SYSLOG_FACILITY", facilities, "3"),
		"tail": "'facility'",
	},
}

var alsoCalled = map[string]string{
	"syslogtag": "programname", "app-name": "programname", "source": "hostname", "syslogpriority": "syslogseverity",
	"syslogpriority-text": "syslogseverity-text",
}

func textOf(field string, names []string, otherwise string) string {
	var quoted []string
	for _, n := range names {
		quoted = append(quoted, kit.Quote(n))
	}
	return "get([" + strings.Join(quoted, ", ") + "], int(field." + field + " ?? " + otherwise + "))"
}

// property is the expression for a property of the messages that come here.
func (c *converter) property(name string) (string, error) {
	name = strings.ToLower(strings.TrimPrefix(name, "$"))
	if field, ok := strings.CutPrefix(name, "!"); ok {
		return kit.Field(strings.ReplaceAll(field, "!", ".")), nil
	}
	if other := alsoCalled[name]; other != "" {
		name = other
	}
	var exprs []string
	tagsOf := map[string][]string{}
	for _, s := range c.here {
		e := properties[name][s.kind]
		if name == "inputname" && s.name != "" {
			e = kit.Quote(s.name)
		}
		if e == "" {
			return "", fmt.Errorf("$%s is not known of what input %q gives", name, s.kind)
		}
		if e == "tag" && s.tag != s.program {
			e = kit.Quote(s.program)
		}
		e = strings.NewReplacer(
			"'severity'", kit.Quote(s.severity), "'facility'", kit.Quote(s.facility),
			"#severity", fmt.Sprint(slices.Index(severities, s.severity)),
			"#facility", fmt.Sprint(slices.Index(facilities, s.facility)),
		).Replace(e)
		if tagsOf[e] == nil {
			exprs = append(exprs, e)
		}
		tagsOf[e] = append(tagsOf[e], s.tag)
	}
	switch len(exprs) {
	case 0:
		return "", fmt.Errorf("$%s is not known", name)
	case 1:
		return exprs[0], nil
	}
	slices.SortStableFunc(exprs, func(a, b string) int { return rank(a) - rank(b) })
	out := exprs[len(exprs)-1]
	for _, e := range slices.Backward(exprs[:len(exprs)-1]) {
		if rank(e) == 0 && !strings.Contains(out, "?") {
			out = e + " ?? " + out
		} else {
			out = kit.Tagged(tagsOf[e], 0) + " ? " + e + " : " + out
		}
	}
	return "(" + out + ")", nil
}

var ofJournal = regexp.MustCompile(`^field\.[A-Z_]+$`)

// rank says how plainly an expression tells from which input a message is: only the journal has
// fields in capitals.
func rank(e string) int {
	if ofJournal.MatchString(e) {
		return 0
	}
	return 1
}

// selector is the condition that messages have a facility and severity, "" if all have.
func (c *converter) selector(text string) (string, error) {
	s, err := selected(text)
	if err != nil {
		return "", err
	}
	if s.condition("", "", false) == "" {
		return "", nil
	}
	var conds []string
	tagsOf := map[string][]string{}
	for _, from := range c.here {
		var cond string
		if from.kind == "tail" {
			bits := s[slices.Index(facilities, from.facility)]
			cond = "false"
			if bits&(1<<slices.Index(severities, from.severity)) != 0 {
				cond = ""
			}
		} else {
			form, numbers := "-text", from.kind == "journald"
			if numbers {
				form = ""
			}
			cond = s.condition(
				properties["syslogfacility"+form][from.kind], properties["syslogseverity"+form][from.kind],
				numbers,
			)
		}
		if tagsOf[cond] == nil {
			conds = append(conds, cond)
		}
		tagsOf[cond] = append(tagsOf[cond], from.tag)
	}
	if len(conds) == 1 {
		return conds[0], nil
	}
	var parts []string
	for _, cond := range conds {
		if cond != "false" {
			parts = append(parts, kit.And(kit.Tagged(tagsOf[cond], 0), cond))
		}
	}
	return strings.Join(parts, " or "), nil
}

// adapted is a text that a property is compared with: a tag does not end with a colon here, and a
// message does not begin with the space that stands before it.
func (c *converter) adapted(property, op, text string) string {
	property = strings.ToLower(strings.TrimPrefix(property, "$"))
	ofFiles := func(s source) bool { return s.kind == "tail" }
	switch {
	case property == "syslogtag":
		return strings.TrimSuffix(text, ":")
	case property != "msg" || slices.ContainsFunc(c.here, ofFiles):
	case op == "startsWith" || op == "==" || op == "!=":
		return strings.TrimPrefix(text, " ")
	case op == "matches" && strings.HasPrefix(text, "^ ") && len(text) > 2 &&
		strings.IndexByte("*+?{", text[2]) < 0:
		return "^ ?" + text[2:]
	}
	return text
}

// basic turns a basic regular expression of POSIX into an extended one.
func basic(re string) string {
	var b strings.Builder
	for i := 0; i < len(re); i++ {
		switch c := re[i]; {
		case c == '\\' && i+1 < len(re):
			i++
			if strings.IndexByte("(){}+?|", re[i]) < 0 {
				b.WriteByte('\\')
			}
			b.WriteByte(re[i])
		case strings.IndexByte("(){}+?|", c) >= 0:
			b.WriteString(`\` + string(c))
		case c == '[':
			end := strings.IndexByte(re[min(i+2, len(re)):], ']')
			if end < 0 {
				b.WriteByte(c)
				continue
			}
			b.WriteString(re[i : i+2+end+1])
			i += 2 + end
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

var (
	word = regexp.MustCompile(
		`^(?:(\s+)|(` + quoted + `)|\$(!?[\w!-]+)|(==|!=|<>|<=|>=|<|>|\(|\))|(-?\d+)|([A-Za-z_]+))`,
	)
	comparison = regexp.MustCompile(
		`(?i)^\$(!?[\w!-]+)\s*(==|!=|<>|contains_i|contains|startswith_i|startswith)\s*` +
			`(` + quoted + `|\[\s*` + quoted + `(?:\s*,\s*` + quoted + `)*\s*\])`,
	)
	reMatch = regexp.MustCompile(`(?i)^re_match(_i)?\s*\(\s*\$(!?[\w!-]+)\s*,\s*(` + quoted + `)\s*\)`)
	text    = regexp.MustCompile(quoted)
)

const quoted = `(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")`

func unquote(s string) string {
	return strings.NewReplacer(`\'`, `'`, `\"`, `"`, `\\`, `\`).Replace(s[1 : len(s)-1])
}

// compared is a property beside one text or several.
func (c *converter) compared(name, op, texts string) (string, error) {
	of, err := c.property(name)
	if err != nil {
		return "", err
	}
	if strings.HasPrefix(name, "!") { // of any type, as it is in the JSON
		of = "string(" + of + " ?? '')"
	}
	op, anyCase := strings.CutSuffix(strings.ToLower(op), "_i")
	if anyCase {
		of = "lower(" + of + ")"
	}
	several := texts[0] == '['
	op = map[string]string{
		"==": "==", "!=": "!=", "<>": "!=", "contains": "contains", "startswith": "startsWith",
	}[op]
	var list []string
	for _, t := range text.FindAllString(texts, -1) {
		t = c.adapted(name, op, unquote(t))
		if anyCase {
			t = strings.ToLower(t)
		}
		list = append(list, kit.Quote(t))
	}
	switch {
	case several && op == "==":
		return of + " in [" + strings.Join(list, ", ") + "]", nil
	case several && op == "!=":
		return "not (" + of + " in [" + strings.Join(list, ", ") + "])", nil
	}
	for i, t := range list {
		list[i] = of + " " + op + " " + t
	}
	if several {
		return "(" + strings.Join(list, " or ") + ")", nil
	}
	return list[0], nil
}

// condition translates a condition of RainerScript.
func (c *converter) condition(src string) (string, error) {
	var out []string
	for src != "" {
		if m := getenv.FindStringSubmatch(src); m != nil {
			out = append(out, kit.Quote("${"+m[1]+"}"))
			src = src[len(m[0]):]
			continue
		}
		if m := echo.FindStringSubmatch(src); m != nil {
			out = append(out, kit.Quote(shellVariable.ReplaceAllString(m[1], "${$1}")))
			src = src[len(m[0]):]
			continue
		}
		if m := comparison.FindStringSubmatch(src); m != nil {
			e, err := c.compared(m[1], m[2], m[3])
			if err != nil {
				return "", err
			}
			out = append(out, e)
			src = src[len(m[0]):]
			continue
		}
		if m := reMatch.FindStringSubmatch(src); m != nil {
			of, err := c.property(m[2])
			if err != nil {
				return "", err
			}
			if strings.HasPrefix(m[2], "!") {
				of = "string(" + of + " ?? '')"
			}
			re := c.adapted(m[2], "matches", unquote(m[3]))
			if m[1] != "" {
				re = "(?i)" + re
			}
			if _, err := regexp.Compile(re); err != nil {
				return "", fmt.Errorf("RE2 has it not: %w", err)
			}
			out = append(out, of+" matches "+kit.Quote(re))
			src = src[len(m[0]):]
			continue
		}
		m := word.FindStringSubmatch(src)
		if m == nil {
			return "", fmt.Errorf("%.20q is not known", src)
		}
		src = src[len(m[0]):]
		switch {
		case m[1] != "":
		case m[2] != "":
			out = append(out, kit.Quote(unquote(m[2])))
		case m[3] != "":
			e, err := c.property(m[3])
			if err != nil {
				return "", err
			}
			out = append(out, e)
		case m[4] == "<>":
			out = append(out, "!=")
		case m[4] != "":
			out = append(out, m[4])
		case m[5] != "":
			out = append(out, m[5])
		default:
			op := map[string]string{
				"and": "and", "or": "or", "not": "not", "contains": "contains", "startswith": "startsWith",
			}[strings.ToLower(m[6])]
			if op == "" {
				return "", fmt.Errorf("%s is not known", m[6])
			}
			out = append(out, op)
		}
	}
	return strings.Join(out, " "), nil
}
