package vector

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/kit"
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
	c.objects(append(sources, kafka...))
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
		case x.typ == "kafka" && (x.json || len(c.given(x)) == 0): // values go on as they came
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
	var journals []string
	for _, x := range sources {
		if x.typ == "journald" {
			journals = append(journals, x.id)
		}
	}
	if journals != nil {
		c.p.Filter("rename_fields", "journald", c.tagged(journals)).
			Set("fields", draft.Map("MESSAGE", `"message"`))
	}
	if tags != nil {
		b := c.p.Filter("parse", "message", c.tagged(tags))
		b.Set("format", draft.Text("regex"))
		b.Set("pattern", draft.Text("^(?P<message>(?s:.*))$"))
		b.Comment("Vector's events are objects with the line as message.")
		c.podFields()
	}
	for _, x := range sources {
		c.give(x)
	}
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
