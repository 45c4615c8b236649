package tail

import "github.com/penstock/penstock/inputs/join"

// joiner makes events of lines.
type joiner struct {
	rules    *join.Rules
	maxLines int
}

func newJoiner(m *Multiline) *joiner {
	if m == nil {
		return nil
	}
	return &joiner{rules: join.New(m.Patterns), maxLines: m.MaxLines}
}

// frame finds the events among the lines from b.from on. The last one is complete only if events or
// partial says so.
func (j *joiner) frame(
	b *block, c *charset, raw []byte, maxSize int, full, events, partial bool, counts *counts,
) framed {
	var scratch []byte
	event, lines := b.from, 0 // the current event's beginning and length
	at := b.from
	var state join.State
	add := func(next, textEnd int) {
		text := c.trimCR(raw[at:textEnd])
		if c.decodes() {
			scratch = c.decode(scratch[:0], text)
			text = scratch
		}
		belongs, whole := false, false
		if lines > 0 {
			if belongs, whole = j.rules.Next(&state, text); belongs &&
				(lines >= j.maxLines || textEnd-event > maxSize) {
				counts.eventLimit.Inc()
				belongs = false
			}
			if !belongs {
				b.spans = append(b.spans, span{event, at})
				event, lines = at, 0
			}
		}
		if !belongs {
			whole = j.rules.Begin(&state, text)
		}
		lines++
		if at = next; whole {
			b.spans = append(b.spans, span{event, at})
			event, lines = at, 0
		}
	}
	for at < b.to {
		i := c.newline(raw[at:])
		if i < 0 {
			break
		}
		add(at+i+len(c.end), at+i)
	}
	if partial && at < len(raw) {
		add(len(raw), len(raw))
	}
	if lines > 0 && (events || partial) {
		b.spans = append(b.spans, span{event, at})
		event, lines = at, 0
		counts.eventFlush.Inc()
	}
	if lines > 0 && len(raw)-event > maxSize { // whatever follows is too much for it
		b.spans = append(b.spans, span{event, at})
		event, lines = at, 0
		counts.eventLimit.Inc()
	}
	b.to, b.end = event, event
	switch {
	case full && event == 0:
		return framed{needsMore: true}
	case lines > 0:
		return framed{pending: pendingEvent, holds: 1}
	case at < len(b.raw):
		return framed{pending: pendingLine}
	}
	return framed{}
}
