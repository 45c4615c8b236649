package fluentbit

import (
	"strings"
	"time"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/flow"
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
	}
	if c.duration(b, "timeout", s, time.Millisecond, "flush_ms"); b.Get("timeout") == "" {
		b.Set("timeout", draft.Duration(2*time.Second))
	}
	return true
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
