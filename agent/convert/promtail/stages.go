package promtail

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/kit"
)

func (c *converter) stages(list *kit.Node, in *draft.Block, name, cond string) {
	if list == nil {
		return
	}
	for _, s := range list.Kids {
		for _, x := range s.Kids {
			(&stage{c, x, in, name, cond}).convert()
			c.begun = c.begun || x.Key != "static_labels" && x.Key != "docker" && x.Key != "cri"
		}
	}
}

func (c *converter) drop(x *kit.Node, name, cond string) {
	var tests []string
	src, sources := c.lineExpr(), x.Texts("source")
	separator := ";"
	if s := x.Take("separator"); s != nil {
		separator = s.Value
	}
	if len(sources) > 0 && sources[0] != "" {
		var parts []string
		for _, s := range sources {
			parts = append(parts, "string("+c.ref(s)+" ?? '')")
		}
		src = strings.Join(parts, " + "+kit.Quote(separator)+" + ")
	}
	if len(sources) > 1 {
		src = "(" + src + ")"
	}
	e, v := x.Text("expression"), x.Text("value")
	if e != "" {
		if _, err := regexp.Compile(e); err != nil {
			c.Lost(c.p.Notes, x, "RE2 has it not: "+err.Error())
			return
		}
		tests = append(tests, src+" matches "+kit.Quote(e))
	}
	if v != "" {
		tests = append(tests, src+" == "+kit.Quote(v))
	}
	if e == "" && v == "" {
		for _, s := range sources {
			if s != "" {
				tests = append(tests, c.ref(s)+" != nil")
			}
		}
	}
	if l := x.Take("longer_than"); l != nil {
		if n, ok := kit.ParseSize(l.Value); ok {
			tests = append(tests, fmt.Sprintf("len(%s) > %d", c.lineExpr(), n))
		}
	}
	if o := x.Take("older_than"); o != nil {
		why := "old records pass: how old one is depends on when it is delivered"
		if len(tests) > 0 {
			c.Lost(c.p.Notes, x, why+", and all of it has to hold")
		} else {
			c.D.Left(c.p.Notes, o.At, o.Shown(), why)
		}
		return
	}
	if len(tests) == 0 {
		c.Lost(c.p.Notes, x, "it says nothing that is known")
		return
	}
	b := c.p.Filter("drop", name, "")
	b.From(x.At)
	b.Set("if", draft.Text(kit.And(append([]string{cond}, tests...)...)))
	c.D.Carried(x.At, x.Name)
}

// ref is what is called so among what was taken out of a line and the labels.
func (c *converter) ref(name string) string {
	if c.isLabel(name) {
		return "header[" + kit.Quote(name) + "]"
	}
	if e := c.origins[name]; e != "" {
		return e
	}
	return kit.Field(name)
}

// overwritten notes that fields have another value now, and what was found in them, too.
func (c *converter) overwritten(names ...string) {
	for _, name := range names {
		delete(c.origins, name)
		delete(c.emptied, name)
		maps.DeleteFunc(c.origins, func(_, at string) bool {
			rest, ok := strings.CutPrefix(at, kit.Field(name))
			return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
		})
	}
}

func (c *converter) isLabel(name string) bool { return c.labels[name] && !c.extracted[name] }

// isMissing reports whether nothing of a name is there for a stage.
func (c *converter) isMissing(name string) bool {
	return !c.unsure && !c.labels[name] && !c.extracted[name]
}

const missing = "nothing of this name is taken out before it: it does nothing"

// asText is ref as the text that stages see, or nil.
func (c *converter) asText(name string) string {
	e := c.ref(name)
	if c.isLabel(name) || c.texts[name] {
		return e
	}
	return "(" + e + " == nil ? nil : string(" + e + "))"
}

// containers reads the lines of a container's runtime, in the input where nothing comes before it.
func (c *converter) containers(x *kit.Node, in *draft.Block, name, cond string) {
	defer func() { c.labels["stream"] = true }()
	if c.joined {
		c.D.Carried(x.At, x.Name)
		return
	}
	if in.Type() == "tail" && !c.begun && in.Get("encoding") == "" && (cond == "" || cond == "tag == "+kit.Quote(in.Label())) {
		c.joined = true
		in.Set("container", draft.Bool(true))
		c.D.Changed(
			in, x.At, x.Name,
			"lines that were cut are put together, with the time of their beginning, and have no line "+
				"end; what has no time stays as it is; containers have headers of their own",
		)
		return
	}
	b := c.p.Filter("parse", name, cond)
	b.From(x.At)
	b.Set("format", draft.Text(x.Key))
	b.Set("time", draft.Bool(true))
	if c.line != "" {
		b.Set("field", draft.Text(c.line))
	}
	c.D.Changed(
		b, x.At, x.Name,
		"the record becomes an object, whose log is the line; lines that were cut stay so",
	)
	c.parsed, c.line = true, "log"
	c.p.Filter("set", name, cond).Set("headers", draft.Map("stream", draft.Text("field.stream")))
}

