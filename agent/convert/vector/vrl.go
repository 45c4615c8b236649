package vector

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/kit"
	"github.com/penstock/penstock/agent/convert/timepattern"
)

// program adds filters for a program in VRL.
type program struct {
	c     *converter
	p     *kit.Pipeline
	name  string
	node  *kit.Node // the source
	label string
	vars  map[string]string // expressions that variables stand for, or calls that parse
	gone  map[string]string // those that they no longer stand for
	nulls bool              // a field may become null

	last     *draft.Block // what parses, of the last statement that does
	lastCond string
	after    int                     // filters there were then
	strict   map[string]*draft.Block // what parses a field, and ends the program where it fails
	outcomes map[string]*outcome     // by the variables that have their errors

	left   leftOut
	within string // the block that is being added
}

// statements divides a program at line ends and semicolons, outside of brackets.
func statements(src string) []string {
	var out []string
	depth, start := 0, 0
	quote := byte(0)
	var text []byte
	for i := 0; i < len(src); i++ {
		ch := src[i]
		switch {
		case quote != 0:
			if ch == '\\' && i+1 < len(src) {
				text = append(text, ch, src[i+1])
				i++
				continue
			}
			if ch == quote {
				quote = 0
			}
		case ch == '"' || ch == '\'':
			quote = ch
		case ch == '#':
			for i < len(src) && src[i] != '\n' {
				i++
			}
			i--
			continue
		case strings.IndexByte("([{", ch) >= 0:
			depth++
		case strings.IndexByte(")]}", ch) >= 0:
			depth--
		case (ch == '\n' || ch == ';') && depth == 0:
			rest := strings.TrimSpace(src[i+1:])
			if strings.HasPrefix(rest, "else") || strings.HasPrefix(rest, "??") ||
				strings.HasPrefix(
					rest,
					"||",
				) || strings.HasPrefix(rest, "&&") || strings.HasPrefix(rest, "|") {
				text = append(text, ' ')
				continue
			}
			if s := strings.TrimSpace(string(text[start:])); s != "" {
				out = append(out, s)
			}
			start = len(text)
			continue
		}
		text = append(text, ch)
	}
	if s := strings.TrimSpace(string(text[start:])); s != "" {
		out = append(out, s)
	}
	return out
}

func (g *program) run(src, cond string) {
	for _, s := range statements(src) {
		g.statement(s, cond)
	}
}

func (g *program) carried(s string) { g.c.D.Carried(g.node.At, g.label+": "+s) }

const arg = `\(\s*(?:(?:string|to_string)!?\(\s*)?(\.(?:[\w.@]|"[^"]*")*)\s*\)?(?:\s*\?\?\s*"[^"]*")?\s*`

var (
	parsing = regexp.MustCompile(
		`^(\.(?:[\w.@]|"[^"]*")*|[a-z]\w*)\s*(?:,\s*\w+\s*)?(\|?=)\s*(?:object!?\()?\s*(parse_\w+?)!?` + arg + `(?:,\s*(?s:(.*?)))?\)+(?:\s*\?\?\s*\{\s*\})?$`,
	)
	merging   = regexp.MustCompile(`^\.\s*=\s*merge!?\(\s*\.\s*,\s*(.*?)\)$`)
	assigning = regexp.MustCompile(`^(\.(?:[\w.@]|"[^"]*")*)\s*(?:,\s*\w+\s*)?=\s*(?s:(.*))$`)
	variable  = regexp.MustCompile(`^([a-z]\w*)\s*(?:,\s*\w+\s*)?=\s*(?s:(.*))$`)
	caught    = regexp.MustCompile(`^\.(?:[\w.@]|"[^"]*")*\s*,\s*\w+\s*=`) // with its error
	strictly  = regexp.MustCompile(`\bparse_\w+!\(`)
	emptied   = regexp.MustCompile(`\?\?\s*\{\s*\}$`)
	deleting  = regexp.MustCompile(`^(?:_\s*=\s*)?del\(\s*(\.(?:[\w.@]|"[^"]*")+)\s*\)$`)
	moving    = regexp.MustCompile(`^(\.(?:[\w.@]|"[^"]*")+)\s*=\s*del\(\s*(\.(?:[\w.@]|"[^"]*")+)\s*\)$`)
	timing    = regexp.MustCompile(
		`^\.timestamp\s*=\s*parse_timestamp!?` + arg + `,\s*(?:format:\s*)?"([^"]*)"\s*\)(?:\s*\?\?\s*now\(\))?$`,
	)
	env = regexp.MustCompile(
		`^(\.(?:[\w.@]|"[^"]*")+)\s*=\s*get_env_var!?\("(\w+)"\)(?:\s*\?\?\s*"([^"]*)")?$`,
	)
	regexArg = regexp.MustCompile(`r'((?:[^'\\]|\\.)*)'`)
	textArg  = regexp.MustCompile(`"((?:[^"\\]|\\.)*)"`)
)

