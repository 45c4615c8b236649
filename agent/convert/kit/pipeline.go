package kit

import (
	"slices"
	"strings"

	"github.com/penstock/penstock/agent/convert/draft"
)

// Pipeline is a pipeline whose routes are conditions.
type Pipeline struct {
	Name   string
	Inputs []*draft.Block
	Buffer *draft.Block // settings of its buffer
	Notes  *draft.Block // comments about it

	c       *Conv
	filters []*draft.Block
	routes  []route
	chains  int // of branches that are decided before
}

type route struct {
	cond   string // "" for all
	output *draft.Block
}

// Pipeline returns an empty pipeline.
func (c *Conv) Pipeline(name string) *Pipeline {
	return &Pipeline{c: c, Name: name, Buffer: &draft.Block{}, Notes: &draft.Block{}}
}

// Filter adds a filter for the records for which a condition holds, "" for all.
func (p *Pipeline) Filter(typ, name, cond string) *draft.Block {
	b := p.c.D.Add("filter", typ, p.c.D.Name("filter", typ, name))
	if cond != "" {
		b.Set("if", draft.Text(cond))
	}
	p.filters = append(p.filters, b)
	return b
}

// Filters returns the filters so far.
func (p *Pipeline) Filters() []*draft.Block { return p.filters }

// Send sends the records for which a condition holds to an output.
func (p *Pipeline) Send(cond string, output *draft.Block) {
	p.routes = append(p.routes, route{cond, output})
}

// Finish writes the pipeline.
func (p *Pipeline) Finish() {
	if len(p.Inputs) == 0 {
		in := p.c.D.Add("input", "stdin", p.c.D.Name("input", "stdin", "nothing"))
		p.c.D.Lost(in, draft.Place{}, "the input of pipeline "+p.Name, "none could be carried over")
		p.Inputs = append(p.Inputs, in)
	}
	if len(p.routes) == 0 {
		out := p.c.D.Add("output", "stdout", p.c.D.Name("output", "stdout", "nothing"))
		p.c.D.Lost(out, draft.Place{}, "the output of pipeline "+p.Name, "none could be carried over")
		p.Send("", out)
	}
	for _, in := range p.Inputs {
		p.c.complete(in)
	}
	for _, r := range p.routes {
		p.c.complete(r.output)
	}
	b := p.c.D.Add("pipeline", p.c.D.Name("pipeline", "", p.Name))
	b.Set("from", refs(p.Inputs))
	if len(p.filters) > 0 {
		b.Set("filter", refs(p.filters))
	}
	var all []*draft.Block
	byCond := map[string][]*draft.Block{}
	var order []string
	for _, r := range p.routes {
		if r.cond == "" {
			all = append(all, r.output)
			continue
		}
		if byCond[r.cond] == nil {
			order = append(order, r.cond)
		}
		byCond[r.cond] = append(byCond[r.cond], r.output)
	}
	if all != nil {
		b.Set("to", refs(all))
	}
	b.Move(p.Notes)
	if !p.Buffer.Empty() {
		b.Add("buffer").Move(p.Buffer)
	}
	for _, cond := range order {
		in := b.Add("route")
		in.Set("if", draft.Text(cond))
		in.Set("to", refs(byCond[cond]))
	}
}

// required are attributes without which a component is no component, and what stands in for them.
var required = map[string][2]string{
	"input.tail":           {"paths", `["/var/log/CHANGE-ME.log"]`},
	"input.tcp":            {"listen", `"127.0.0.1:5170"`},
	"input.udp":            {"listen", `"127.0.0.1:5170"`},
	"input.syslog":         {"listen", `["udp://127.0.0.1:5140"]`},
	"input.exec":           {"command", `["/bin/false"]`},
	"output.kafka":         {"topic", `"CHANGE-ME"`},
	"output.http":          {"url", `"http://CHANGE-ME/"`},
	"output.file":          {"path", `"/var/log/CHANGE-ME.log"`},
	"output.elasticsearch": {"urls", `["http://CHANGE-ME:9200"]`},
	"output.s3":            {"bucket", `"CHANGE-ME"`},
	"output.gcs":           {"bucket", `"CHANGE-ME"`},
}

