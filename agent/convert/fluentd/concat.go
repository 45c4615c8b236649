package fluentd

import (
	"strings"
	"time"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/flow"
)

// concat adds what a filter of that type is: patterns, or how it tells parts of lines.
func (c *converter) concat(f *flow.Flow, e *element, m flow.Match, further, name string) {
	if why := f.CannotJoin(m); why != "" {
		c.d.Lost(f.Notes(), e.at, describe(e), why)
		return
	}
	e.typ()
	b := f.Filter("multiline", name, m, further)
	if p := e.get("key"); p != nil {
		b.Set("field", draft.Text(accessor(p.value)))
		c.carry(p)
	}
	keys := c.concatParts(b, f, e)
	if p := e.get("stream_identity_key"); p != nil && p.value != "" {
		keys = append(keys, expressionField(accessor(p.value)))
		c.carry(p)
	}
	if len(keys) > 0 {
		b.Set("key", draft.Text("string("+strings.Join(keys, " ?? '') + string(")+" ?? '')"))
	}
	for _, a := range [][2]string{
		{"multiline_start_regexp", "start"}, {"continuous_line_regexp", "continue"},
		{"multiline_end_regexp", "end"},
	} {
		p := e.get(a[0])
		if p == nil {
			continue
		}
		re, err := flow.RE2(p.value)
		if err != nil {
			c.d.Lost(b, p.at, shown(p), err.Error())
			continue
		}
		b.Set(a[1], draft.Text(re))
		c.carry(p)
	}
	if p := e.get("separator"); p != nil {
		b.Set("separator", draft.Text(p.value))
		c.carry(p)
	}
	if !c.duration(b, "timeout", e, "flush_interval") {
		b.Set("timeout", draft.Duration(time.Minute))
	}
	if p := e.get("n_lines"); p != nil {
		c.d.Lost(b, p.at, shown(p), "what belongs together is told by what lines say: start, continue, end")
		if b.Get("start")+b.Get("continue")+b.Get("end")+b.Get("partial") == "" {
			b.Set("start", draft.Text("^"))
		}
	}
	if p := e.get("use_first_timestamp"); p != nil && truth(p.value) {
		c.carry(p)
	} else {
		c.d.Changed(b, e.at, describe(e), "the time of a record is that of its first line")
	}
	if p := e.get("timeout_label"); p != nil {
		c.d.Changed(b, p.at, shown(p), "what nothing follows goes on as other records do")
	}
	c.d.Carried(e.at, describe(e))
	c.unused(f.Notes(), e)
}

// concatParts sets what tells parts of lines, and returns what more tells lines apart.
func (c *converter) concatParts(b *draft.Block, f *flow.Flow, e *element) (keys []string) {
	if p := e.get("use_partial_metadata"); p != nil && truth(p.value) {
		b.Set("partial", draft.Text(flow.PartOfLine))
		keys = append(keys, "field.partial_id")
		c.carry(p)
	}
	if p := e.get("use_partial_cri_logtag"); p != nil && truth(p.value) {
		tag, stream := "logtag", "stream"
		if p := e.get("partial_cri_logtag_key"); p != nil {
			tag = accessor(p.value)
			c.carry(p)
		}
		if p := e.get("partial_cri_stream_key"); p != nil {
			stream = accessor(p.value)
			c.carry(p)
		}
		b.Set("partial", draft.Text(expressionField(tag)+" == 'P'"))
		keys = append(keys, expressionField(stream))
		c.carry(p)
	}
	if p := e.get("partial_key"); p != nil {
		value := e.get("partial_value")
		if value == nil {
			value = &param{value: "true"}
		}
		b.Set("partial", draft.Text(
			"string("+expressionField(accessor(p.value))+" ?? '') == "+flow.Quote(value.value),
		))
		c.carry(p)
		if value.key != "" {
			c.carry(value)
		}
		if keep := e.get("keep_partial_key"); keep == nil || !truth(keep.value) {
			c.d.Changed(b, p.at, shown(p), "the field stays, as that of the first part; remove it with remove_fields")
		}
	}
	return keys
}