func (g *program) statement(s, cond string) {
	if m := catching.FindStringSubmatch(s); m != nil {
		o := &outcome{}
		if m[1][0] != '.' {
			o.variable = m[1]
		}
		g.outcomes[m[2]] = o
	}
	switch {
	case strings.HasPrefix(s, "if "):
		g.branch(s, cond)
	case s == "abort" || strings.HasPrefix(s, "abort "):
		b := g.p.Filter("drop", g.name, cond)
		if cond == "" {
			b.Set("if", draft.Text("true"))
		}
		g.carried(s)
	case strings.HasPrefix(s, "log(") || strings.HasPrefix(s, "assert"):
		g.c.D.Left(g.p.Notes, g.node.At, g.label+": "+s, "see /tap of the admin server")
	case s == ".":
	case timing.MatchString(s):
		m := timing.FindStringSubmatch(s)
		b := g.p.Filter("time", g.name, cond)
		b.Set("field", draft.Text(plainPath(m[1])))
		if format, err := timepattern.Read(m[2]); err != nil {
			g.misses(s, err.Error())
			g.c.D.Lost(b, g.node.At, g.label+": "+s, err.Error())
		} else {
			b.Set("formats", draft.Texts(format))
			g.isTime(b, s)
			if timepattern.Zoneless(format) {
				g.c.D.Changed(b, g.node.At, g.label, timepattern.Local)
			}
		}
	case parsing.MatchString(s):
		g.parse(s, cond)
	case merging.MatchString(s):
		g.merge(s, merging.FindStringSubmatch(s)[1], cond)
	case strings.HasPrefix(s, ". |= "):
		g.merge(s, strings.TrimPrefix(s, ". |= "), cond)
	case deleting.MatchString(s):
		g.remove(s, plainPath(deleting.FindStringSubmatch(s)[1]), cond)
	case moving.MatchString(s):
		m := moving.FindStringSubmatch(s)
		g.p.Filter("rename_fields", g.name, cond).
			Set("fields", draft.Map(kit.Key(plainPath(m[2])), draft.Text(plainPath(m[1]))))
		g.nulls = true
		g.carried(s)
		g.forget(plainPath(m[2]))
	case env.MatchString(s):
		m := env.FindStringSubmatch(s)
		g.p.Filter("add_fields", g.name, cond).
			Set("fields", draft.Map(kit.Key(plainPath(m[1])), draft.Join(draft.EnvPart(m[2], m[3]))))
		g.carried(s)
	default:
		g.assign(s, cond)
	}
}

