package vector

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/kit"
	"github.com/penstock/penstock/agent/convert/timepattern"
)

// Convert reads Vector's files and writes an agent.
func Convert(paths []string, from kit.Reader) (*draft.Draft, error) {
	c := &converter{Conv: kit.New(), byID: map[string]*component{}, reported: map[string]bool{}}
	var roots []*kit.Node
	for _, path := range paths {
		src, err := from(path)
		if err != nil {
			return nil, err
		}
		read := kit.YAML
		if filepath.Ext(path) == ".toml" || path == "-" && !kit.IsYAML(path, src) {
			read = kit.TOML
		}
		root, err := read(path, []byte(interpolated(string(src))))
		if err != nil {
			return nil, err
		}
		c.file(root)
		roots = append(roots, root)
	}
	c.write()
	c.Sweep(harmless, roots...)
	c.D.Environment(nil)
	c.D.Dollars(dollar)
	return c.D, nil
}

// dollar stands for $$, which is a dollar that begins no reference.
const dollar = "﹩﹩"

// interpolation is a reference to the environment, which Vector has anywhere in a file.
var interpolation = regexp.MustCompile(`\$\$|\$([A-Za-z_]\w*)`)

// interpolated writes references without braces with them.
func interpolated(src string) string {
	return interpolation.ReplaceAllStringFunc(src, func(s string) string {
		if s == "$$" {
			return dollar
		}
		return "${" + s[1:] + "}"
	})
}

// component is a source, a transform or a sink.
type component struct {
	decided       map[string]string // of a route: conditions of its outputs
	id, kind, typ string
	node          *kit.Node
	inputs        []string
	streams       []stream // what comes out of it
	object        bool     // of a source: its lines become objects
	json          bool     // its lines are objects
}

// stream is what a source has brought, as far as conditions let it pass.
type stream struct {
	source string
	cond   string
}

type converter struct {
	*kit.Conv
	all      []*component
	byID     map[string]*component
	p        *kit.Pipeline
	tags     int      // sources of the pipeline
	ofPods   []string // sources that read the logs of containers
	lanes    int      // that were decided before
	reported map[string]bool
}

func (c *converter) file(root *kit.Node) {
	for _, kind := range []string{"sources", "transforms", "sinks"} {
		list := root.Find(kind)
		if list == nil {
			continue
		}
		for _, n := range list.Kids {
			x := &component{id: n.Key, kind: kind, typ: n.Text("type"), node: n}
			x.inputs = n.Texts("inputs")
			c.all = append(c.all, x)
			c.byID[x.id] = x
		}
	}
	for _, n := range root.Kids {
		switch n.Key {
		case "sources", "transforms", "sinks":
		case "api":
			if n.On("enabled") {
				address := n.Text("address")
				if address == "" {
					address = "127.0.0.1:8686"
				}
				c.Agent.In("admin").Set("listen", kit.Text(address))
				c.D.Changed(c.Agent.In("admin"), n.At, n.Name, "the status page and /metrics")
			}
			c.Rest(c.Agent, n, harmless)
		default:
			c.Rest(c.Agent, &kit.Node{Kids: []*kit.Node{n}}, harmless)
		}
	}
}

// ins returns the components that feed x, with the name of their output.
func (c *converter) ins(x *component) (found []*component, outputs []string) {
	for _, in := range x.inputs {
		hit := false
		for _, y := range c.all {
			ok := y.id == in
			output := ""
			if strings.Contains(in, "*") {
				ok, _ = filepath.Match(in, y.id)
				for _, name := range y.lanes() {
					if hits, _ := filepath.Match(in, y.id+"."+name); hits && y != x {
						found, outputs, hit = append(found, y), append(outputs, name), true
					}
				}
			} else if rest, dotted := strings.CutPrefix(in, y.id+"."); dotted {
				ok, output = true, rest
			}
			if ok && y.kind != "sinks" && y != x {
				found, outputs, hit = append(found, y), append(outputs, output), true
			}
		}
		if !hit && !c.reported[x.id+" "+in] {
			c.reported[x.id+" "+in] = true
			c.D.Lost(c.Agent, x.node.At, x.node.Name+".inputs", "there is no "+in)
		}
	}
	return found, outputs
}

