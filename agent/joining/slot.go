package joining

import (
	"bytes"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/inputs/join"
)

// held is a line, or several that are joined, that may go on.
type held struct {
	open   bool
	first  record.Record // its first part, as it came
	text   []byte
	joined bool // text is more than the first part's
	own    bool // it refers to no batch
}

// detach copies what is of the batch that it came with.
func (h *held) detach() {
	if h.open && !h.own {
		h.first, h.text, h.own = h.first.Clone(), bytes.Clone(h.text), true
	}
}

// detach copies all that is of the batch that it came with.
func (s *slot) detach() {
	s.event.detach()
	s.line.detach()
	for ; s.owned < len(s.parts); s.owned++ {
		s.parts[s.owned] = s.parts[s.owned].Clone()
	}
}

// slot is what is held of one key: lines that are joined, and behind them parts of a line.
type slot struct {
	id          slotID
	way         int
	tag, origin string
	event, line held
	state       join.State
	lines       int // of event
	since       time.Time
	seq         int64 // in which order slots were opened

	// What is stored of it: chunks 0 to stored, and what is to follow them. Parts of the open line
	// are kept as they came, for what stands before it may leave first.
	stored int
	fresh  []record.Record
	parts  []record.Record
	owned  int   // parts that refer to no batch
	bytes  int64 // of all parts
}

func (s *slot) open() bool { return s.event.open || s.line.open }

// copy returns a slot that can be changed without a change of s.
func (s *slot) copy() *slot {
	c := *s
	c.event.text = c.event.text[:len(c.event.text):len(c.event.text)]
	c.line.text = c.line.text[:len(c.line.text):len(c.line.text)]
	c.parts = c.parts[:len(c.parts):len(c.parts)]
	c.fresh = nil
	return &c
}

// left notes that all parts but those given have left it.
func (s *slot) left(parts []record.Record) {
	s.stored, s.fresh, s.bytes = 0, parts[:len(parts):len(parts)], 0
	for i := range parts {
		s.bytes += sizeOf(&parts[i])
	}
}

// sizeOf returns about what a record takes in memory.
func sizeOf(r *record.Record) int64 {
	n := 128 + len(r.Key) + len(r.Value)
	for _, h := range r.Headers {
		n += 48 + len(h.Key) + len(h.Value)
	}
	return int64(n)
}