func (g *program) assign(s, cond string) {
	if m := variable.FindStringSubmatch(s); m != nil {
		if call := timeCall.FindString(m[2]); call != "" {
			g.vars[m[1]] = "\x00" + call
			return
		}
		if e, err := expression(m[2], g.vars); err == nil {
			g.vars[m[1]] = e
			return
		}
	}
	if g.inPlace(s, cond) {
		return
	}
	m := assigning.FindStringSubmatch(s)
	if m == nil {
		g.lost(s, "write filters for it")
		return
	}
	if rest, ok := strings.CutPrefix(strings.TrimSpace(m[2]), "."); ok && m[1] == "." &&
		rest == "" {
		return
	}
	if of := given.FindStringSubmatch(m[2]); of != nil {
		switch call, ok := g.isCall(of[1]); {
		case ok && m[1] == ".timestamp":
			g.statement(".timestamp = "+call, cond)
			return
		case ok && parsing.MatchString(m[1]+" = "+call):
			g.place(of[1], m[1]+" = "+call, cond)
			return
		}
	}
	if m[1] == "." && strings.HasPrefix(m[2], "{") {
		g.object(s, m[2], cond)
		return
	}
	e, err := expression(m[2], g.vars)
	g.nulls = g.nulls || onlyPath.MatchString(e) || e == "nil"
	if caught.MatchString(s) {
		var ok bool
		e, ok = orElse(e, "")
		g.nulls = g.nulls || !ok
	}
	switch {
	case err != nil:
		g.lost(s, err.Error()+"; write filters for it")
		return
	case m[1] == ".":
		if parent, ok := strings.CutPrefix(e, "field."); ok {
			b := g.raise(parent, cond)
			g.c.D.Changed(b, g.node.At, g.label+": "+s, "the other fields stay; see keep_fields")
			return
		}
		g.lost(s, "a record is put together by filters: see keep_fields and set")
		return
	case m[1] == ".timestamp" && e == "time":
		g.carried(s)
		return
	case m[1] == ".timestamp" && !onlyPath.MatchString(e):
		g.lost(s, "the record's time is read from a field: write filter \"time\"")
		return
	case m[1] == ".timestamp":
		b := g.p.Filter("time", g.name, cond)
		b.Set("field", draft.Text(strings.TrimPrefix(e, "field.")))
		g.isTime(b, s)
		return
	}
	b := g.p.Filter("set", g.name, cond)
	b.Set("fields", draft.Map(kit.Key(plainPath(m[1])), draft.Text(e)))
	g.carried(s)
	g.forget(plainPath(m[1]))
}

// forget has variables no longer known that stand for a field which is another one now.
func (g *program) forget(name string) {
	for v, e := range g.vars {
		asked := kit.Asked([]string{e})
		if call, ok := g.isCall(v); ok {
			for _, p := range readPath.FindAllString(noPath.ReplaceAllString(call, ""), -1) {
				asked = append(asked, plainPath(p))
			}
		}
		if slices.ContainsFunc(asked, func(a string) bool { return isPart(a, name) }) {
			g.gone[v] = e
			delete(g.vars, v)
		}
	}
}

var (
	timeCall  = regexp.MustCompile(`^parse_timestamp!?\(.*\)$`)
	replacing = regexp.MustCompile(
		`^(\.(?:[\w.@]|"[^"]*")+)\s*=\s*replace!?\(\s*(?:(?:string|to_string)!?\(\s*)?(\.(?:[\w.@]|"[^"]*")+)\s*\)?(?:\s*\?\?\s*"")?\s*,\s*(?:pattern:\s*)?(r'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")\s*,\s*(?:with:\s*)?"((?:[^"\\]|\\.)*)"\s*\)$`,
	)
	cutting = regexp.MustCompile(
		`^(\.(?:[\w.@]|"[^"]*")+)\s*=\s*truncate!?\(\s*(?:(?:string|to_string)!?\(\s*)?(\.(?:[\w.@]|"[^"]*")+)\s*\)?\s*,\s*(?:limit:\s*)?(\d+)\s*(,\s*(?:ellipsis:\s*)?true|,\s*suffix:\s*"([^"]*)"|,\s*ellipsis:\s*false)?\s*\)$`,
	)
	capture = regexp.MustCompile(`\$(\d|\w+)`)
)

// inPlace adds what works on the text of a field where it stands.
func (g *program) inPlace(s, cond string) bool {
	if m := replacing.FindStringSubmatch(s); m != nil && m[1] == m[2] {
		pattern := strings.TrimSuffix(strings.TrimPrefix(m[3], "r'"), "'")
		with := capture.ReplaceAllString(m[4], "$${$1}")
		if m[3][0] == '"' {
			pattern = regexp.QuoteMeta(text(m[3]))
			with = strings.ReplaceAll(text(`"`+m[4]+`"`), "$", "$$")
		}
		if _, err := regexp.Compile(pattern); err != nil {
			g.lost(s, "RE2 has it not: "+err.Error())
			return true
		}
		b := g.p.Filter("replace", g.name, cond)
		b.Set("field", draft.Text(plainPath(m[1])))
		b.Set("pattern", draft.Text(pattern))
		b.Set("with", draft.Text(with))
		g.carried(s)
		g.forget(plainPath(m[1]))
		return true
	}
	if m := cutting.FindStringSubmatch(s); m != nil && m[1] == m[2] {
		b := g.p.Filter("truncate", g.name, cond)
		b.Set("fields", draft.Texts(plainPath(m[1])))
		b.Set("size", draft.Text(m[3]+"B"))
		if suffix := m[5]; suffix != "" {
			b.Set("suffix", draft.Text(suffix))
		} else if strings.HasSuffix(m[4], "true") {
			b.Set("suffix", draft.Text("..."))
		}
		g.c.D.Changed(b, g.node.At, g.label+": "+s, "it counts bytes, not characters")
		g.forget(plainPath(m[1]))
		return true
	}
	return false
}

