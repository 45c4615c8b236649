package fluentd

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/flow"
	"github.com/penstock/penstock/agent/convert/kit"
)

// Convert reads fluentd's files and writes an agent.
func Convert(files []string, from kit.Reader) (*draft.Draft, error) {
	root, err := read(files, from)
	if err != nil {
		return nil, err
	}
	c := &converter{
		d: draft.New(), labels: map[string]*element{}, walked: map[*element]bool{},
		root: &element{name: "ROOT"},
	}
	c.agent = c.d.Add("agent")
	c.agent.Set("data_dir", draft.Text("/var/lib/penstock"))
	c.gather(root)
	c.raw = onlySingleValue(c.root)
	c.joinsTraces(c.root)
	for _, l := range c.labels {
		c.joinsTraces(l)
	}
	c.system(root)
	c.pipelines()
	c.unreached()
	c.sweep(root)
	return c.d, nil
}

type converter struct {
	d      *draft.Draft
	agent  *draft.Block
	root   *element // what stands outside of labels, workers taken apart
	labels map[string]*element
	walked map[*element]bool // labels that something leads to
	total  int64             // of the buffer of the pipeline that is being made
	pods   []podLogs
	only   bool         // there is no source beside the one that is being read
	others []flow.Match // the tags of the sources beside the one that is being read
	raw    bool         // outputs write the message alone: lines need not become JSON
}

// gather sorts what stands at the top.
func (c *converter) gather(e *element) {
	for _, s := range e.elements {
		switch s.name {
		case "label":
			if old, ok := c.labels[s.arg]; ok {
				old.elements = append(old.elements, s.elements...)
			} else {
				c.labels[s.arg] = s
			}
		case "worker":
			c.d.Changed(
				c.agent, s.at, s.title(),
				"an agent is one process; what stands in there stands outside",
			)
			c.gather(s)
		case "system":
		default:
			c.root.elements = append(c.root.elements, s)
		}
	}
}

// onlySingleValue reports whether all formats of outputs are single_value, and there is one.
func onlySingleValue(e *element) bool {
	found, other := false, false
	var walk func(*element)
	walk = func(e *element) {
		for _, s := range e.elements {
			if s.name == "format" {
				if v := s.value("@type", "type"); v == "single_value" {
					found = true
				} else if v != "" {
					other = true
				}
			}
			walk(s)
		}
		if e.name == "match" || e.name == "store" {
			if v := e.value("output_data_type"); v == "single_value" {
				found = true
			}
		}
	}
	walk(e)
	return found && !other
}

func (c *converter) system(root *element) {
	s := root.sub("system")
	if s == nil {
		return
	}
	if p := s.get("log_level"); p != nil {
		level := map[string]string{"trace": "debug", "fatal": "error"}[p.value]
		if level == "" {
			level = p.value
		}
		switch level {
		case "debug", "info", "warn", "error":
			c.agent.In("log").Set("level", draft.Text(level))
			c.carry(p)
		}
	}
	c.unused(c.agent, s)
}

func (c *converter) carry(p *param) { c.d.Carried(p.at, shown(p)) }

var secret = regexp.MustCompile(
	`(?i)secret|password|passwd|token|shared_key|sec_key|key_id|passphrase|api_key|credential`,
)

func shown(p *param) string {
	if secret.MatchString(p.key) {
		return p.key + " ..."
	}
	return strings.TrimSpace(p.key + " " + p.value)
}

// set carries a parameter over as text.
func (c *converter) set(b *draft.Block, attr string, e *element, keys ...string) bool {
	p := e.get(keys...)
	if p == nil {
		return false
	}
	v, ok := parts(p.value, p.raw)
	b.Set(attr, draft.Join(v...))
	if !ok {
		c.d.Lost(b, p.at, shown(p), "Ruby is not evaluated; write "+attr)
	} else {
		c.carry(p)
	}
	return true
}

// bool carries over true and false where it is not the preset.
func (c *converter) bool(b *draft.Block, attr string, preset bool, e *element, keys ...string) {
	if p := e.get(keys...); p != nil {
		if v := truth(p.value); v != preset {
			b.Set(attr, draft.Bool(v))
		}
		c.carry(p)
	}
}

func truth(v string) bool { return v == "true" || v == "yes" || v == "" }