// lanes are the outputs of a route.
func (x *component) lanes() (out []string) {
	switch x.typ {
	case "exclusive_route":
		for _, r := range x.node.List("routes") {
			out = append(out, r.Text("name"))
		}
	case "route", "swimlanes":
		for _, name := range []string{"route", "lanes"} {
			if n := x.node.Find(name); n != nil {
				for _, r := range n.Kids {
					out = append(out, r.Key)
				}
			}
		}
	default:
		return nil
	}
	return append(out, "_unmatched")
}

// leads reports whether anything that a transform makes comes to a sink, if there is one.
func (c *converter) leads(x *component) bool {
	sinks := false
	seen := map[*component]bool{}
	var from func(y *component) bool
	from = func(y *component) bool {
		if y == x || seen[y] {
			return y == x
		}
		seen[y] = true
		found, _ := c.ins(y)
		return slices.ContainsFunc(found, from)
	}
	for _, y := range c.all {
		if y.kind != "sinks" {
			continue
		}
		if sinks = true; from(y) {
			return true
		}
	}
	return !sinks
}

// decideLanes has the outputs of a route that an event goes to decided before transforms behind it
// change what they ask: routes ask at the end.
func (c *converter) decideLanes(x *component, cond string) {
	var conds []string
	names := x.lanes()
	decided := map[string]string{}
	for _, name := range names {
		e, _ := c.lane(x, name)
		conds = append(conds, e)
		decided[name] = e
	}
	x.decided = decided
	if !c.isChanged(x, conds) {
		return
	}
	var none []string
	for i, name := range names[:len(names)-1] {
		is := c.decide(x, kit.And(cond, conds[i]))
		x.decided[name] = is
		none = append(none, strings.Replace(is, "== '1'", "== nil", 1))
	}
	x.decided["_unmatched"] = kit.And(none...)
}

// decide has a condition decided now, and returns the one that asks what came of it.
func (c *converter) decide(x *component, cond string) string {
	c.lanes++
	header := fmt.Sprintf("lane_%d", c.lanes)
	b := c.p.Filter("set", header, cond)
	b.From(x.node.At)
	b.Comment("Where an event goes is decided before what is behind changes it.")
	b.Set("headers", draft.Map(draft.Value(header), draft.Text("'1'")))
	return "header." + header + " == '1'"
}

// isChanged reports whether a transform behind x may change what conditions ask.
func (c *converter) isChanged(x *component, conds []string) bool {
	var behind func(y *component, seen map[*component]bool) bool
	behind = func(y *component, seen map[*component]bool) bool {
		found, _ := c.ins(y)
		for _, z := range found {
			if z == x || !seen[z] && behind(z, mark(seen, z)) {
				return true
			}
		}
		return false
	}
	for _, y := range c.all {
		if y.typ != "remap" || y == x || !behind(y, map[*component]bool{}) {
			continue
		}
		if src := y.node.Find("source"); src != nil && changesAsked(conds, []string{src.Value, ""}) {
			return true
		}
	}
	return false
}

func mark(seen map[*component]bool, x *component) map[*component]bool {
	seen[x] = true
	return seen
}

// passes reports whether all that a sink has of a source comes through x.
func (c *converter) passes(x *component, source string) bool {
	var reach func(y *component, seen map[*component]bool) bool
	reach = func(y *component, seen map[*component]bool) bool {
		if y == x || seen[y] {
			return false
		}
		seen[y] = true
		if y.id == source {
			return true
		}
		found, outputs := c.ins(y)
		for i, z := range found {
			if outputs[i] != "dropped" && reach(z, seen) {
				return true
			}
		}
		return false
	}
	for _, y := range c.all {
		if y.kind == "sinks" && reach(y, map[*component]bool{}) {
			return false
		}
	}
	return true
}