// complete puts something in the place of what was not said, and tells it.
func (c *Conv) complete(b *draft.Block) {
	missing := func(in *draft.Block, attr, instead string) {
		switch in.Get(attr) {
		case "", `""`, "[]", `[""]`, `"unix://"`, `["tcp://"]`, `["udp://"]`:
			in.Set(attr, draft.Value(instead))
			c.D.Lost(in, draft.Place{}, string(b.Ref())+"."+attr, "it is not said: write it")
		}
	}
	kind := strings.Join(strings.Split(string(b.Ref()), ".")[:2], ".")
	if r, ok := required[kind]; ok {
		missing(b, r[0], r[1])
	}
	if kind == "input.kafka" && b.Get("topics_regex") == "" {
		missing(b, "topics", `["CHANGE-ME"]`)
	}
	if m := b.Find("multiline"); m != nil && m.Get("continue") == "" && m.Get("end") == "" &&
		m.Get("continue_after") == "" && m.Get("presets") == "" {
		missing(m, "start", `"^[^ \\t]"`)
	}
	if sasl := b.Find("sasl"); sasl != nil {
		missing(sasl, "mechanism", `"PLAIN"`)
		missing(sasl, "username", `"CHANGE-ME"`)
		missing(sasl, "password", `"CHANGE-ME"`)
	}
}

func refs(blocks []*draft.Block) draft.Value {
	var out []draft.Value
	for _, b := range blocks {
		if v := b.Ref(); !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return draft.List(out...)
}

// Tagged is the condition that a record has one of the tags, of all there are; "" if it is all.
func Tagged(tags []string, of int) string {
	var quoted []string
	for _, t := range tags {
		if q := Quote(t); !slices.Contains(quoted, q) {
			quoted = append(quoted, q)
		}
	}
	switch {
	case len(quoted) == of:
		return ""
	case len(quoted) == 1:
		return "tag == " + quoted[0]
	}
	return "tag in [" + strings.Join(quoted, ", ") + "]"
}

// TagPrefix has what comes into an input "forward" known by a tag's first part, as all else is by
// its tag, and has Tagged ask so.
func (c *Conv) TagPrefix(b *draft.Block, tag string) {
	b.Set("tag_prefix", draft.Text(tag))
	c.prefixes = append(c.prefixes, tag)
}

// Tagged is the condition that a record is of one of the inputs with these tags, of all there are.
func (c *Conv) Tagged(tags []string, of int) string {
	cond := Tagged(tags, of)
	isPrefix := func(tag string) bool { return slices.Contains(c.prefixes, tag) }
	if rest, ok := strings.CutPrefix(cond, "tag "); ok && slices.ContainsFunc(tags, isPrefix) {
		return "tag[0] " + rest
	}
	return cond
}

// And is the condition that all hold.
func And(conds ...string) string {
	var all []string
	for _, c := range conds {
		if c != "" {
			all = append(all, c)
		}
	}
	if len(all) == 1 {
		return all[0]
	}
	for i, c := range all {
		if bindsLess(c) {
			all[i] = "(" + c + ")"
		}
	}
	return strings.Join(all, " and ")
}

// bindsLess reports whether a condition has to stand in parentheses beside an "and".
func bindsLess(cond string) bool {
	if strings.HasPrefix(cond, "let ") {
		return true
	}
	depth := 0
	for i := 0; i < len(cond); i++ {
		rest := cond[i:]
		switch c := cond[i]; {
		case c == '\'' || c == '"':
			for i++; i < len(cond) && cond[i] != c; i++ {
				if cond[i] == '\\' {
					i++
				}
			}
		case strings.IndexByte("([{", c) >= 0:
			depth++
		case strings.IndexByte(")]}", c) >= 0:
			depth--
		case depth > 0:
		case strings.HasPrefix(rest, " or ") || strings.HasPrefix(rest, "||") ||
			strings.HasPrefix(rest, " ? "):
			return true
		}
	}
	return false
}

// Quote writes a text of an expression.
func Quote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`).Replace(s) + "'"
}
