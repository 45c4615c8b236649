package fluentbit

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/flow"
	"github.com/penstock/penstock/agent/convert/kit"
)

// Convert reads fluent-bit's files and writes an agent.
func Convert(paths []string, from kit.Reader) (*draft.Draft, error) {
	f, err := read(paths, from)
	if err != nil {
		return nil, err
	}
	c := &converter{
		files:     f,
		d:         draft.New(),
		parsers:   map[string]*section{},
		multiline: map[string]*section{},
	}
	c.agent = c.d.Add("agent")
	c.agent.Set("data_dir", draft.Text("/var/lib/penstock"))
	c.flow = flow.New(c.d, "main")
	inputs := 0
	for _, s := range f.sections {
		switch s.kind {
		case "parser":
			c.parsers[s.value("name")] = s
		case "multiline_parser":
			c.multiline[s.value("name")] = s
		case "input":
			inputs++
		}
		c.joins = c.joins || slices.ContainsFunc(s.props, func(p *prop) bool {
			return p.key == "multiline.parser" || p.key == "multiline" && on(p.value) ||
				p.key == "name" && strings.EqualFold(p.value, "multiline")
		})
	}
	c.only = inputs == 1
	for _, kind := range []string{"service", "input", "filter", "output"} {
		for _, s := range f.sections {
			if s.kind != kind {
				continue
			}
			switch kind {
			case "service":
				c.service(s)
			case "input":
				n := len(c.flow.Filters())
				c.input(s)
				c.sameTag(s, n)
			case "filter":
				c.filter(s)
			case "output":
				c.output(s)
			}
		}
	}
	if !c.flow.HasInputs() {
		c.d.Lost(c.agent, draft.Place{}, "[INPUT]", "there is none that could be carried over")
		c.flow.From(c.d.Add("input", "stdin", "in"))
	}
	c.flow.Finish()
	for _, s := range f.sections {
		c.unnamed(s)
		c.sweep(s)
	}
	for _, p := range f.missing {
		c.d.Left(
			c.agent, p.at, shown(p),
			"there is no such file here: name it on the command line, too, if it has parsers of your own",
		)
	}
	c.d.Environment(f.set)
	return c.d, nil
}

type converter struct {
	*files
	joins              bool // there are records of several lines
	d                  *draft.Draft
	agent              *draft.Block
	flow               *flow.Flow
	parsers, multiline map[string]*section
	only               bool // there is one input
	pods               []podLogs
}

var secret = regexp.MustCompile(
	`(?i)passw|secret|token|shared_key|key_id|http_user|sasl\.|credential`,
)

func shown(p *prop) string {
	if secret.MatchString(p.key) {
		return p.key + " ..."
	}
	return strings.TrimSpace(p.key + " " + p.value)
}

func (c *converter) carry(p *prop) { c.d.Carried(p.at, shown(p)) }

func (c *converter) set(b *draft.Block, attr string, s *section, keys ...string) bool {
	p := s.get(keys...)
	if p == nil {
		return false
	}
	b.Set(attr, draft.Join(c.parts(p.value)...))
	c.carry(p)
	return true
}

func on(v string) bool {
	switch strings.ToLower(v) {
	case "on", "true", "yes", "1":
		return true
	}
	return false
}

func (c *converter) size(b *draft.Block, attr string, s *section, keys ...string) {
	p := s.get(keys...)
	if p == nil {
		return
	}
	v := strings.TrimSuffix(strings.ToLower(p.value), "b")
	unit := int64(1)
	for suffix, n := range map[string]int64{"k": 1 << 10, "m": 1 << 20, "g": 1 << 30} {
		if rest, ok := strings.CutSuffix(v, suffix); ok {
			v, unit = rest, n
			break
		}
	}
	n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64)
	if err != nil || n <= 0 {
		c.d.Left(b, p.at, shown(p), "it is no size that is known now")
		return
	}
	b.Set(attr, draft.Size(n*unit))
	c.carry(p)
}

func (c *converter) duration(
	b *draft.Block, attr string, s *section, unit time.Duration, keys ...string,
) {
	p := s.get(keys...)
	if p == nil {
		return
	}
	v := strings.ToLower(p.value)
	for suffix, u := range map[string]time.Duration{
		"ms": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour,
		"d": 24 * time.Hour,
	} {
		if rest, ok := strings.CutSuffix(v, suffix); ok &&
			(suffix == "ms" || !strings.HasSuffix(v, "ms")) {
			v, unit = rest, u
			break
		}
	}
	n, err := strconv.ParseFloat(v, 64)
	if err != nil {
		c.d.Left(b, p.at, shown(p), "it is no time that is known now")
		return
	}
	b.Set(attr, draft.Duration(time.Duration(n*float64(unit))))
	c.carry(p)
}