var (
	path       = regexp.MustCompile(`^[\w.-]+$`)
	quotedPath = regexp.MustCompile(`^(?:\w+\.)*"[^"]+"(?:\.(?:\w+|"[^"]+"))*$`)
	pathPart   = regexp.MustCompile(`"[^"]+"|\w+`)
)

// names gives what was parsed, at the top or in a field of its own, the names that a stage gives
// it.
func (c *converter) names(b *draft.Block, list *kit.Node, within, name, cond string) {
	if list == nil {
		return
	}
	var pairs []draft.Value
	found := map[string]string{}
	for _, k := range list.Kids {
		k.Done()
		c.extracted[k.Key] = true
		delete(c.texts, k.Key)
		from := k.Value
		if within != "" && from == "" {
			from = k.Key
		}
		field := kit.Field(from)
		if within != "" {
			field = within + "." + from
			field = kit.Field(field)
		}
		quoted := quotedPath.MatchString(from)
		if quoted {
			field = kit.Field(within)
			if within == "" {
				field = "field"
			}
			for _, part := range pathPart.FindAllString(from, -1) {
				field += "[" + kit.Quote(strings.Trim(part, `"`)) + "]"
			}
		}
		switch {
		case from == "" || from == k.Key && within == "":
			continue
		case !quoted && !path.MatchString(from):
			c.Left(b, k, "write an expression for filter \"set\"")
			continue
		}
		pairs = append(pairs, kit.Key(k.Key), draft.Text(field))
		found[k.Key] = field
	}
	if pairs != nil {
		c.p.Filter("set", name, cond).Set("fields", draft.Map(pairs...))
	}
	c.overwritten(slices.Collect(maps.Keys(found))...)
	if within == "" {
		maps.Copy(c.origins, found)
	}
}

// ofLabel takes parts out of a label: of the path, the input does that.
func (c *converter) ofLabel(x *kit.Node, pattern string, groups []string, label string) {
	if label != "filename" || c.in.Type() != "tail" || c.in.Get("path_pattern") != "" {
		c.Lost(c.p.Notes, x, "nothing is cut out of a header: "+label+"; write filter \"set\" with an expression")
		return
	}
	c.in.Set("path_pattern", draft.Text(pattern))
	for _, g := range groups {
		c.labels[g] = true
	}
	c.D.Carried(x.At, x.Name)
}

func (c *converter) template(x *kit.Node, name, cond string) {
	src := x.Text("source")
	e := templated(x.Text("template"), src, c)
	if e == "" {
		c.Lost(c.p.Notes, x, "it has more than fields, texts and simple functions: write filter \"set\" with an expression")
		return
	}
	b := c.p.Filter("set", name, cond)
	b.From(x.At)
	of := "fields"
	if !c.parsed || c.isLabel(src) {
		of = "headers"
		c.labels[src] = true
	} else {
		c.extracted[src], c.texts[src] = true, true
		c.overwritten(src)
	}
	b.Set(of, draft.Map(kit.Key(src), draft.Text(e)))
	c.emptied[src] = true
	c.D.Carried(x.At, x.Name)
}

func (c *converter) limit(x *kit.Node, name, cond string) {
	rate, err := strconv.ParseFloat(x.Text("rate"), 64)
	if err != nil || rate <= 0 || !x.On("drop") {
		c.Left(c.p.Notes, x, "inputs wait as long as outputs do: see rate_limit of input \"tail\"")
		return
	}
	b := c.p.Filter("throttle", name, cond)
	b.From(x.At)
	if l := x.Text("by_label_name"); l != "" {
		b.Set("key", draft.Text("header["+kit.Quote(l)+"]"))
	}
	per := time.Second
	if rate < 1 {
		per = time.Duration(float64(time.Second) / rate)
		rate = 1
	}
	b.Set("limit", draft.Int(int64(rate)))
	b.Set("per", draft.Duration(per))
	if k := x.Take("burst"); k != nil {
		c.Left(b, k, "limit is for each interval")
	}
	c.D.Carried(x.At, x.Name)
}

