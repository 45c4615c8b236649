package fluentbit

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/flow"
)

// inputs are what there is for those of fluent-bit, and their labels where they have no alias; a
// tail's is made of its tag.
var inputs = map[string]struct {
	typ, label string
	set        func(c *converter, b *draft.Block, s *section)
}{
	"tail":    {"tail", "", (*converter).tail},
	"forward": {"forward", "forward", (*converter).fromForward},
	"http":    {"http", "http", (*converter).fromHTTP},
	"syslog":  {"syslog", "syslog", (*converter).fromSyslog},
	"tcp":     {"tcp", "tcp", (*converter).fromSocket},
	"udp":     {"udp", "udp", (*converter).fromSocket},
	"exec":    {"exec", "exec", (*converter).fromExec},
	"systemd": {"journald", "journal", (*converter).fromSystemd},
	"stdin":   {"stdin", "in", (*converter).setTag},
}

// measures are the inputs that give no logs.
var measures = []string{
	"dummy", "cpu", "mem", "disk", "netif", "proc", "health", "random", "thermal",
	"fluentbit_metrics", "node_exporter_metrics", "prometheus_scrape",
}

func (c *converter) input(s *section) {
	name := s.value("name")
	from, ok := inputs[name]
	switch {
	case slices.Contains(measures, name):
		c.d.Left(c.agent, s.at, s.title(), "penstock takes logs, not measures; see exec")
		return
	case !ok:
		c.d.Lost(
			c.agent, s.at, s.title(),
			"there is no such input; see penstock help for those there are",
		)
		return
	}
	label := from.label
	if label == "" || s.value("alias") != "" {
		label = c.inputName(s)
	}
	b := c.d.Add("input", from.typ, c.d.Name("input", from.typ, label))
	b.From(s.at)
	c.flow.From(b)
	c.d.Carried(s.at, s.title())
	from.set(c, b, s)
	if len(s.processors) > 0 {
		c.processors(s, c.tags(s))
	}
	c.rest(b, s)
}

// listen is where an input listens, on port unless it names another.
func (c *converter) listen(s *section, before, port string) draft.Value {
	return draft.Join(append([]draft.Part{draft.Lit(before)}, c.address(s, "listen", "0.0.0.0", port)...)...)
}

func (c *converter) fromForward(b *draft.Block, s *section) {
	if p := s.get("unix_path"); p != nil {
		b.Set(
			"listen",
			draft.Join(append([]draft.Part{draft.Lit("unix://")}, c.parts(p.value)...)...),
		)
	} else {
		b.Set("listen", c.listen(s, "", "24224"))
	}
	if s.get("shared_key") != nil {
		c.set(b.In("security"), "shared_key", s, "shared_key")
	}
	c.set(b, "tag_prefix", s, "tag_prefix")
	c.tls(b, s)
}

func (c *converter) fromHTTP(b *draft.Block, s *section) {
	b.Set("listen", c.listen(s, "", "9880"))
	c.set(b, "tag", s, "tag")
	c.size(b, "max_body_size", s, "buffer_max_size")
	c.tls(b, s)
}

func (c *converter) fromSyslog(b *draft.Block, s *section) {
	mode := cmp.Or(s.value("mode"), "unix_udp")
	if path := s.value("path"); strings.HasPrefix(mode, "unix") {
		scheme := map[string]string{"unix_udp": "unixgram://", "unix_tcp": "unix://"}[mode]
		b.Set("listen", draft.List(draft.Text(scheme+cmp.Or(path, "/tmp/fluent-bit.sock"))))
	} else {
		b.Set("listen", draft.List(c.listen(s, mode+"://", "5140")))
	}
	c.setTag(b, s)
	if p := s.get("parser"); p != nil {
		c.d.Changed(
			b, p.at, shown(p),
			"fields are called as penstock calls them: see penstock help input.syslog",
		)
	}
}

