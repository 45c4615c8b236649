package fluentbit

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/flow"
	"github.com/penstock/penstock/agent/convert/timepattern"
	"github.com/penstock/penstock/inputs/join"
)

// Convert reads fluent-bit's files and writes an agent.
func Convert(paths []string) (*draft.Draft, error) {
	f, err := read(paths)
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
				c.input(s)
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
		c.sweep(s)
	}
	c.d.Environment(f.set)
	return c.d, nil
}

type converter struct {
	*files
	d                  *draft.Draft
	agent              *draft.Block
	flow               *flow.Flow
	parsers, multiline map[string]*section
	only               bool // there is one input
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
	"db":                            "positions are kept below data_dir",
	"db.sync":                       "positions are kept below data_dir",
	"db.locking":                    "positions are kept below data_dir",
	"db.journal_mode":               "positions are kept below data_dir",
	"mem_buf_limit":                 "the buffer is on disk: see buffer.max_size",
	"storage.type":                  "the buffer is on disk, always",
	"storage.path":                  "the buffer lies below data_dir",
	"storage.sync":                  "see buffer.sync",
	"storage.checksum":              "all is checked",
	"storage.backlog.mem_limit":     "see buffer",
	"storage.total_limit_size":      "see buffer.max_size",
	"storage.max_chunks_up":         "see buffer",
	"storage.metrics":               "see /metrics",
	"flush":                         "outputs read the buffer all the time",
	"daemon":                        "let systemd start it",
	"grace":                         "see agent.shutdown_timeout",
	"retry_limit":                   "attempts never end, and nothing is given up",
	"workers":                       "see window.lanes",
	"net.keepalive":                 "connections are kept",
	"alias":                         "components have names of their own",
	"buffer_chunk_size":             "see max_line_size",
	"hc_errors_count":               "see /healthz",
	"health_check":                  "see /healthz",
	"threaded":                      "inputs run beside each other",
	"rdkafka.request.required.acks": "a record counts as delivered when all in-sync replicas have it, always",
	"rdkafka.enable.idempotence":    "it always is",
	"queue_full_retries":            "attempts never end",
	"suppress_type_name":            "Elasticsearch has no types any more",
	"trace_error":                   "see the log",
	"replace_dots":                  "see filter \"rename_fields\"",
	"inotify_watcher":               "see watch",
	"static_batch_size":             "the tail is held back by the buffer",
	"upload_timeout":                "see roll.age",
	"use_put_object":                "see part_size",
	"store_dir":                     "the spool lies below data_dir",
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
		s.get("http_listen")
	}
	c.duration(c.agent, "shutdown_timeout", s, time.Second, "grace")
	c.rest(c.agent, s)
}