var groupName = regexp.MustCompile(`\(\?P?<\w+>`)

var group = regexp.MustCompile(`\((?:[^()\\?]|\\.)(?:[^()\\]|\\.)*\)`)

// aroundGroup returns a pattern and its replacement for one of which only the group is replaced.
func aroundGroup(pattern, with string) (string, string, bool) {
	re, err := regexp.Compile(pattern)
	if err != nil || strings.Contains(with, "{{") || re.NumSubexp() != 1 {
		return "", "", false
	}
	with = strings.ReplaceAll(with, "$", "$$")
	pattern = groupName.ReplaceAllString(pattern, "(")
	at := group.FindStringIndex(pattern)
	if at == nil || kit.HasAlternatives(pattern) ||
		at[1] < len(pattern) && strings.IndexByte("*+?{", pattern[at[1]]) >= 0 {
		return "", "", false
	}
	before, in, after := pattern[:at[0]], pattern[at[0]+1:at[1]-1], pattern[at[1]:]
	whole, n := "(?:"+in+")", 1
	if before != "" {
		whole, with, n = "("+before+")"+whole, "${1}"+with, 2
	}
	if after != "" {
		whole, with = whole+"("+after+")", fmt.Sprintf("%s${%d}", with, n)
	}
	if _, err := regexp.Compile(whole); err != nil {
		return "", "", false
	}
	return whole, with, true
}

func (c *converter) match(x *kit.Node, in *draft.Block, name, cond string) {
	e, ok := selected(x.Text("selector"), c.lineExpr())
	if !ok {
		c.Lost(c.p.Notes, x, "this selector is not known: write filters with if")
		return
	}
	here := kit.And(cond, e)
	if x.Text("action") == "drop" {
		c.p.Filter("drop", name, here)
		c.D.Carried(x.At, x.Name)
		return
	}
	c.D.Carried(x.At, x.Name)
	stages := x.Find("stages")
	if changesBeforeLast(stages) {
		here = c.p.Decide([]draft.Place{x.At}, []string{e}, cond)[0]
	}
	before := c.line
	c.stages(stages, in, name, here)
	if c.line != before {
		c.line, c.elsewhere = before, c.line
	}
}

// lineExpr is the line: what the stages so far have made a field, or the whole value.
func (c *converter) lineExpr() string {
	for _, field := range []string{c.line, c.elsewhere} {
		if field != "" {
			return "(" + kit.Field(field) + " ?? value)"
		}
	}
	return "value"
}

// multiline joins lines in the input or, for those of some of its records, in a filter.
func (c *converter) multiline(x *kit.Node, in *draft.Block, name, cond string) {
	var m *draft.Block
	switch {
	case in.Type() == "kafka":
		c.Lost(c.p.Notes, x, "what is read from Kafka is not joined: have it joined before it goes there")
		return
	case in.Type() == "tail" && (cond == "" || cond == "tag == "+kit.Quote(in.Label())):
		m = in.In("multiline")
	default:
		m = c.p.Filter("multiline", name, cond)
		m.From(x.At)
		if c.joined {
			m.Set("key", draft.Text("header.stream"))
		}
		if c.line != "" {
			m.Set("field", draft.Text(c.line))
		}
	}
	m.Set("start", draft.Text(x.Text("firstline")))
	m.Set("timeout", draft.Text("3s"))
	m.Set("max_lines", "128")
	c.Duration(m, "timeout", x, time.Second, "max_wait_time")
	c.Number(m, "max_lines", x, "max_lines")
	c.D.Changed(
		m, x.At, x.Name,
		"lines before the first event are one, too, and empty ones behind a full event are a record",
	)
}

// changesBeforeLast reports whether a stage but the last may change labels or the line, which the
// filters of those behind it ask for anew.
func changesBeforeLast(stages *kit.Node) bool {
	if stages == nil {
		return false
	}
	for i, s := range stages.Kids {
		for _, x := range s.Kids {
			switch x.Key {
			case "drop", "match", "sampling", "limit", "metrics", "timestamp", "tenant":
			default:
				if i+1 < len(stages.Kids) {
					return true
				}
			}
		}
	}
	return false
}