// object makes a record of an object that a program writes down.
func (g *program) object(s, src, cond string) {
	pairs, names, err := g.fields(src)
	if err != nil {
		g.lost(s, err.Error())
		return
	}
	if pairs != nil {
		g.p.Filter("set", g.name, cond).Set("fields", draft.Map(pairs...))
	}
	g.p.Filter("keep_fields", g.name, cond).Set("fields", draft.Texts(names...))
	g.carried(s)
	clear(g.vars)
}

// fields are those of an object that a program writes down: what they are set to, unless they have
// it already.
func (g *program) fields(src string) (pairs []draft.Value, names []string, err error) {
	tokens, err := lex(src)
	if err != nil {
		return nil, nil, err
	}
	p := &parser{tokens: tokens[1:], vars: g.vars, values: map[string]value{}}
	for err == nil && !p.is("}") {
		key := p.next()
		name := key.text
		if key.kind == "text" {
			name = text(name)
		}
		if err = p.expect(":"); err != nil {
			break
		}
		var e string
		if e, err = p.binary(0); err != nil {
			break
		}
		names = append(names, name)
		if e != kit.Field(name) {
			pairs = append(pairs, kit.Key(name), draft.Text(e))
		}
		if p.is(",") {
			p.next()
		}
	}
	if err != nil || names == nil || len(p.tokens) != 1 {
		err = errors.New("a record is put together by filters: see keep_fields and set")
	}
	return pairs, names, err
}

var onlyPath = regexp.MustCompile(`^field(?:\.\w+)+$`)

// isTime tells that what Vector has as the field timestamp is the record's time.
func (g *program) isTime(b *draft.Block, s string) {
	g.c.D.Changed(
		b, g.node.At, g.label+": "+s,
		"it is the record's time, and no field: filter \"set\" { fields = { timestamp = \"time\" } } makes one",
	)
}

var formats = map[string]string{
	"parse_json": "json", "parse_logfmt": "logfmt", "parse_key_value": "logfmt", "parse_regex": "regex",
	"parse_grok": "grok", "parse_groks": "grok", "parse_syslog": "syslog", "parse_linux_authorization": "syslog",
	"parse_klog": "klog", "parse_glog": "klog", "parse_query_string": "query", "parse_nginx_log": "nginx",
	"parse_apache_log": "apache_combined", "parse_common_log": "apache_common", "parse_cri": "cri",
	"parse_user_agent": "user_agent",
}

