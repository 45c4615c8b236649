package rsyslog

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/kit"
)

// Convert reads rsyslog's files and writes an agent.
func Convert(paths []string, from kit.Reader) (*draft.Draft, error) {
	c := &converter{
		Conv:     kit.New(),
		rulesets: map[string]statement{},
		tags:     map[string][]string{},
		files:    map[string]*draft.Block{},

		templates: map[string]string{}, used: map[string]bool{},
	}
	var all []statement
	for _, path := range paths {
		some, err := read(path, 0, from)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	c.p = c.Pipeline("main")
	var main []statement
	for _, s := range all {
		switch {
		case s.kind == "directive":
			c.directive(s)
		case s.kind == "object" && s.node.Key == "input":
			c.input(s.node)
		case s.kind == "object" && s.node.Key == "ruleset":
			c.rulesets[s.node.Text("name")] = s
			c.order = append(c.order, s.node.Text("name"))
		case s.kind == "object" && s.node.Key == "template":
			c.templates[s.node.Text("name")] = makes(s) // it is told where the template is used
		case s.kind == "object" && s.node.Key == "action":
			main = append(main, s)
		case s.kind == "object":
			if s.node.Key == "module" {
				if load := s.node.Find("load"); load != nil {
					c.module(s.node, load.Value)
				}
			}
			c.streamTLS(c.Agent, s.node)
			c.Rest(c.Agent, s.node, harmless)
		case s.kind == "missing" || s.kind == "absent":
			c.include(s)
		default:
			main = append(main, s)
		}
	}
	for _, r := range append([]string{""}, c.order...) {
		tags := c.tags[r]
		if len(tags) == 0 {
			if r == "" && len(main) > 0 && len(c.p.Inputs) > 0 {
				c.D.Left(
					c.p.Notes,
					main[0].at,
					"the default ruleset",
					"no input that was carried over goes there",
				)
			}
			continue
		}
		body := main
		if r != "" {
			body = c.rulesets[r].body
		}
		c.stopped, c.sends, c.here = nil, false, c.of(tags)
		c.body(body, kit.Tagged(tags, c.count))
	}
	c.nowhere(all)
	c.p.Finish()
	c.Sweep(harmless, objects(all)...)
	c.D.Environment(nil)
	c.D.Refuse(command, "no command is run here: write file(\"PATH\") for cat, or the text")
	return c.D, nil
}

// assigned is a statement that sets a variable, or takes one away.
var assigned = regexp.MustCompile(`^(set|unset|reset)\s+\$([!./])([\w!.@-]+)\s*(?:=\s*(?s:(.*?)))?\s*;?$`)

// assign has a field of the message's object set to a text or a number.
func (c *converter) assign(at draft.Place, text string, m []string, cond string) {
	name := strings.ReplaceAll(m[3], "!", ".")
	value := strings.TrimSpace(m[4])
	constant := constantText.FindStringSubmatch(value)
	switch {
	case m[2] != "!":
		c.D.Lost(
			c.p.Notes, at, text,
			"there are no variables: write what it is where it is asked, or filter \"set\" { fields = { "+name+
				" = \"'text'\" } } and field."+name,
		)
		return
	case m[1] == "unset":
		b := c.p.Filter("remove_fields", name, cond)
		b.From(at)
		b.Set("fields", draft.Texts(name))
	case constant != nil:
		b := c.p.Filter("set", name, cond)
		b.From(at)
		e := constant[2]
		if e == "" {
			e = kit.Quote(constant[1])
		}
		b.Set("fields", draft.Map(kit.Key(name), draft.Text(e)))
	default:
		c.D.Lost(
			c.p.Notes, at, text,
			"write filter \"set\" { fields = { "+name+" = \"...\" } } with an expression, such as field.message",
		)
		return
	}
	c.D.Carried(at, text)
}

var constantText = regexp.MustCompile(`^(?:["']([^"'\\]*)["']|(-?\d+))$`)

// include tells of files that are not here.
func (c *converter) include(s statement) {
	if s.kind == "absent" {
		c.D.Left(c.Agent, s.at, "include "+s.text, "no files are called so here, as may be")
		return
	}
	c.D.Lost(c.Agent, s.at, "include "+s.text, kit.NoSuchFiles)
}

// nowhere tells of rulesets that nothing comes to, and of templates that nothing uses.
func (c *converter) nowhere(all []statement) {
	for _, s := range all {
		if s.kind != "object" {
			continue
		}
		name := s.node.Text("name")
		if c.used[s.node.Key+" "+name] {
			continue
		}
		switch {
		case s.node.Key == "template":
			c.Left(c.D.Nearest(s.at), s.node, "nothing that was carried over uses template "+name)
		case s.node.Key == "ruleset" && len(c.tags[name]) == 0:
			for _, in := range objects(s.body) {
				in.Done()
			}
			c.Lost(
				c.D.Nearest(s.at), s.node,
				"no input leads to ruleset "+name+", and nothing calls it: convert all files at once",
			)
		}
	}
}

// objects returns those in statements and what stands in them.
func objects(body []statement) []*kit.Node {
	var out []*kit.Node
	for _, s := range body {
		if s.node != nil {
			out = append(out, s.node)
		}
		out = append(append(out, objects(s.body)...), objects(s.els)...)
	}
	return out
}

type converter struct {
	*kit.Conv
	p        *kit.Pipeline
	rulesets map[string]statement
	order    []string
	tags     map[string][]string // of inputs by their ruleset
	sources  []source            // what the inputs that were carried over give
	here     []source            // those of them whose messages come to what is read now
	count    int
	stopped  []string // conditions under which nothing further happens
	sends    bool     // something was sent of what is read now
	last     string   // condition of the last filter, for &
	unread   bool     // the last filter is none that is known
	never    bool     // the last filter takes nothing that comes here
	file     legacy
	files    map[string]*draft.Block

	templates map[string]string // by name, what they make of a message
	used      map[string]bool   // templates, and rulesets that are called
	calls     []string          // rulesets that are being read
}

func (c *converter) input(n *kit.Node) {
	var b *draft.Block
	typ := n.Text("type")
	ruleset := n.Text("ruleset")
	tag := strings.TrimRight(n.Text("tag"), ":")
	switch typ {
	case "imfile":
		if tag == "" {
			tag = "file"
		}
		b = c.Add("input", "tail", tag, n)
		b.Set("paths", kit.Texts([]string{n.Text("file")}))
		if re := n.Take("startmsg.regex"); re != nil {
			b.In("multiline").Set("start", draft.Text(re.Value))
			c.Carry(re)
		}
		if re := n.Take("endmsg.regex"); re != nil {
			b.In("multiline").Set("end", draft.Text(re.Value))
			c.Carry(re)
		}
		switch m := n.Take("readmode"); {
		case m == nil || m.Value == "0":
		case m.Value == "2":
			b.In("multiline").Set("continue", draft.Text(`^[ \t]`))
			c.Carry(m)
		default:
			c.Lost(b, m, "events parted by empty lines: write multiline")
		}
		c.Duration(b, "partial_line_timeout", n, time.Second, "readtimeout")
		if ml := b.Find("multiline"); ml == nil {
			b.Set("empty_lines", draft.Text("skip"))
		} else {
			if timeout := b.Get("partial_line_timeout"); timeout != "" {
				ml.Set("timeout", timeout)
				b.Unset("partial_line_timeout")
			}
			switch e := n.Take("escapelf"); {
			case e == nil:
				c.D.Changed(
					ml, n.At, "the lines of an event", `newlines join them, not \n as text`,
				)
			case e.Value != "off":
				c.Changed(ml, e, `newlines join the lines of an event, not \n as text`)
			}
		}
		if n.On("freshstarttail") {
			b.Set("start_at", draft.Text("end"))
		}
	case "imudp", "imtcp", "imptcp", "imrelp":
		if typ == "imrelp" {
			c.Lost(c.Agent, n, "penstock does not speak RELP: have it sent by syslog over TCP")
			return
		}
		if tag == "" {
			tag = "syslog"
		}
		b = c.Add("input", "syslog", tag, n)
		address := n.Text("address")
		if address == "" {
			address = "0.0.0.0"
		}
		scheme := map[bool]string{true: "udp://", false: "tcp://"}[typ == "imudp"]
		b.Set("listen", kit.Texts([]string{scheme + address + ":" + n.Text("port")}))
		c.Size(b, "receive_buffer", n, "rcvbufsize")
	case "imjournal":
		if tag == "" {
			tag = "journal"
		}
		if in := c.journal(); in != nil { // one reads all of it
			if has := strings.Trim(string(in.Get("tag")), `"`); !slices.Contains(c.tags[ruleset], has) {
				c.tags[ruleset] = append(c.tags[ruleset], has)
			}
			c.D.Carried(n.At, n.Name)
			return
		}
		b = c.Add("input", "journald", tag, n)
	default:
		c.Lost(c.Agent, n, "there is no such input; see penstock help for those there are")
		return
	}
	program := tag
	if slices.Contains(c.tags[ruleset], tag) && !strings.HasSuffix(b.Label(), tag) {
		tag = b.Label()
	}
	for other, tags := range c.tags {
		if other != ruleset && slices.Contains(tags, tag) {
			tag = b.Label()
			if typ == "imfile" {
				c.D.Changed(
					b, n.At, n.Name+" tag "+program, "another ruleset has it too: conditions ask for the tag",
				)
			}
			break
		}
	}
	b.Set("tag", draft.Text(tag))
	from := source{tag: tag, kind: b.Type(), program: program}
	if b.Type() != "journald" {
		from.name = cmp.Or(n.Text("name"), typ)
	}
	from.facility = c.level(b, n, "facility", "local0", facilities)
	from.severity = c.level(b, n, "severity", "notice", severities)
	c.sources = append(c.sources, from)
	if !slices.ContainsFunc(
		c.p.Inputs,
		func(x *draft.Block) bool { return x.Get("tag") == draft.Text(tag) },
	) {
		c.count++
	}
	c.streamTLS(b, n)
	c.tags[ruleset] = append(c.tags[ruleset], tag)
	c.p.Inputs = append(c.p.Inputs, b)
	c.Rest(b, n, harmless)
}

// streamTLS tells of TLS that inputs had, which is in no block here.
func (c *converter) streamTLS(b *draft.Block, n *kit.Node) {
	if m := n.Take("streamdriver.mode"); m != nil && m.Value == "1" {
		c.Lost(b, m, "write tls { } in the input, with cert_file and key_file: it listens without now")
	}
}

func (c *converter) body(body []statement, cond string) {
	for _, s := range body {
		switch s.kind {
		case "object":
			switch s.node.Key {
			case "action":
				c.action(s.node, cond)
			default:
				c.Lost(c.p.Notes, s.node, "this is not known here")
			}
		case "missing", "absent":
			c.include(s)
		case "stop":
			c.stop(cond)
		case "call":
			if r, ok := c.rulesets[s.text]; ok && !slices.Contains(c.calls, s.text) {
				c.used["ruleset "+s.text] = true
				c.calls = append(c.calls, s.text)
				c.body(r.body, cond)
				c.calls = c.calls[:len(c.calls)-1]
				continue
			}
			c.D.Lost(c.p.Notes, s.at, "call "+s.text, "there is no such ruleset")
		case "if":
			e, err := c.condition(s.text)
			if err != nil {
				c.D.Lost(
					c.p.Notes,
					s.at,
					"if "+s.text,
					err.Error()+"; what is in it is left out, too: write a route with if",
				)
				c.unread, c.never = true, false
				for _, in := range objects(append(s.body, s.els...)) {
					in.Done()
				}
				continue
			}
			c.body(s.body, kit.And(cond, e))
			c.body(s.els, kit.And(cond, "not ("+e+")"))
			c.last, c.unread, c.never = kit.And(cond, e), false, false
			if s.els != nil {
				c.last = kit.And(cond, "not ("+e+")")
			}
		case "filter":
			c.filter(s, cond)
		case "selector":
			sel, rest, _ := strings.Cut(s.text, " ")
			if i := strings.IndexAny(s.text, " \t"); i > 0 {
				sel, rest = s.text[:i], s.text[i:]
			}
			selected, err := c.selector(sel)
			if err != nil {
				c.D.Lost(c.p.Notes, s.at, s.text, err.Error()+": write a route with if")
				c.unread, c.never = true, false
				continue
			}
			c.last, c.unread = kit.And(cond, selected), false
			if c.never = selected == "false"; c.never {
				c.D.Left(c.p.Notes, s.at, s.text, "nothing that comes here has this facility and severity")
				continue
			}
			c.guarded(s, strings.TrimSpace(rest), c.last)
		case "and":
			if c.never {
				continue
			}
			if c.unread {
				c.D.Lost(
					c.p.Notes, s.at, "& "+s.text, "it belongs to what stands before it, and that is not known",
				)
				continue
			}
			c.guarded(s, s.text, c.last)
		default:
			c.line(s.text, s.at, cond)
		}
	}
}

func (c *converter) stop(cond string) {
	if cond == "" {
		cond = "true"
	}
	c.D.Carried(draft.Place{}, "stop")
	if !c.sends {
		c.p.Filter("drop", "stop", cond)
		return
	}
	c.stopped = append(c.stopped, "not ("+cond+")")
}

var propertyFilter = regexp.MustCompile(
	`^:([\w!$.-]+)\s*,\s*(!?)(\w+)\s*,\s*"((?:[^"\\]|\\.)*)"\s*(.*)$`,
)

// filter does :msg, contains, "x" action.
func (c *converter) filter(s statement, cond string) {
	m := propertyFilter.FindStringSubmatch(s.text)
	op := map[string]string{
		"contains":   "contains",
		"isequal":    "==",
		"startswith": "startsWith",
		"regex":      "matches",
		"ereregex":   "matches",
	}
	unknown := func(why string) {
		c.D.Lost(c.p.Notes, s.at, s.text, why+": write a route with if")
		c.unread, c.never = true, false
	}
	if m == nil || op[strings.ToLower(m[3])] == "" {
		unknown("this filter is not known")
		return
	}
	of, err := c.property(m[1])
	if err != nil {
		unknown(err.Error())
		return
	}
	text := m[4]
	if strings.Contains(strings.ToLower(m[3]), "regex") {
		if strings.ToLower(m[3]) == "regex" {
			text = basic(text)
		}
		if _, err := regexp.Compile(text); err != nil {
			unknown("RE2 has it not: " + err.Error())
			return
		}
	}
	is := op[strings.ToLower(m[3])]
	e := of + " " + is + " " + kit.Quote(c.adapted(m[1], is, text))
	if m[2] == "!" {
		e = "not (" + e + ")"
	}
	c.last, c.unread, c.never = kit.And(cond, e), false, false
	c.guarded(s, m[5], c.last)
}

// guarded does the action of a selector or filter, of either grammar.
func (c *converter) guarded(s statement, line, cond string) {
	if s.body != nil {
		c.body(s.body, cond)
		return
	}
	c.line(line, s.at, cond)
}

// confParam takes over librdkafka's settings.
func (c *converter) confParam(b *draft.Block, n *kit.Node) {
	var mechanism, user, password string
	tls := false
	for _, x := range n.List("confparam") {
		key, value, _ := strings.Cut(x.Value, "=")
		switch key {
		case "sasl.mechanisms", "sasl.mechanism":
			mechanism = value
		case "sasl.username":
			user = value
		case "sasl.password":
			password = value
		case "security.protocol":
			tls = strings.HasSuffix(strings.ToUpper(value), "SSL")
		case "ssl.ca.location":
			b.In("tls").Set("ca_file", kit.Text(value))
		default:
			carried, why := kit.KafkaSetting(b, key, value)
			if !carried && why == "" {
				c.D.Unknown(b, x.At, key, x.Value)
				continue
			} else if !carried {
				c.D.Left(b, x.At, x.Value, why)
				continue
			}
		}
		c.D.Carried(x.At, key)
	}
	if tls {
		b.In("tls")
	}
	if mechanism != "" && user != "" {
		kit.SASL(b, mechanism, user, password)
	}
}
