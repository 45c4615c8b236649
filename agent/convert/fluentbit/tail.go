package fluentbit

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/flow"
	"github.com/penstock/penstock/inputs/join"
)

func (c *converter) tail(b *draft.Block, s *section) {
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
	case strings.ContainsAny(tag, "<") && c.tagOfPath(b, s, tag):
	case strings.ContainsAny(tag, "<"):
		b.Set("tag", draft.Text("tail"))
		c.d.Lost(
			b, s.at, s.title()+" tag "+tag,
			"write path_pattern for tag_regex, and ${group.NAME} in tag",
		)
		if p := s.get("tag_regex"); p != nil {
			c.d.Lost(b, p.at, shown(p), "write it as path_pattern")
		}
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
		b.Set("tag", draft.Text(c.tagOf(s)))
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
	m := c.tags(s)
	c.tailMultiline(b, s, m)
	if p := s.get("path_key"); p != nil {
		b.Set("path_header", draft.Text("path"))
		c.flow.Filter("add_fields", p.value, m, "").
			Set("fields", draft.Map(plainKey(p.value), "header.path"))
		c.carry(p)
	}
}

// tailMultiline carries over multiline.parser, and the old multiline mode, and what parses the
// events.
func (c *converter) tailMultiline(b *draft.Block, s *section, m flow.Match) {
	if p := s.get("multiline"); p != nil && on(p.value) {
		first := s.get("parser_firstline")
		re := "^[^ \t]"
		if first != nil && c.parsers[first.value] != nil {
			if out, err := flow.RE2(c.parsers[first.value].value("regex")); err == nil {
				re = out
				event := c.parser(c.flow, first, c.parsers[first.value], m, c.inputName(s), "")
				c.linesBehind(event, first, out)
				c.orLogField(event, s)
			} else {
				c.d.Lost(b, first.at, shown(first), err.Error())
			}
		}
		b.In("multiline").Set("start", draft.Text(re))
		c.duration(b.In("multiline"), "timeout", s, time.Second, "multiline_flush")
		return
	}
	p := s.get("multiline.parser")
	if p == nil && c.ofPods(b, s, m) {
		return
	}
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
	c.logField(s, m)
	c.container(b, p, m)
}

// container has a tail read the logs of containers.
func (c *converter) container(b *draft.Block, p *prop, m flow.Match) {
	b.Set("container", draft.Bool(true))
	c.flow.Filter("add_fields", "stream", m, "").
		Set("fields", draft.Map("stream", "header.stream"))
	c.d.Changed(
		b, p.at, shown(p), "the time that the runtime has written is the record's, not a field",
	)
	c.pods = append(c.pods, podLogs{b, m})
}

var lastGroup = regexp.MustCompile(`(\(\?P<\w+>)(\.[*+])(\)\$?)$`)

// linesBehind has the last group of what parses an event take the lines behind its first one, as
// the old multiline mode puts them there.
func (c *converter) linesBehind(event *draft.Block, first *prop, re string) {
	if event == nil || strings.HasPrefix(re, "(?s") {
		return
	}
	if !lastGroup.MatchString(re) {
		c.d.Lost(
			event, first.at, shown(first),
			"lines behind the first are in no field: end pattern with (?P<NAME>(?s:.*))",
		)
		return
	}
	event.Set("pattern", draft.Text(flow.OfLines(lastGroup.ReplaceAllString(re, "$1(?s:$2)$3"))))
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
		re, err := flow.RE2(fields[1])
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

var (
	groupName  = regexp.MustCompile(`<(\w+)>`)
	namedGroup = regexp.MustCompile(`\(\?<([A-Za-z_]\w*)>`)
)

// tagOfPath has the tag made of parts of the path, if tag_regex is a regular expression of RE2.
func (c *converter) tagOfPath(b *draft.Block, s *section, tag string) bool {
	p := s.get("tag_regex")
	if p == nil {
		return false
	}
	pattern := namedGroup.ReplaceAllString(p.value, "(?P<$1>")
	re, err := regexp.Compile(pattern)
	if err != nil {
		return false
	}
	var parts []draft.Part
	last := 0
	for _, m := range groupName.FindAllStringSubmatchIndex(tag, -1) {
		name := tag[m[2]:m[3]]
		if !slices.Contains(re.SubexpNames(), name) {
			return false
		}
		if m[0] > last {
			parts = append(parts, draft.Lit(tag[last:m[0]]))
		}
		parts = append(parts, draft.Tmpl("group."+name))
		last = m[1]
	}
	if last < len(tag) {
		parts = append(parts, draft.Lit(tag[last:]))
	}
	b.Set("path_pattern", draft.Text(pattern))
	b.Set("tag", draft.Join(parts...))
	c.carry(p)
	return true
}