// order returns the transforms, each after what feeds it.
func (c *converter) order() []*component {
	var out []*component
	state := map[*component]int{}
	var visit func(x *component)
	visit = func(x *component) {
		if state[x] > 0 || x.kind != "transforms" {
			return
		}
		state[x] = 1
		found, _ := c.ins(x)
		for _, y := range found {
			visit(y)
		}
		out = append(out, x)
	}
	for _, x := range c.all {
		visit(x)
	}
	return out
}

func (c *converter) write() {
	c.p = c.Pipeline("main")
	var sources []*component
	var kafka []*component
	for _, x := range c.all {
		if x.kind != "sources" {
			continue
		}
		in := c.source(x)
		if in == nil {
			continue
		}
		x.streams = []stream{{source: x.id}}
		if x.typ == "kafka" {
			kafka = append(kafka, x)
		} else {
			sources = append(sources, x)
		}
		c.p.Inputs = append(c.p.Inputs, in)
	}
	if len(kafka) > 0 && len(sources)+len(kafka) > 1 {
		c.D.Lost(
			c.p.Notes, kafka[0].node.At, kafka[0].node.Name,
			"a pipeline reads Kafka or a buffer: write a pipeline of its own for it",
		)
		c.p.Inputs = slices.DeleteFunc(
			c.p.Inputs, func(b *draft.Block) bool {
				return strings.HasPrefix(string(b.Ref()), "input.kafka.") == (len(sources) > 0)
			},
		)
		for _, x := range kafka {
			x.streams = nil
		}
		kafka = nil
	}
	c.tags = len(sources) + len(kafka)
	if len(kafka) > 0 {
		c.tags = 1
	}
	c.objects(sources)
	for _, x := range c.order() {
		c.transform(x)
	}
	for _, x := range c.all {
		if x.kind != "sinks" {
			continue
		}
		streams := c.streamsInto(x)
		if _, outputs := c.ins(x); len(streams) == 0 && slices.Contains(outputs, "dropped") {
			x.node.Done()
			continue
		}
		if out := c.sink(x); out != nil {
			c.keptBack(x, out, streams)
			for cond, tags := range byCondition(streams) {
				c.p.Send(kit.And(c.tagged(tags), cond), out)
			}
			c.Rest(out, x.node, harmless)
		}
	}
	c.p.Finish()
}

// keptBack carries over which fields a sink sends, where no other one gets the events, and nothing
// asks for them behind the filters.
func (c *converter) keptBack(x *component, out *draft.Block, streams []stream) {
	isAlone := !slices.ContainsFunc(
		c.all, func(y *component) bool { return y != x && y.kind == "sinks" },
	) && !slices.ContainsFunc(streams, func(s stream) bool { return s.cond != "" })
	for _, k := range [][2]string{
		{"encoding.except_fields", "remove_fields"}, {"encoding.only_fields", "keep_fields"},
	} {
		fields := x.node.Texts(k[0])
		if fields == nil {
			continue
		}
		n := x.node.Find(k[0])
		if !isAlone || out.Writes(anyField) {
			c.Lost(
				out, n, "filters are for all outputs, and work before topics, paths and routes are made: "+
					"have a pipeline of its own, with filter \""+k[1]+"\"",
			)
			continue
		}
		for i := range fields {
			fields[i] = plainPath(fields[i])
		}
		c.p.Filter(k[1], x.id, "").Set("fields", kit.Texts(fields))
		c.D.Carried(n.At, n.Name)
	}
}

var anyField = regexp.MustCompile(`\bfield[.\[]`)

func (c *converter) tagged(tags []string) string {
	if c.tags <= 1 {
		return ""
	}
	return c.Tagged(tags, c.tags)
}

func byCondition(streams []stream) func(yield func(cond string, tags []string) bool) {
	return func(yield func(string, []string) bool) {
		var conds []string
		tags := map[string][]string{}
		for _, s := range streams {
			if !slices.Contains(conds, s.cond) {
				conds = append(conds, s.cond)
			}
			if !slices.Contains(tags[s.cond], s.source) {
				tags[s.cond] = append(tags[s.cond], s.source)
			}
		}
		for _, cond := range conds {
			if !yield(cond, tags[cond]) {
				return
			}
		}
	}
}