// duration carries over 10s, 5m, 1h, 1d or a number of seconds.
func (c *converter) duration(b *draft.Block, attr string, e *element, keys ...string) bool {
	p := e.get(keys...)
	if p == nil {
		return false
	}
	d, err := seconds(p.value)
	if err != nil {
		c.d.Left(b, p.at, shown(p), "it is no time that is known now")
		return false
	}
	b.Set(attr, draft.Duration(d))
	c.carry(p)
	return true
}

func seconds(v string) (time.Duration, error) {
	v = strings.TrimSpace(v)
	unit := time.Second
	if n := len(v); n > 1 {
		switch v[n-1] {
		case 's':
			v = v[:n-1]
		case 'm':
			v, unit = v[:n-1], time.Minute
		case 'h':
			v, unit = v[:n-1], time.Hour
		case 'd':
			v, unit = v[:n-1], 24*time.Hour
		}
	}
	f, err := strconv.ParseFloat(v, 64)
	return time.Duration(f * float64(unit)), err
}

// size reads 8m, 1g, 4GB, 1024.
func size(v string) (int64, error) {
	v = strings.TrimSuffix(strings.ToLower(strings.TrimSpace(v)), "b")
	unit := int64(1)
	for suffix, n := range map[string]int64{"k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40} {
		if rest, ok := strings.CutSuffix(v, suffix); ok {
			v, unit = rest, n
			break
		}
	}
	n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64)
	return n * unit, err
}

func (c *converter) size(b *draft.Block, attr string, e *element, keys ...string) {
	p := e.get(keys...)
	if p == nil {
		return
	}
	n, err := size(p.value)
	if err != nil {
		c.d.Left(b, p.at, shown(p), "it is no size that is known now")
		return
	}
	b.Set(attr, draft.Size(n))
	c.carry(p)
}

// unused tells of the parameters that nobody has asked for.
func (c *converter) unused(b *draft.Block, e *element) {
	for _, p := range e.params {
		if p.used {
			continue
		}
		p.used = true
		if p.key == "@include" {
			c.d.Lost(b, p.at, shown(p), kit.NoSuchFiles)
			continue
		}
		if p.key == chosen {
			c.d.Changed(b, p.at, p.value, "a variable decides this: it is taken as not set")
			continue
		}
		if why, ok := harmless[p.key]; ok {
			c.d.Left(b, p.at, shown(p), why)
			continue
		}
		c.d.Unknown(b, p.at, p.key, shown(p))
	}
}

// sweep tells of all that no code has looked at.
func (c *converter) sweep(e *element) {
	for _, p := range e.params {
		if !p.used {
			c.unused(c.d.Nearest(p.at), &element{params: []*param{p}})
		}
	}
	for _, s := range e.elements {
		if !c.d.IsLeft(s.at) {
			c.sweep(s)
		}
	}
}

const (
	positions = "positions are kept below data_dir"
	ownPace   = "outputs read the buffer all the time, at their own pace"
	inFields  = "write filter \"add_fields\" with ${tag} or ${time}"
	noEnd     = "attempts never end, and nothing is given up"
)

