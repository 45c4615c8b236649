package fluentbit

import (
	"slices"
	"strings"
	"time"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/flow"
	"github.com/penstock/penstock/inputs/join"
)

// joinRecords adds what the filter multiline is, and reports whether it could.
func (c *converter) joinRecords(s *section, m flow.Match, label string) bool {
	f, title := c.flow, s.title()
	if why := f.CannotJoin(m); why != "" {
		c.d.Lost(f.Notes(), s.at, title, why)
		return false
	}
	p := s.get("multiline.parser")
	isPartial := strings.EqualFold(s.value("mode"), "partial_message")
	own, presets := c.joinRules(p)
	if !isPartial && own == nil && len(presets) == 0 {
		c.d.Lost(f.Notes(), s.at, title, "there is no such parser; write filter \"multiline\"")
		return false
	}
	b := f.Filter("multiline", label, m, "")
	if key := s.get("multiline.key_content"); key != nil {
		b.Set("field", draft.Text(field(key.value)))
		c.carry(key)
	}
	if isPartial {
		b.Set("partial", draft.Text(flow.PartOfLine))
		b.Set("key", draft.Text("string(field.partial_id ?? '')"))
	}
	if len(presets) > 0 {
		b.Set("presets", draft.Texts(presets...))
	}
	if own != nil {
		c.rules(b, own, p.value)
	}
	if p != nil {
		c.newline(b, p)
		c.otherRules(b, p, own, presets)
	}
	if c.duration(b, "timeout", s, time.Millisecond, "flush_ms"); b.Get("timeout") == "" {
		b.Set("timeout", draft.Duration(2*time.Second))
	}
	return true
}

// otherRules tells which of multiline.parser's names are not among what joins the lines.
func (c *converter) otherRules(b *draft.Block, p *prop, own *section, presets []string) {
	for name := range strings.SplitSeq(p.value, ",") {
		name = strings.TrimSpace(name)
		if own != nil && c.multiline[name] == own || own == nil && slices.Contains(presets, name) {
			continue
		}
		why := "there is one way in which lines are joined: write presets, or patterns"
		if c.multiline[name] == nil && !slices.Contains(join.Names(), name) {
			why = "there is no such parser; write its patterns"
		}
		c.d.Lost(b, p.at, shown(p)+": "+name, why)
	}
}

// joinRules returns the parser of one's own, or else the presets, that multiline.parser names.
func (c *converter) joinRules(p *prop) (own *section, presets []string) {
	if p == nil {
		return nil, nil
	}
	for name := range strings.SplitSeq(p.value, ",") {
		if own := c.multiline[strings.TrimSpace(name)]; own != nil {
			return own, nil
		}
	}
	return nil, c.languages(p)
}