// streamsInto returns what comes into x; of a route only what its output lets pass.
func (c *converter) streamsInto(x *component) []stream {
	var out []stream
	found, outputs := c.ins(x)
	for i, y := range found {
		if outputs[i] == "dropped" && y.typ == "remap" {
			c.D.Lost(
				c.p.Notes, x.node.At, x.node.Name+".inputs "+y.id+".dropped",
				"what a transform has dropped goes nowhere by itself: see on_failure = \"dead_letter\" of filter parse, and dead_letter of outputs",
			)
			continue
		}
		if outputs[i] == "" || y.typ != "route" && y.typ != "swimlanes" && y.typ != "exclusive_route" {
			out = append(out, y.streams...)
			continue
		}
		cond, ok := c.lane(y, outputs[i])
		if !ok {
			c.D.Lost(c.Agent, x.node.At, x.node.Name+".inputs", "there is no "+y.id+"."+outputs[i])
			continue
		}
		for _, s := range y.streams {
			out = append(out, stream{s.source, kit.And(s.cond, cond)})
		}
	}
	return out
}

// lane is the condition of one output of a route.
func (c *converter) lane(x *component, name string) (string, bool) {
	if cond, ok := x.decided[name]; ok {
		return cond, true
	}
	var names, conds []string
	if x.typ == "exclusive_route" {
		for _, r := range x.node.List("routes") {
			names = append(names, r.Text("name"))
			conds = append(conds, c.condition(x, r, "condition"))
		}
	} else {
		routes := x.node.Find("route")
		if routes == nil {
			routes = x.node.Find("lanes")
		}
		if routes == nil {
			return "", false
		}
		for _, r := range routes.Kids {
			names = append(names, r.Key)
			conds = append(conds, c.condition(x, routes, r.Key))
		}
	}
	i := slices.Index(names, name)
	switch {
	case name == "_unmatched":
		var not []string
		for _, cond := range conds {
			not = append(not, "not ("+cond+")")
		}
		return kit.And(not...), true
	case i < 0:
		return "", false
	case x.typ == "exclusive_route":
		var not []string
		for _, cond := range conds[:i] {
			not = append(not, "not ("+cond+")")
		}
		return kit.And(append(not, conds[i])...), true
	}
	return conds[i], true
}

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