// harmless are parameters that have no meaning any more, and why.
var harmless = map[string]string{
	"pos_file":                         positions,
	"pos_file_compaction_interval":     positions,
	"follow_inodes":                    "files are told apart by device, inode and contents, always",
	"flush_interval":                   ownPace,
	"flush_mode":                       ownPace,
	"flush_thread_count":               ownPace,
	"num_threads":                      ownPace,
	"flush_at_shutdown":                "what is left at a stop stays on disk",
	"flush_thread_interval":            ownPace,
	"flush_thread_burst_interval":      ownPace,
	"delayed_commit_timeout":           ownPace,
	"queued_chunks_limit_size":         ownPace,
	"retry_forever":                    noEnd,
	"retry_max_times":                  noEnd,
	"retry_timeout":                    noEnd,
	"retry_limit":                      noEnd,
	"disable_retry_limit":              noEnd,
	"max_retries":                      noEnd,
	"retry_type":                       noEnd,
	"retry_wait":                       noEnd,
	"retry_exponential_backoff_base":   noEnd,
	"retry_secondary_threshold":        "see failover.after",
	"path":                             "buffers lie below data_dir",
	"buffer_path":                      "buffers lie below data_dir",
	"buffer_type":                      "buffers are on disk",
	"@type":                            "buffers are on disk",
	"chunk_limit_size":                 "a buffer has no chunks",
	"buffer_chunk_limit":               "a buffer has no chunks",
	"chunk_limit_records":              "a buffer has no chunks",
	"chunk_full_threshold":             "a buffer has no chunks",
	"buffer_queue_limit":               "see buffer.max_size",
	"queue_limit_length":               "see buffer.max_size",
	"compress":                         "see buffer.compression",
	"timekey_wait":                     "a cut waits for nothing; late records go where their own time says",
	"@id":                              "components have names of their own",
	"id":                               "components have names of their own",
	"workers":                          "an agent uses the processors there are; GOMAXPROCS limits it",
	"root_dir":                         "see data_dir",
	"suppress_repeated_stacktrace":     "there are no stack traces",
	"slow_flush_log_threshold":         "see /metrics",
	"emit_error_log_interval":          "see /metrics",
	"enable_watch_timer":               "see watch",
	"enable_stat_watcher":              "see watch",
	"read_lines_limit":                 "the tail is held back by the buffer",
	"read_bytes_limit_per_second":      "the tail is held back by the buffer",
	"required_acks":                    "a record counts as delivered when all in-sync replicas have it, always",
	"ack_timeout":                      "see delivery_timeout",
	"reconnect_on_error":               "it always does",
	"reload_on_failure":                "all urls are tried",
	"reload_connections":               "all urls are tried",
	"auto_create_stream":               "streams are made by hand",
	"check_apikey_on_startup":          "see validate",
	"auto_create_bucket":               "the bucket must exist",
	"check_bucket":                     "the bucket must exist",
	"check_object":                     "names of objects are unique",
	"source_hostname_key":              "see headers of the input",
	"bind":                             "see listen",
	"verify_hostname":                  "see tls",
	"idempotent":                       "it always is",
	"share_producer":                   "it need not",
	"get_kafka_client_log":             "see the log",
	"use_event_time":                   "records have their own time, always",
	"skip_refresh_on_startup":          "files are looked for in the background",
	"ignore_repeated_permission_error": "it is told once",
	"emit_unmatched_lines":             "a line that does not match stays what it is",
	"@log_level":                       "see agent.log",
	"log_level":                        "see agent.log",
	"enable_ruby":                      "no Ruby is evaluated",
	"max_send_retries":                 noEnd,
	"output_include_time":              inFields,
	"output_include_tag":               inFields,
	"include_time_key":                 inFields,
	"include_tag_key":                  inFields,
	"time_key":                         inFields,
	"tag_key":                          inFields,
	"timekey":                          ownPace,
	"timekey_use_utc":                  ownPace,
	"timekey_zone":                     ownPace,
	"time_slice_format":                ownPace,
	"time_slice_wait":                  "a cut waits for nothing; late records go where their own time says",
	"basename":                         "objects are named by what is in them",
	"project":                          "a bucket's name is enough",
	"ssl_version":                      "it is TLS 1.2 or later",
	"logstash_prefix":                  "it counts with logstash_format alone",
	"logstash_dateformat":              "it counts with logstash_format alone",
	"logstash_prefix_separator":        "it counts with logstash_format alone",
	"type_name":                        "Elasticsearch has no types any more",
	"suppress_type_name":               "Elasticsearch has no types any more",
}

// unreached tells of labels that no source and no match leads to.
func (c *converter) unreached() {
	for _, name := range slices.Sorted(maps.Keys(c.labels)) {
		switch label := c.labels[name]; {
		case c.walked[label]:
		case name == "@ERROR":
			c.d.Left(
				c.agent, label.at, label.title(),
				"what cannot be delivered goes to the dead letter, a directory below data_dir: see dead_letter of outputs",
			)
		case name == "@FLUENT_LOG":
			c.d.Left(c.agent, label.at, label.title(), "the agent's own log goes to standard error: see agent.log")
		default:
			c.d.Left(c.agent, label.at, label.title(), "nothing leads to it")
		}
	}
}