// harmless are properties that have no meaning any more, and why.
var harmless = map[string]string{
	"db":                        "positions are kept below data_dir",
	"db.sync":                   "positions are kept below data_dir",
	"db.locking":                "positions are kept below data_dir",
	"db.journal_mode":           "positions are kept below data_dir",
	"mem_buf_limit":             "the buffer is on disk: see buffer.max_size",
	"storage.type":              "the buffer is on disk, always",
	"storage.path":              "the buffer lies below data_dir",
	"storage.sync":              "see buffer.sync",
	"storage.checksum":          "all is checked",
	"storage.backlog.mem_limit": "see buffer",
	"storage.total_limit_size":  "see buffer.max_size",
	"storage.max_chunks_up":     "see buffer",
	"storage.metrics":           "see /metrics",
	"flush":                     "outputs read the buffer all the time",
	"daemon":                    "let systemd start it",
	"grace":                     "see agent.shutdown_timeout",
	"retry_limit":               "attempts never end, and nothing is given up",
	"workers":                   "see window.lanes",
	"net.keepalive":             "connections are kept",
	"alias":                     "components have names of their own",
	"buffer_chunk_size":         "see max_line_size",
	"hc_errors_count":           "see /healthz",
	"hc_retry_failure_count":    "see /healthz",
	"hc_period":                 "see /healthz",
	"hot_reload":                "see SIGHUP in penstock help run",
	"scheduler.base":            "see retry",
	"scheduler.cap":             "see retry",
	"lowercase":                 "fields are called as the journal calls them",
	"strip_underscores":         "fields are called as the journal calls them",

	"storage.pause_on_chunks_overlimit": "inputs wait when the buffer is full: see buffer.when_full",
	"health_check":                      "see /healthz",
	"threaded":                          "inputs run beside each other",
	"queue_full_retries":                "attempts never end",
	"suppress_type_name":                "Elasticsearch has no types any more",
	"trace_error":                       "see the log",
	"replace_dots":                      "see filter \"rename_fields\"",
	"inotify_watcher":                   "see watch",
	"static_batch_size":                 "the tail is held back by the buffer",
	"upload_timeout":                    "see roll.age",
	"use_put_object":                    "see part_size",
	"store_dir":                         "the spool lies below data_dir",
	"http_listen":                       "the status page is on loopback: see agent.admin.listen",
	"http_port":                         "see agent.admin.listen",
	"tls.verify":                        "see client_ca_file of inputs, insecure_skip_verify of outputs",
	"mkdir":                             "directories are made",
	"buffer":                            "what is held has bounds, and lies on disk",
	"emitter_name":                      "what is held has bounds, and lies on disk",
	"emitter_storage.type":              "what is held has bounds, and lies on disk",
	"emitter_mem_buf_limit":             "what is held has bounds, and lies on disk",
	"dynamic_topic":                     "a template of topic may make any name",
	"docker_mode":                       "container = true of input \"tail\" puts lines together",
	"docker_mode_flush":                 "container = true of input \"tail\" puts lines together",
	"timestamp_format":                  "the time is that of the Kafka record",
}

func (c *converter) rest(b *draft.Block, s *section) {
	for _, p := range s.props {
		if p.used {
			continue
		}
		p.used = true
		why, ok := harmless[p.key]
		if !ok {
			c.d.Unknown(b, p.at, p.key, shown(p))
			continue
		}
		c.d.Left(b, p.at, shown(p), why)
	}
}

// unnamed tells of a parser that no input and no filter names, as most of a file of them are.
func (c *converter) unnamed(s *section) {
	if s.kind != "parser" && s.kind != "multiline_parser" {
		return
	}
	for _, p := range s.props {
		if p.used && p.key != "name" {
			return
		}
	}
	for _, p := range s.props {
		p.used = true
	}
	c.d.Left(c.agent, s.at, s.title(), "nothing names it")
}

// sweep tells of all that no code has looked at.
func (c *converter) sweep(s *section) {
	if c.d.IsLeft(s.at) {
		return
	}
	for _, p := range s.props {
		c.rest(c.d.Nearest(p.at), &section{props: []*prop{p}})
	}
	for _, p := range s.processors {
		c.sweep(p)
	}
}

func (c *converter) service(s *section) {
	if p := s.get("log_level"); p != nil {
		level := map[string]string{"trace": "debug", "warning": "warn", "off": "error"}[p.value]
		if level == "" {
			level = p.value
		}
		switch level {
		case "debug", "info", "warn", "error":
			c.agent.In("log").Set("level", draft.Text(level))
			c.carry(p)
		}
	}
	if p := s.get("http_server"); p != nil && on(p.value) {
		port := s.value("http_port")
		if _, err := strconv.Atoi(port); err != nil {
			port = "2020"
		}
		c.agent.In("admin").Set("listen", draft.Text("127.0.0.1:"+port))
		c.d.Changed(
			c.agent.In("admin"), p.at, shown(p),
			"the status page and /metrics, on loopback unless written otherwise",
		)
	}
	c.duration(c.agent, "shutdown_timeout", s, time.Second, "grace")
	c.rest(c.agent, s)
}

// match reads Match or Match_Regex.
func (c *converter) match(s *section) flow.Match {
	if p := s.get("match_regex"); p != nil {
		re, err := flow.RE2(p.value)
		if err != nil {
			c.d.Lost(c.flow.Notes(), p.at, s.title()+" "+shown(p), err.Error())
			return flow.All()
		}
		return flow.Match{Regexp: re}
	}
	v := s.value("match")
	switch {
	case v == "" || v == "*":
		return flow.All()
	case !strings.Contains(v, "*"):
		return flow.Match{Patterns: []string{v}}
	case strings.Count(v, "*") == 1 && strings.HasSuffix(v, ".*") && len(v) > 2:
		return flow.Match{Patterns: []string{v + "*"}}
	}
	return flow.Match{Regexp: "^" + strings.ReplaceAll(regexp.QuoteMeta(v), `\*`, ".*") + "$"}
}

func plainKey(name string) draft.Value {
	if plain.MatchString(name) {
		return draft.Value(name)
	}
	return draft.Text(name)
}

var plain = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// field turns $log['a']['b'] and names into the name of a field.
func field(v string) string {
	v = strings.TrimPrefix(v, "$")
	return strings.TrimSuffix(
		strings.NewReplacer("['", ".", "']", "", `["`, ".", `"]`, "").Replace(v), ".",
	)
}