// objects makes {"message": line} of lines, as Vector does, where anything looks into them.
func (c *converter) objects(sources []*component) {
	plain := true
	for _, x := range c.all {
		switch x.kind {
		case "transforms":
			plain = false
		case "sinks":
			switch codec := x.node.Find("encoding.codec"); {
			case x.typ == "blackhole":
			case codec == nil || codec.Value != "text" && codec.Value != "raw_message":
				plain = false
			}
		}
	}
	if plain {
		return
	}
	var tags, json []string
	for _, x := range sources {
		switch {
		case x.json:
			json = append(json, x.id)
		case x.object:
			tags = append(tags, x.id)
		}
	}
	if json != nil {
		c.p.Filter("parse", "json", c.tagged(json)).Set("format", draft.Text("json"))
	}
	var syslog []string
	for _, x := range sources {
		if x.typ == "syslog" {
			syslog = append(syslog, x.id)
		}
	}
	if syslog != nil {
		b := c.p.Filter("rename_fields", "syslog", c.tagged(syslog))
		b.Set("fields", draft.Map(
			"app_name", `"appname"`, "proc_id", `"procid"`, "msg_id", `"msgid"`,
		))
	}
	if tags == nil {
		return
	}
	b := c.p.Filter("parse", "message", c.tagged(tags))
	b.Set("format", draft.Text("regex"))
	b.Set("pattern", draft.Text("^(?P<message>(?s:.*))$"))
	b.Comment("Vector's events are objects with the line as message.")
	c.podFields()
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
		return
	case "filter":
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
		return
	}
	if !whole && (x.typ == "sample" || x.typ == "throttle" || x.typ == "dedupe") {
		c.D.Lost(
			notes, n.At, n.Name,
			"some outputs get the events without it, and would lack what it takes away: it is left out: "+
				"have a pipeline of its own for its outputs",
		)
		n.Done()
		return
	}
	switch x.typ {
	case "remap":
		filters := len(c.p.Filters())
		if !whole {
			c.D.Lost(
				notes, n.At, n.Name, "all outputs get the events as it makes them: some got them without it",
			)
		}
		g := &program{c: c, p: c.p, name: x.id, node: n, label: x.id, vars: map[string]string{}}
		src := n.Take("source")
		if src == nil {
			if src = c.programFile(n); src == nil {
				return
			}
		}
		g.run(src.Value, cond)
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
	case "dedupe":
		b := c.p.Filter("dedupe", x.id, cond)
		b.From(n.At)
		var keys []string
		for _, f := range n.Texts("fields.match") {
			keys = append(keys, "string("+kit.Field(strings.TrimPrefix(f, "."))+" ?? '')")
		}
		if keys != nil {
			b.Set("key", draft.Text(strings.Join(keys, " + '|' + ")))
		}
		c.Number(b, "max_keys", n, "cache.num_events")
		c.D.Changed(b, n.At, n.Name, "repeats are discarded for a time: see within")
		c.Rest(b, n, harmless)
	case "sample":
		b := c.p.Filter("sample", x.id, cond)
		b.From(n.At)
		keep := "0.1"
		if rate, err := strconv.ParseFloat(n.Text("rate"), 64); err == nil && rate > 0 {
			keep = strconv.FormatFloat(1/rate, 'g', 6, 64)
		}
		b.Set("keep", draft.Value(keep))
		if x := n.Take("key_field"); x != nil {
			b.Set("field", draft.Text(strings.TrimPrefix(x.Value, ".")))
			c.Carry(x)
		}
		c.except(b, x, cond)
		c.Rest(b, n, harmless)
	case "throttle":
		b := c.p.Filter("throttle", x.id, cond)
		b.From(n.At)
		c.Number(b, "limit", n, "threshold")
		if b.Get("limit") == "" {
			b.Set("limit", draft.Int(1000))
			c.D.Lost(b, n.At, n.Name, "it has no threshold: write limit")
		}
		c.Duration(b, "per", n, time.Second, "window_secs")
		if x := n.Take("key_field"); x != nil {
			if m := template.FindStringSubmatch(x.Value); m != nil {
				b.Set("key", draft.Text(kit.Field(strings.TrimPrefix(m[1], "."))))
				c.Carry(x)
			} else {
				c.Left(b, x, "write key")
			}
		}
		c.except(b, x, cond)
		c.Rest(b, n, harmless)
	case "log_to_metric", "metric_to_log", "aggregate", "tag_cardinality_limit", "incremental_to_absolute":
		c.Left(notes, n, "penstock takes logs; see filter \"count\" for metrics of them")
	case "reduce":
		c.Lost(notes, n, "nothing is put together of several records, but lines by filter \"multiline\"")
	default:
		c.Lost(notes, n, "there is no such filter; see penstock help for those there are")
	}
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