// pipelines makes one for each scope that sources lead to.
func (c *converter) pipelines() {
	var order []string
	sources := map[string][]*element{}
	for _, e := range c.root.elements {
		if e.name != "source" {
			continue
		}
		label := e.value("@label")
		if _, known := sources[label]; !known {
			order = append(order, label)
		}
		sources[label] = append(sources[label], e)
	}
	for _, label := range order {
		name := strings.TrimPrefix(label, "@")
		scope := c.root
		if label == "" {
			name = "main"
		} else if scope = c.labels[label]; scope == nil {
			scope = &element{name: "label", arg: label}
		}
		f := flow.New(c.d, name)
		c.total = 0
		for i, s := range sources[label] {
			n := len(f.Filters())
			c.only, c.others = len(sources[label]) == 1, othersThan(s, sources[label])
			c.source(f, s)
			c.sameTag(f, s, sources[label][:i], n)
		}
		if !f.HasInputs() {
			continue
		}
		c.walked[scope] = true
		c.walk(f, scope, flow.All(), 0)
		f.Finish()
	}
	if len(order) == 0 {
		c.d.Lost(c.agent, draft.Place{}, "<source>", "there is none")
		f := flow.New(c.d, "main")
		f.From(c.d.Add("input", "stdin", "in"))
		c.walk(f, c.root, flow.All(), 0)
		f.Finish()
	}
}

// sameTag takes out the filters that an earlier source of the same tag has made already: those
// behind the first n.
func (c *converter) sameTag(f *flow.Flow, e *element, before []*element, n int) {
	tag := e.value("tag")
	if tag == "" || len(f.Filters()) == n {
		return
	}
	if m, known := tagsOf(e); known {
		if _, sure := m.Of(c.others); !sure {
			c.d.Lost(
				f.Notes(), e.at, describe(e)+" tag "+tag,
				"what other sources give may have it, too, and is read as its lines: give it one of its own",
			)
		}
	}
	for _, other := range before {
		if other.value("tag") != tag {
			continue
		}
		f.Shorten(n)
		if e.reading() != other.reading() {
			c.d.Lost(
				f.Notes(), e.at, describe(e)+" tag "+tag,
				"its lines are read as those of the source above it that has this tag: "+
					"give it one of its own",
			)
		}
		return
	}
}

// othersThan returns the tags of all sources but those that have the tag of one.
func othersThan(e *element, all []*element) (out []flow.Match) {
	for _, o := range all {
		if o == e || o.value("tag") == e.value("tag") && o.value("tag") != "" {
			continue
		}
		if m, known := tagsOf(o); known {
			out = append(out, m)
		}
	}
	return out
}

// reading is how a source reads its lines, to be compared.
func (e *element) reading() string {
	out := e.typ() + " " + e.value("path_key") + " " + e.value("format")
	if p := e.sub("parse"); p != nil {
		out += p.text()
	}
	return out
}

func (e *element) text() string {
	out := " <" + e.name + " " + e.arg + ">"
	for _, p := range e.params {
		out += " " + p.key + " " + p.value
	}
	for _, s := range e.elements {
		out += s.text()
	}
	return out
}

// pattern reads the argument of a match or filter.
func pattern(arg string) (flow.Match, error) {
	if strings.Contains(arg, "#{") {
		return flow.All(), fmt.Errorf("no Ruby is evaluated; write the tags")
	}
	if strings.HasPrefix(arg, "/") && strings.HasSuffix(arg, "/") && len(arg) > 1 {
		re, err := flow.RE2(arg)
		if err != nil {
			return flow.All(), err
		}
		return flow.Match{Regexp: re}, nil
	}
	list := strings.Fields(strings.ReplaceAll(strings.Trim(arg, `"'`), ", ", " "))
	if len(list) == 0 {
		return flow.All(), nil
	}
	return flow.Match{Patterns: list}, nil
}

// walk goes through a scope for the events with certain tags.
func (c *converter) walk(f *flow.Flow, scope *element, m flow.Match, depth int) {
	c.expectTags(f, scope)
	for _, e := range scope.elements {
		switch e.name {
		case "filter", "match":
			p, err := pattern(e.arg)
			if err != nil {
				c.d.Lost(f.Notes(), e.at, e.title(), err.Error())
			}
			if e.typ() != "rewrite_tag_filter" {
				p = f.Effective(p)
			}
			if e.name == "filter" {
				c.filter(f, e, p, m.Condition())
			} else {
				c.match(f, e, p, m, depth)
			}
		}
	}
}