func (c *converter) fromSocket(b *draft.Block, s *section) {
	b.Set("listen", c.listen(s, "", "5170"))
	c.setTag(b, s)
	if s.value("format") == "none" {
		c.logField(s, c.tags(s))
	}
}

func (c *converter) fromExec(b *draft.Block, s *section) {
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
	c.setTag(b, s)
	c.parsed(s, c.tags(s), "exec")
}

func (c *converter) fromSystemd(b *draft.Block, s *section) {
	if t := s.get("tag"); t != nil && strings.Contains(t.value, "*") {
		b.Set("tag", draft.Text(strings.ReplaceAll(t.value, "*", "journal")))
		c.d.Lost(
			b, t.at, s.title()+" "+shown(t),
			"the unit is no part of the tag; it is a field, by which a route can choose with if",
		)
	} else {
		c.setTag(b, s)
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
	if p := s.get("systemd_filter_type"); p != nil && !strings.EqualFold(p.value, "or") {
		c.d.Lost(b, p.at, shown(p), "of several one is enough: write a filter \"where\" for the rest")
	} else if p != nil {
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
}

// tags is the records of an input.
func (c *converter) tags(s *section) flow.Match {
	m, _ := c.own(s)
	return m
}

// own is the records of an input, and whether those of no other may be among them.
func (c *converter) own(s *section) (flow.Match, bool) {
	if c.only {
		return flow.All(), true
	}
	tag := c.tagOf(s)
	var others []flow.Match
	for _, o := range c.sections {
		if o.kind != "input" || o == s || c.tagOf(o) == tag {
			continue
		}
		switch o.value("name") {
		case "tail", "tcp", "udp", "exec", "syslog", "systemd", "stdin":
			others = append(others, tagged(c.tagOf(o)))
		case "forward", "http":
			others = append(others, flow.All())
		}
	}
	return tagged(tag).Of(others)
}

// tagOf is the tag of an input, by default its name and which one of that name it is.
func (c *converter) tagOf(s *section) string {
	if tag := s.value("tag"); tag != "" {
		return tag
	}
	n := 0
	for _, o := range c.sections {
		if o == s {
			break
		}
		if o.kind == "input" && o.value("name") == s.value("name") {
			n++
		}
	}
	return s.value("name") + "." + strconv.Itoa(n)
}

func tagged(tag string) flow.Match {
	if strings.Contains(tag, "${") {
		return flow.All()
	}
	if i := strings.IndexAny(tag, "*<"); i >= 0 {
		return flow.Match{Patterns: []string{tag[:i] + "**"}}
	}
	return flow.Match{Patterns: []string{tag}}
}

func (c *converter) setTag(b *draft.Block, s *section) {
	b.Set("tag", draft.Join(c.parts(c.tagOf(s))...))
	if p := s.get("tag"); p != nil {
		c.carry(p)
	}
}

// sameTag takes out the filters that an earlier input of the same tag has made already: those
// behind the first n.
func (c *converter) sameTag(s *section, n int) {
	if len(c.flow.Filters()) == n {
		return
	}
	tag := c.tagOf(s)
	if _, sure := c.own(s); !sure {
		c.d.Lost(
			c.flow.Notes(), s.at, s.title()+" tag "+tag,
			"what other inputs give may have it, too, and is read as its lines: give it one of its own",
		)
	}
	for _, other := range c.sections {
		if other == s {
			return
		}
		if other.kind != "input" || c.tagOf(other) != tag {
			continue
		}
		c.flow.Shorten(n)
		for _, key := range []string{
			"name", "parser", "multiline.parser", "multiline", "parser_firstline", "key", "path_key",
			"format",
		} {
			if s.value(key) != other.value(key) {
				c.d.Lost(
					c.flow.Notes(), s.at, s.title()+" tag "+tag,
					"its lines are read as those of the input above it that has this tag: "+
						"give it one of its own",
				)
				return
			}
		}
		return
	}
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