var harmless = map[string]string{
	"data_dir":                              "see agent.data_dir",
	"glob_minimum_cooldown_ms":              "see rescan_interval",
	"fingerprint.strategy":                  "files are told by device, inode and what they begin with",
	"fingerprint.lines":                     "files are told by device, inode and what they begin with",
	"fingerprint.ignored_header_bytes":      "files are told by device, inode and what they begin with",
	"oldest_first":                          "each source keeps its own order",
	"max_read_bytes":                        "files are read side by side",
	"rotate_wait_secs":                      "see rotate_wait",
	"host_key":                              "write filter \"add_fields\" with ${agent}",
	"offset_key":                            "see offset_header",
	"buffer.type":                           "the buffer is on disk: see buffer of the pipeline",
	"buffer.max_events":                     "the buffer is on disk: see buffer.max_size",
	"buffer.max_size":                       "the buffer is one for all outputs: see buffer.max_size",
	"buffer.when_full":                      "see buffer.when_full",
	"acknowledgements":                      "what is read counts when it is on disk, always",
	"acknowledgements.enabled":              "what is read counts when it is on disk, always",
	"healthcheck":                           "see penstock validate",
	"healthcheck.enabled":                   "see penstock validate",
	"request.concurrency":                   "see window.lanes",
	"request.retry_attempts":                "attempts never end",
	"request.retry_max_duration_secs":       "see retry.max",
	"request.rate_limit_num":                "see filter \"throttle\"",
	"request.timeout_secs":                  "see timeout",
	"request.in_flight_limit":               "see window.lanes",
	"batch.max_events":                      "see window",
	"batch.max_bytes":                       "see window",
	"batch.timeout_secs":                    "outputs read the buffer all the time",
	"encoding.codec":                        "records go out as they are",
	"encoding.timestamp_format":             "times in fields stay as they are",
	"encoding":                              "bodies are read by their content type",
	"decoding.codec":                        "bytes are lines, or what the content type says",
	"print_interval_secs":                   "see /metrics",
	"expire_metrics_secs":                   "see /metrics",
	"timezone":                              "see zone of filters \"time\" and \"parse\"",
	"log_schema.timestamp_key":              "the time is the record's, and no field",
	"encoding.type":                         "see filter \"lookup\", whose table may be this file",
	"schema.owner":                          "see filter \"lookup\", whose table may be this file",
	"file.path":                             "see filter \"lookup\", whose table may be this file",
	"schema.log_namespace":                  "fields are called as they come",
	"keepalive.time_secs":                   "connections are kept: see idle_timeout",
	"receive_buffer_bytes":                  "the kernel sizes it",
	"batch_size":                            "batches are as large as they come",
	"reroute_unmatched":                     "what matches no route goes where _unmatched goes",
	"reroute_dropped":                       "see on_failure, and dead_letter of outputs",
	"metric_tag_values":                     "it is of metrics",
	"include_stderr":                        "what a command says on its standard error is in the log",
	"headers_key":                           "headers of records go along",
	"idle_timeout_secs":                     "see roll.idle",
	"force_path_style":                      "see path_style",
	"framing.method":                        "lines",
	"tls.enabled":                           "a tls block turns it on",
	"mode":                                  "see the output's reference",
	"api_version":                           "it finds out by itself",
	"compression":                           "see compression",
	"message_timeout_ms":                    "attempts never end",
	"socket_timeout_ms":                     "see request_timeout",
	"librdkafka_options.batch.num.messages": "see batch_max_bytes",
	"tls.verify_certificate":                "see insecure_skip_verify",
	"tls.verify_hostname":                   "see insecure_skip_verify",
}

var conversion = regexp.MustCompile(`^%[-_0^#:.]*\d*[A-Za-z+]`)

var template = regexp.MustCompile(`\{\{\s*(\.?[\w.@"]+)\s*\}\}`)

// added are the fields that Vector adds to events, which are none here, as templates have them.
var added = map[string]string{
	"host": `expr("field.host ?? agent")`, "file": `expr("field.file ?? origin")`,
}

// tmpl turns {{ field }} and %Y into a template.
func tmpl(value string) draft.Value {
	var out []draft.Part
	plain := func(s string) {
		for s != "" {
			i := strings.IndexByte(s, '%')
			if i < 0 || i+1 >= len(s) {
				out = append(out, kit.Parts(s)...)
				return
			}
			if i > 0 {
				out = append(out, kit.Parts(s[:i])...)
			}
			whole := conversion.FindString(s[i:])
			format, err := timepattern.Write(whole)
			if whole == "" || err != nil {
				out = append(out, draft.Lit(s[i:i+2]))
				s = s[i+2:]
				continue
			}
			out = append(out, draft.Tmpl("strftime("+string(draft.Text(format))+")"))
			s = s[i+len(whole):]
		}
	}
	for {
		m := template.FindStringSubmatchIndex(value)
		if m == nil {
			break
		}
		plain(value[:m[0]])
		if path := plainPath(value[m[2]:m[3]]); added[path] != "" {
			out = append(out, draft.Tmpl(added[path]))
		} else {
			out = append(out, kit.FieldPart(path))
		}
		value = value[m[1]:]
	}
	plain(value)
	if out == nil {
		out = append(out, draft.Lit(""))
	}
	return draft.Join(out...)
}