// match reads Match or Match_Regex.
func (c *converter) match(s *section) flow.Match {
	if p := s.get("match_regex"); p != nil {
		re, err := flow.RE2(p.value, false)
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

func (c *converter) input(s *section) {
	name := s.value("name")
	add := func(typ, want string) *draft.Block {
		if a := s.value("alias"); a != "" {
			want = a
		}
		b := c.d.Add("input", typ, c.d.Name("input", typ, want))
		b.From(s.at)
		c.flow.From(b)
		c.d.Carried(s.at, s.title())
		return b
	}
	listen := func(before, port string) draft.Value {
		host, p := s.value("listen"), s.value("port")
		if host == "" {
			host = "0.0.0.0"
		}
		if p == "" {
			p = port
		}
		return draft.Join(
			append(
				append([]draft.Part{draft.Lit(before)}, c.parts(host)...),
				append([]draft.Part{draft.Lit(":")}, c.parts(p)...)...)...)
	}
	var b *draft.Block
	switch name {
	case "tail":
		b = c.tail(s, add)
	case "forward":
		b = add("forward", "forward")
		if p := s.get("unix_path"); p != nil {
			b.Set(
				"listen",
				draft.Join(append([]draft.Part{draft.Lit("unix://")}, c.parts(p.value)...)...),
			)
		} else {
			b.Set("listen", listen("", "24224"))
		}
		if s.get("shared_key") != nil {
			c.set(b.In("security"), "shared_key", s, "shared_key")
		}
		c.set(b, "tag_prefix", s, "tag_prefix")
		c.tls(b, s)
	case "http":
		b = add("http", "http")
		b.Set("listen", listen("", "9880"))
		c.set(b, "tag", s, "tag")
		c.size(b, "max_body_size", s, "buffer_max_size")
		c.tls(b, s)
	case "syslog":
		b = add("syslog", "syslog")
		mode := s.value("mode")
		if mode == "" {
			mode = "unix_udp"
		}
		if path := s.value("path"); strings.HasPrefix(mode, "unix") {
			if path == "" {
				path = "/tmp/fluent-bit.sock"
			}
			b.Set(
				"listen",
				draft.List(
					draft.Text(
						map[string]string{"unix_udp": "unixgram://", "unix_tcp": "unix://"}[mode]+path,
					),
				),
			)
		} else {
			b.Set("listen", draft.List(listen(mode+"://", "5140")))
		}
		c.set(b, "tag", s, "tag")
		if p := s.get("parser"); p != nil {
			c.d.Changed(
				b, p.at, shown(p),
				"fields are called as penstock calls them: see penstock help input.syslog",
			)
		}
	case "tcp", "udp":
		b = add(name, name)
		b.Set("listen", listen("", "5170"))
		c.set(b, "tag", s, "tag")
		if s.value("format") == "none" {
			c.logField(s, c.tags(s, name))
		}
	case "exec":
		b = add("exec", "exec")
		b.Set(
			"command",
			draft.List(
				draft.Text("/bin/sh"), draft.Text("-c"), draft.Join(c.parts(s.value("command"))...),
			),
		)
		c.duration(b, "interval", s, time.Second, "interval_sec")
		if b.Get("interval") == "" {
			b.Set("interval", draft.Text("1s"))
		}
		c.set(b, "tag", s, "tag")
		c.parsed(s, c.tags(s, "exec"), "exec")
	case "systemd":
		b = add("journald", "journal")
		if t := s.get("tag"); t != nil && strings.Contains(t.value, "*") {
			b.Set("tag", draft.Text(strings.Trim(strings.ReplaceAll(t.value, "*", ""), ".")))
			c.d.Lost(
				b, t.at, s.title()+" "+shown(t),
				"the unit is no part of the tag; it is a field, by which a route can choose with if",
			)
		} else {
			c.set(b, "tag", s, "tag")
		}
		c.set(b, "directory", s, "path")
		var units, matches []string
		for _, p := range s.all("systemd_filter") {
			if unit, ok := strings.CutPrefix(p.value, "_SYSTEMD_UNIT="); ok {
				units = append(units, unit)
			} else {
				matches = append(matches, p.value)
			}
			c.carry(p)
		}
		if units != nil {
			b.Set("units", draft.Texts(units...))
		}
		if matches != nil {
			b.Set("matches", draft.Texts(matches...))
		}
		if p := s.get("read_from_tail"); p == nil || !on(p.value) {
			b.Set("from", draft.Text("beginning"))
		}
	case "stdin":
		b = add("stdin", "in")
		c.set(b, "tag", s, "tag")
	case "dummy",
		"cpu",
		"mem",
		"disk",
		"netif",
		"proc",
		"health",
		"random",
		"thermal",
		"fluentbit_metrics",
		"node_exporter_metrics",
		"prometheus_scrape":
		c.d.Left(c.agent, s.at, s.title(), "penstock takes logs, not measures; see exec")
		return
	default:
		c.d.Lost(
			c.agent, s.at, s.title(),
			"there is no such input; see penstock help for those there are",
		)
		return
	}
	if len(s.processors) > 0 {
		c.processors(s, c.tags(s, name))
	}
	c.rest(b, s)
}

func (c *converter) tags(s *section, preset string) flow.Match {
	if c.only {
		return flow.All()
	}
	tag := s.value("tag")
	if tag == "" {
		tag = preset
	}
	if strings.Contains(tag, "${") {
		return flow.All()
	}
	if before, _, wild := strings.Cut(tag, "*"); wild {
		return flow.Match{Regexp: "^" + regexp.QuoteMeta(before)}
	}
	return flow.Match{Patterns: []string{tag}}
}

func (c *converter) tls(b *draft.Block, s *section) {
	if p := s.get("tls"); p == nil || !on(p.value) {
		return
	}
	t := b.In("tls")
	c.set(t, "cert_file", s, "tls.crt_file")
	c.set(t, "key_file", s, "tls.key_file")
	if t.Get("cert_file") == "" || t.Get("key_file") == "" {
		b.RemoveBlock("tls")
		c.d.Lost(
			b, s.at, s.title()+" tls",
			"it names no certificate: write tls { }, with cert_file and key_file: it listens without now",
		)
		return
	}
	c.set(t, "client_ca_file", s, "tls.ca_file")
	s.get("tls.verify")
}

// logField makes {"log": line} of lines, as fluent-bit does.
func (c *converter) logField(s *section, m flow.Match) {
	b := c.flow.Filter("parse", c.inputName(s), m, "")
	b.Set("format", draft.Text("regex"))
	b.Set("pattern", draft.Text(logPattern(s)))
}

func logPattern(s *section) string {
	key := s.value("key")
	if !plain.MatchString(key) {
		key = "log"
	}
	return "^(?P<" + key + ">(?s:.*))$"
}

func (c *converter) inputName(s *section) string {
	if a := s.value("alias"); a != "" {
		return a
	}
	if t := strings.Trim(strings.ReplaceAll(s.value("tag"), "*", ""), "."); t != "" &&
		!strings.Contains(t, "$") {
		return t
	}
	return s.value("name")
}

// parsed adds what an input's parser does, or makes an object of the line.
func (c *converter) parsed(s *section, m flow.Match, name string) {
	p := s.get("parser")
	if p == nil {
		c.logField(s, m)
		return
	}
	c.orLogField(c.parser(c.flow, p, c.parsers[p.value], m, c.inputName(s), ""), s)
}

// orLogField makes {"log": line} of lines that an input's parser does not take.
func (c *converter) orLogField(b *draft.Block, s *section) {
	if b == nil {
		return
	}
	whole := draft.Text(logPattern(s))
	if format := b.Get("format"); format != draft.Text("regex") {
		b.Rename("format", "formats")
		b.Set("formats", draft.List(format, draft.Text("regex")))
		b.Set("pattern", whole)
		return
	}
	pattern := b.Get("pattern")
	b.Rename("pattern", "patterns")
	b.Set("patterns", draft.List(pattern, whole))
}

func (c *converter) tail(s *section, add func(typ, want string) *draft.Block) *draft.Block {
	b := add("tail", c.inputName(s))
	var paths []draft.Value
	for g := range strings.SplitSeq(s.value("path"), ",") {
		if g = strings.TrimSpace(g); g != "" {
			paths = append(paths, draft.Join(c.parts(g)...))
		}
	}
	if paths == nil {
		paths = []draft.Value{draft.Text("/var/log/CHANGE-ME.log")}
		c.d.Lost(b, s.at, s.title(), "it has no path")
	}
	b.Set("paths", draft.List(paths...))
	if p := s.get("exclude_path"); p != nil {
		var globs []draft.Value
		for g := range strings.SplitSeq(p.value, ",") {
			if g = strings.TrimSpace(g); !strings.HasPrefix(g, "/") && !strings.HasPrefix(g, "$") {
				g = "/**/" + g
			}
			globs = append(globs, draft.Join(c.parts(g)...))
		}
		b.Set("exclude", draft.List(globs...))
		c.carry(p)
	}
	tag := s.value("tag")
	switch {
	case strings.ContainsAny(tag, "<"):
		b.Set("tag", draft.Text("tail"))
		c.d.Lost(
			b, s.at, s.title()+" tag "+tag,
			"write path_pattern for tag_regex, and ${group.NAME} in tag",
		)
		s.get("tag_regex")
	case strings.Contains(tag, "*"):
		before, after, _ := strings.Cut(tag, "*")
		b.Set(
			"tag",
			draft.Join(
				append(append(c.parts(before), draft.Tmpl("path_dots")), c.parts(after)...)...),
		)
	case tag != "":
		b.Set("tag", draft.Join(c.parts(tag)...))
	default:
		b.Set("tag", draft.Text("tail.0"))
	}
	if p := s.get("read_from_head"); p == nil || !on(p.value) {
		b.Set("start_at", draft.Text("end"))
	} else {
		c.carry(p)
	}
	c.duration(b, "rescan_interval", s, time.Second, "refresh_interval")
	c.duration(b, "rotate_wait", s, time.Second, "rotate_wait")
	c.duration(b, "ignore_older", s, time.Second, "ignore_older")
	c.size(b, "max_line_size", s, "buffer_max_size")
	if p := s.get("skip_long_lines"); p != nil && on(p.value) {
		b.Set("long_lines", draft.Text("skip"))
		c.carry(p)
	}
	if p := s.get("skip_empty_lines"); p != nil && on(p.value) {
		b.Set("empty_lines", draft.Text("skip"))
		c.carry(p)
	}
	if p := s.get("offset_key"); p != nil {
		b.Set("offset_header", draft.Text(p.value))
		c.d.Changed(b, p.at, shown(p), "it is a header, not a field")
	}
	m := c.tags(s, "tail.0")
	c.tailMultiline(b, s, m)
	if p := s.get("path_key"); p != nil {
		b.Set("path_header", draft.Text("path"))
		c.flow.Filter("add_fields", p.value, m, "").
			Set("fields", draft.Map(plainKey(p.value), "header.path"))
		c.carry(p)
	}
	return b
}

// tailMultiline carries over multiline.parser, and the old multiline mode, and what parses the
// events.
func (c *converter) tailMultiline(b *draft.Block, s *section, m flow.Match) {
	if p := s.get("multiline"); p != nil && on(p.value) {
		first := s.get("parser_firstline")
		re := "^[^ \t]"
		if first != nil && c.parsers[first.value] != nil {
			if out, err := flow.RE2(c.parsers[first.value].value("regex"), false); err == nil {
				re = out
				c.orLogField(
					c.parser(c.flow, first, c.parsers[first.value], m, c.inputName(s), ""), s,
				)
			} else {
				c.d.Lost(b, first.at, shown(first), err.Error())
			}
		}
		b.In("multiline").Set("start", draft.Text(re))
		c.duration(b.In("multiline"), "timeout", s, time.Second, "multiline_flush")
		return
	}
	p := s.get("multiline.parser")
	if p == nil {
		c.parsed(s, m, "tail")
		return
	}
	var own *section
	presets := c.languages(p)
	container, known := false, len(presets) > 0
	for name := range strings.SplitSeq(p.value, ",") {
		name = strings.TrimSpace(name)
		switch {
		case c.multiline[name] != nil && own == nil:
			own, known = c.multiline[name], true
			c.rules(b.In("multiline"), own, name)
			c.duration(b.In("multiline"), "timeout", own, time.Millisecond, "flush_timeout")
		case c.multiline[name] != nil:
			c.d.Lost(
				b, p.at, shown(p)+": "+name, "there is one way in which lines are joined: write its patterns there",
			)
		case name == "docker" || name == "cri":
			container, known = true, true
		case !slices.Contains(presets, name):
			c.d.Lost(b, p.at, shown(p)+": "+name, "there is no such parser; write multiline")
		}
	}
	switch {
	case !known:
		c.parsed(s, m, "tail")
		return
	case own != nil && len(presets) > 0:
		c.d.Lost(
			b, p.at, shown(p)+": "+strings.Join(presets, ", "),
			"there is one way in which lines are joined: write presets, or patterns",
		)
	case own == nil && len(presets) > 0:
		b.In("multiline").Set("presets", draft.Texts(presets...))
	}
	if !container {
		where := b
		if own != nil {
			where = b.In("multiline")
		}
		c.newline(where, p)
		c.logField(s, m)
		return
	}
	b.Set("container", draft.Bool(true))
	c.logField(s, m)
	c.flow.Filter("add_fields", "stream", m, "").
		Set("fields", draft.Map("stream", "header.stream"))
	c.d.Changed(
		b, p.at, shown(p), "the time that the runtime has written is the record's, not a field",
	)
}

// newline tells what all events of multiline.parser differ in.
func (c *converter) newline(b *draft.Block, p *prop) {
	c.d.Changed(b, p.at, shown(p), "an event does not end with a newline, as there")
}

// rules carries over the rules of a multiline parser: the first state's, and those of the states
// that come after it.
func (c *converter) rules(ml *draft.Block, own *section, name string) {
	if t := own.get("type"); t != nil && t.value != "regex" {
		c.d.Lost(ml, t.at, shown(t), "there is no such type")
	}
	start := "^[^ \t]"
	var goesOn, states []string
	for _, r := range own.all("rule") {
		fields := quotedFields(r.value)
		if len(fields) < 2 {
			continue
		}
		re, err := flow.RE2(fields[1], false)
		switch {
		case err != nil:
			c.d.Lost(ml, r.at, shown(r), err.Error())
		case fields[0] == "start_state":
			start = re
		default:
			goesOn = append(goesOn, "(?:"+re+")")
			if !slices.Contains(states, fields[0]) {
				states = append(states, fields[0])
			}
		}
	}
	ml.Set("start", draft.Text(start))
	if len(goesOn) == 1 {
		ml.Set("continue", draft.Text(goesOn[0][3:len(goesOn[0])-1]))
	} else if len(goesOn) > 0 {
		ml.Set("continue", draft.Text(strings.Join(goesOn, "|")))
	}
	why := "a line that goes on with an event also does so with a line that begins none"
	if len(states) > 1 {
		why = "an event goes on with lines of any of its states, in any order; " + why
	}
	c.d.Changed(ml, own.at, "multiline_parser "+name, why)
}

// languages returns those parsers of multiline.parser that are presets of the same name.
func (c *converter) languages(p *prop) (out []string) {
	for name := range strings.SplitSeq(p.value, ",") {
		name = strings.TrimSpace(name)
		if slices.Contains(join.Names(), name) && c.multiline[name] == nil &&
			!slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

var quotedText = regexp.MustCompile(`"((?:[^"\\]|\\.)*)"`)

func quotedFields(v string) []string {
	var out []string
	for _, m := range quotedText.FindAllStringSubmatch(v, -1) {
		out = append(out, strings.ReplaceAll(m[1], `\\`, `\`))
	}
	return out
}

// parser adds the filters of a [PARSER], on a field unless that is "".
func (c *converter) parser(
	f *flow.Flow, at *prop, s *section, m flow.Match, name, from string,
) *draft.Block {
	presets := map[string]string{
		"json":                 "json",
		"docker":               "docker",
		"cri":                  "cri",
		"logfmt":               "logfmt",
		"nginx":                "nginx",
		"apache2":              "apache_combined",
		"apache":               "apache_combined",
		"apache_error":         "apache_error",
		"syslog-rfc5424":       "syslog",
		"syslog-rfc3164":       "syslog",
		"syslog-rfc3164-local": "syslog",
	}
	var b *draft.Block
	add := func(format string) {
		b = f.Filter("parse", name, m, "")
		b.Set("format", draft.Text(format))
		if from != "" {
			b.Set("field", draft.Text(from))
		}
	}
	if s == nil {
		format, ok := presets[at.value]
		if !ok {
			c.d.Lost(
				f.Notes(), at.at, shown(at),
				"there is no such parser in these files; name the file that has it, too",
			)
			return nil
		}
		add(format)
		if format == "json" {
			c.carry(at)
		} else {
			b.Set("time", draft.Bool(true))
			c.d.Changed(
				b, at.at, shown(at),
				"fields are called as penstock calls them: see penstock help filter.parse",
			)
		}
		return b
	}
	switch format := s.value("format"); format {
	case "json", "logfmt":
		add(format)
	case "ltsv":
		add("key_value")
		b.Set("pair_separator", draft.Text("\t"))
		b.Set("value_separator", draft.Text(":"))
	case "regex":
		add("regex")
		re, err := flow.RE2(s.value("regex"), false)
		if err != nil {
			re = "^(?P<log>.*)$"
			c.d.Lost(b, s.at, s.title()+" regex", err.Error()+"; write pattern")
		}
		b.Set("pattern", draft.Text(re))
	default:
		c.d.Lost(
			f.Notes(), s.at, s.title()+" format "+format,
			"there is no such format; see penstock help filter.parse",
		)
		return nil
	}
	c.carry(at)
	if p := s.get("types"); p != nil {
		var pairs []draft.Value
		for _, t := range strings.Fields(p.value) {
			k, typ, _ := strings.Cut(t, ":")
			if known := map[string]string{"integer": "int", "float": "float", "bool": "bool", "string": "string"}[typ]; known != "" {
				pairs = append(pairs, plainKey(k), draft.Text(known))
			}
		}
		b.Set("types", draft.Map(pairs...))
		c.carry(p)
	}
	if key := s.get("time_key"); key != nil {
		t := f.Filter("time", name, m, "")
		t.Set("field", draft.Text(key.value))
		if p := s.get("time_format"); p != nil {
			pattern := strings.NewReplacer("%S.%L", "%S.%f", "%s.%L", "epoch_s").Replace(p.value)
			if pattern, err := timepattern.Read(pattern); err != nil {
				c.d.Lost(t, p.at, shown(p), err.Error())
			} else {
				t.Set("formats", draft.Texts(pattern))
				c.carry(p)
			}
		}
		if p := s.get("time_keep"); p == nil || !on(p.value) {
			t.Set("remove", draft.Bool(true))
		}
		c.carry(key)
	}
	for _, p := range s.all("decode_field_as") {
		d := f.Filter("parse", name, m, "")
		words := append(strings.Fields(p.value), "", "")
		d.Set("format", draft.Text("json"))
		d.Set("field", draft.Text(words[1]))
		d.Set("into", draft.Text(words[1]))
		c.carry(p)
	}
	return b
}

func (c *converter) tlsClient(b *draft.Block, s *section) {
	if p := s.get("tls"); p == nil || !on(p.value) {
		return
	}
	t := b.In("tls")
	c.set(t, "ca_file", s, "tls.ca_file")
	c.set(t, "cert_file", s, "tls.crt_file")
	c.set(t, "key_file", s, "tls.key_file")
	if p := s.get("tls.verify"); p != nil && !on(p.value) {
		t.Set("insecure_skip_verify", draft.Bool(true))
		c.carry(p)
	}
}