// parse adds what parses a field: into the record, in place of it, or into a field.
func (g *program) parse(s, cond string) {
	m := parsing.FindStringSubmatch(s)
	target, op, fn, from, more := m[1], m[2], m[3], plainPath(m[4]), m[5]
	format, ok := formats[fn]
	if isField := strings.HasPrefix(target, "."); !ok && (isField || fn != "parse_timestamp") {
		g.lost(s, "penstock has no format like "+fn)
		return
	}
	if !strings.HasPrefix(target, ".") { // a variable
		if strictly.MatchString(s) {
			fn += "!"
		}
		g.vars[target] = "\x00" + fmt.Sprintf("%s(%s, %s)", fn, m[4], more)
		return
	}
	switch texts := textArg.FindStringSubmatch(more); {
	case fn == "parse_nginx_log" && texts != nil && texts[1] == "error":
		format = "nginx_error"
	case fn == "parse_apache_log" && texts != nil:
		format = "apache_" + texts[1]
	}
	read := from
	over := target == "." && op == "|=" && overwrites(format, from, more)
	if over && !always[format] {
		read = aside
		g.p.Filter("set", g.name, cond).
			Set("fields", draft.Map(aside, draft.Text(kit.Field(from))))
	}
	b := g.p.Filter("parse", g.name, cond)
	g.last, g.lastCond = b, cond
	defer func() { g.after = len(g.p.Filters()) }()
	if c := catching.FindStringSubmatch(s); c != nil {
		g.outcomes[c[2]].parses = b
	}
	if strictly.MatchString(s) {
		g.strict[from] = b
	} else {
		delete(g.strict, from)
	}
	b.Set("format", draft.Text(format))
	b.Set("field", draft.Text(read))
	switch format {
	case "logfmt":
		if fn == "parse_key_value" && more != "" {
			if !separators.MatchString(more) {
				g.lost(s, "write its separators")
				return
			}
			b.Set("format", draft.Text("key_value"))
			for _, m := range separator.FindAllStringSubmatch(more, -1) {
				attr := map[string]string{"field": "pair_separator", "key_value": "value_separator"}[m[1]]
				b.Set(attr, draft.Text(text(m[2])))
			}
		}
	case "regex":
		re := regexArg.FindStringSubmatch(more)
		if re == nil {
			b.Set("pattern", draft.Text("^(?P<message>.*)$"))
			g.lost(s, "write its pattern")
			return
		}
		pattern := regexp.MustCompile(`\(\?<([A-Za-z_])`).ReplaceAllString(re[1], "(?P<$1")
		if _, err := regexp.Compile(pattern); err != nil {
			b.Set("pattern", draft.Text("^(?P<message>.*)$"))
			g.lost(s, "RE2 has it not: "+err.Error())
			return
		}
		b.Set("pattern", draft.Text(pattern))
	case "grok":
		var patterns []string
		for _, t := range textArg.FindAllStringSubmatch(more, -1) {
			patterns = append(patterns, t[1])
		}
		b.Set("patterns", draft.Texts(patterns...))
	}
	switch {
	case target != ".":
		b.Set("into", draft.Text(plainPath(target)))
		if plainPath(target) != from {
			b.Set("keep", draft.Text(from))
		}
	case over && read == aside:
		g.p.Filter("remove_fields", g.name, cond).Set("fields", draft.Texts(aside))
	case op == "|=" && !over:
		b.Set("keep", draft.Text(from))
	}
	prefix := ""
	if target != "." {
		prefix = plainPath(target) + "."
	}
	g.asVRL(b, format, prefix, cond)
	if op == "=" && (emptied.MatchString(s) || caught.MatchString(s)) {
		g.c.D.Changed(
			b, g.node.At, g.label+": "+s,
			"where it fails, what is there stays: it is not an empty object or null",
		)
		return
	}
	switch {
	case strings.Contains(" json regex grok logfmt key_value query ", " "+format+" "):
		g.carried(s)
	case called[format] != nil:
		g.c.D.Changed(
			b, g.node.At, g.label+": "+s,
			"timestamp is text as in the line, and what is - there is no field",
		)
	default:
		g.c.D.Changed(
			b, g.node.At, g.label+": "+s,
			"fields are called as penstock calls them: see penstock help filter.parse",
		)
	}
}

// merge brings the fields of what is parsed, or of an object, to the top.
func (g *program) merge(s, what, cond string) {
	what = strings.TrimSpace(what)
	if of := given.FindStringSubmatch(what); of != nil {
		if call, ok := g.isCall(of[1]); ok {
			g.place(of[1], ". |= "+call, cond)
			return
		}
	}
	full := ". |= " + what
	if parsing.MatchString(full) {
		g.parse(full, cond)
		return
	}
	if strings.HasPrefix(what, ".") && !strings.ContainsAny(what, "( ") {
		g.raise(plainPath(what), cond)
		g.carried(s)
		return
	}
	if strings.HasPrefix(what, "{") {
		if pairs, _, err := g.fields(what); err == nil {
			g.p.Filter("set", g.name, cond).Set("fields", draft.Map(pairs...))
			g.carried(s)
			return
		}
	}
	g.lost(s, "write filters for it")
}

