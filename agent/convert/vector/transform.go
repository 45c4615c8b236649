package vector

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/kit"
)

// condition reads a condition: VRL, or a section with a type.
func (c *converter) condition(x *component, n *kit.Node, name string) string {
	found := n.Take(name)
	if found == nil {
		return "true"
	}
	src := found.Value
	if !found.Scalar {
		src = found.Text("source")
		if typ := found.Text("type"); typ != "" && typ != "vrl" && typ != "remap" {
			c.Lost(c.p.Notes, found, "write the condition")
			return "true"
		}
	}
	e, err := expression(strings.TrimSpace(src), nil)
	if err != nil {
		c.D.Lost(c.p.Notes, found.At, found.Name+" = "+src, err.Error()+"; write the condition")
		return "true"
	}
	c.D.Carried(found.At, found.Name)
	return e
}

func (c *converter) transform(x *component) {
	in := c.streamsInto(x)
	x.streams = in
	var parts []string
	for cond, tags := range byCondition(in) {
		parts = append(parts, kit.And(c.tagged(tags), cond))
	}
	cond := ""
	switch {
	case slices.Contains(parts, ""):
	case len(parts) == 1:
		cond = parts[0]
	case len(parts) > 1:
		cond = "(" + strings.Join(parts, ") or (") + ")"
	default:
		c.D.Lost(c.Agent, x.node.At, x.node.Name, "nothing comes into it")
		return
	}
	whole := true
	for _, s := range in {
		whole = whole && c.passes(x, s.source)
	}
	n := x.node
	notes := c.p.Notes
	if !c.leads(x) {
		c.D.Left(notes, n.At, n.Name, "no sink gets what it makes")
		n.Done()
		return
	}
	switch x.typ {
	case "route", "swimlanes", "exclusive_route":
		c.D.Carried(n.At, n.Name)
		c.decideLanes(x, cond)
	case "filter":
		c.where(x, cond, whole)
	case "remap":
		c.remap(x, cond, whole)
	case "sample":
		c.thin(x, cond, whole, c.sample)
	case "throttle":
		c.thin(x, cond, whole, c.throttle)
	case "dedupe":
		c.thin(x, cond, whole, c.dedupe)
	case "log_to_metric", "metric_to_log", "aggregate", "tag_cardinality_limit", "incremental_to_absolute":
		c.Left(notes, n, "penstock takes logs; see filter \"count\" for metrics of them")
	case "reduce":
		c.Lost(notes, n, "nothing is put together of several records, but lines by filter \"multiline\"")
	default:
		c.Lost(notes, n, "there is no such filter; see penstock help for those there are")
	}
}

// where keeps the records that a condition holds of. whole: no output gets the others.
func (c *converter) where(x *component, cond string, whole bool) {
	n := x.node
	e := c.condition(x, n, "condition")
	if !whole && c.isChanged(x, []string{e}) {
		e = c.decide(x, kit.And(cond, e))
	}
	if whole {
		b := c.p.Filter("where", x.id, cond)
		b.From(n.At)
		b.Set("condition", draft.Text(e))
	} else {
		for i := range x.streams {
			x.streams[i].cond = kit.And(x.streams[i].cond, e)
		}
	}
}

// remap does what a program in VRL does.
func (c *converter) remap(x *component, cond string, whole bool) {
	n, notes := x.node, c.p.Notes
	filters := len(c.p.Filters())
	if !whole {
		c.D.Lost(
			notes, n.At, n.Name, "all outputs get the events as it makes them: some got them without it",
		)
	}
	src := n.Take("source")
	if src == nil {
		if src = c.programFile(n); src == nil {
			return
		}
	}
	g := c.program(x.id, n, src.Value, cond)
	if first := c.p.Filters()[filters:]; len(first) > 0 {
		first[0].From(n.At)
	}
	if n.On("drop_on_error") {
		c.D.Changed(notes, n.At, n.Name+".drop_on_error", "what fails passes as it is: see on_failure")
	}
	if a := n.Take("drop_on_abort"); a != nil && a.Value == "false" &&
		strings.Contains(src.Value, "abort") {
		c.Lost(notes, a, "an event that is aborted is dropped; there it passed as it came in")
	}
	if strings.Contains(src.Value, "!(") && !n.On("drop_on_error") {
		c.D.Changed(
			notes, n.At, n.Name,
			"where a function with ! fails, Vector lets the event pass as it came in; here the filters behind go on with it",
		)
	}
	if g.nulls {
		c.D.Changed(notes, n.At, n.Name, "where Vector makes a field null, what is there stays")
	}
}