// raise brings the fields of an object to the top, over those of their names.
func (g *program) raise(object, cond string) *draft.Block {
	b := g.p.Filter("set", g.name, cond)
	b.Set("fields", draft.Map(aside, draft.Text("toJSON("+kit.Field(object)+")")))
	parse := g.p.Filter("parse", g.name, cond)
	parse.Set("format", draft.Text("json"))
	parse.Set("field", draft.Text(aside))
	g.p.Filter("remove_fields", g.name, cond).Set("fields", draft.Texts(aside))
	return b
}

// branch adds what an if does: conditions of filters.
func (g *program) branch(s, cond string) {
	rest := strings.TrimPrefix(s, "if ")
	var arms []arm
	for {
		open := kit.IndexUnquoted(rest, "{}")
		if open < 0 {
			g.arms(arms, cond)
			g.lost(s, "it has no block")
			return
		}
		test, body, after := strings.TrimSpace(rest[:open]), "", ""
		head := "else"
		depth := 0
		for i := open; i < len(rest); {
			if rest[i] == '{' {
				depth++
			} else if depth--; depth == 0 {
				body, after = rest[open+1:i], strings.TrimSpace(rest[i+1:])
				break
			}
			next := kit.IndexUnquoted(rest[i+1:], "{}")
			if next < 0 {
				break
			}
			i += 1 + next
		}
		if test != "" {
			e, err := expression(test, g.vars)
			if err != nil {
				g.arms(arms, cond)
				if m := failing.FindStringSubmatch(test); m != nil && g.outcomes[m[1]] != nil {
					g.failure(test, m[1], m[2] == "==", body, after, cond)
					return
				}
				g.lost("if "+test, err.Error()+"; write the condition")
				g.keep(body + "\n" + after)
				return
			}
			head, test = "if "+test, e
		}
		arms = append(arms, arm{head, test, body})
		after, ok := strings.CutPrefix(after, "else")
		if !ok {
			g.arms(arms, cond)
			return
		}
		rest = strings.TrimSpace(after)
		rest = strings.TrimPrefix(rest, "if ")
	}
}

// arm is what an if does where a condition holds, "" for the rest.
type arm struct{ head, cond, body string }

// arms adds what an if does. Filters ask for conditions anew, so that where one changes what is
// asked the branch is decided before.
func (g *program) arms(arms []arm, outer string) {
	var conds, bodies []string
	for _, a := range arms {
		if a.cond != "" {
			conds = append(conds, a.cond)
		}
		bodies = append(bodies, a.body)
	}
	if changesAsked(conds, bodies) {
		conds = g.p.Decide(slices.Repeat([]draft.Place{g.node.At}, len(arms)), conds, outer)
		for i, a := range arms {
			g.block(a.head, a.body, func() { g.run(a.body, conds[i]) })
		}
		return
	}
	here := []string{outer}
	for _, a := range arms {
		cond := kit.And(append(slices.Clone(here), a.cond)...)
		g.block(a.head, a.body, func() { g.run(a.body, cond) })
		here = append(here, "not ("+a.cond+")")
	}
}

// changesAsked reports whether a body may change what a condition asks while something follows.
func changesAsked(conds, bodies []string) bool {
	for i, body := range bodies {
		for _, name := range kit.Asked(conds) {
			changed := regexp.MustCompile(`(?m)(?:^|[^\w.)\]])\.(?:\s*\|?=[^=]|` + upTo(name) + `\s*(?:, *\w+\s*)?\|?=[^=])|del\(\.` + upTo(name) + `\)`)
			at := changed.FindStringIndex(body)
			if at == nil {
				continue
			}
			goesOn := strings.Contains(strings.TrimSpace(body[at[1]:]), "\n")
			if goesOn || i+1 < len(bodies) {
				return true
			}
		}
	}
	return false
}

// upTo matches a field, or one that it stands in.
func upTo(name string) string {
	parts := strings.Split(name, ".")
	out := ""
	for i := len(parts) - 1; i >= 0; i-- {
		part := `"?` + regexp.QuoteMeta(parts[i]) + `"?`
		if out == "" {
			out = part
		} else {
			out = part + `(?:\.` + out + `)?`
		}
	}
	return out
}