// thin adds a filter that takes some records away, which set sets.
func (c *converter) thin(
	x *component, cond string, whole bool, set func(b *draft.Block, x *component, cond string),
) {
	n := x.node
	if !whole {
		c.D.Lost(
			c.p.Notes, n.At, n.Name,
			"some outputs get the events without it, and would lack what it takes away: it is left out: "+
				"have a pipeline of its own for its outputs",
		)
		n.Done()
		return
	}
	b := c.p.Filter(x.typ, x.id, cond)
	b.From(n.At)
	set(b, x, cond)
	c.Rest(b, n, harmless)
}

func (c *converter) sample(b *draft.Block, x *component, cond string) {
	n := x.node
	keep := "0.1"
	if rate, err := strconv.ParseFloat(n.Text("rate"), 64); err == nil && rate > 0 {
		keep = strconv.FormatFloat(1/rate, 'g', 6, 64)
	}
	b.Set("keep", draft.Value(keep))
	if x := n.Take("key_field"); x != nil {
		b.Set("field", draft.Text(plainPath(x.Value)))
		c.Carry(x)
	}
	c.except(b, x, cond)
}

func (c *converter) throttle(b *draft.Block, x *component, cond string) {
	n := x.node
	c.Number(b, "limit", n, "threshold")
	if b.Get("limit") == "" {
		b.Set("limit", draft.Int(1000))
		c.D.Lost(b, n.At, n.Name, "it has no threshold: write limit")
	}
	c.Duration(b, "per", n, time.Second, "window_secs")
	if x := n.Take("key_field"); x != nil {
		if m := template.FindStringSubmatch(x.Value); m != nil {
			b.Set("key", draft.Text(path(m[1])))
			c.Carry(x)
		} else {
			c.Left(b, x, "write key")
		}
	}
	c.except(b, x, cond)
}

func (c *converter) dedupe(b *draft.Block, x *component, _ string) {
	n := x.node
	var keys []string
	for _, f := range n.Texts("fields.match") {
		keys = append(keys, "string("+path(f)+" ?? '')")
	}
	if keys != nil {
		b.Set("key", draft.Text(strings.Join(keys, " + '|' + ")))
	}
	c.Number(b, "max_keys", n, "cache.num_events")
	c.D.Changed(b, n.At, n.Name, "repeats are discarded for a time: see within")
}

// except has a filter pass by what it is not to look at.
func (c *converter) except(b *draft.Block, x *component, cond string) {
	n := x.node.Find("exclude")
	if n == nil {
		return
	}
	e := c.condition(x, x.node, "exclude")
	if e == "true" {
		return // it is told
	}
	b.Set("if", draft.Text(kit.And(cond, "not ("+e+")")))
	c.D.Carried(n.At, n.Name)
}

// programFile reads the program of a transform that stands in a file.
func (c *converter) programFile(n *kit.Node) *kit.Node {
	file := n.Take("file")
	if file == nil {
		c.Lost(c.p.Notes, n, "it has no source")
		return nil
	}
	path := file.Value
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(n.At.File), path)
	}
	src, err := os.ReadFile(path)
	if err != nil {
		c.Lost(c.p.Notes, file, "the program is not here: convert it where it is, or write filters for it")
		return nil
	}
	c.Carry(file)
	return &kit.Node{Key: "source", Name: n.Name + ".source", Value: string(src), At: file.At}
}
