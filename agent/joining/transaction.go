package joining

import (
	"bytes"
	"context"
	"time"

	"github.com/penstock/penstock/agent/filter"
	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/inputs/join"
)

// transaction is one batch on its way into the buffer. It changes copies of slots, which take the
// place of those of the shard once the buffer has taken what came out.
type transaction struct {
	j       *Joiner
	shard   *shard
	batch   *record.Batch // tag and origin of all
	reader  *filter.LineReader
	now     time.Time
	changed map[slotID]*slot
	order   []*slot
	out     []record.Record
	alters  bool // out is not what came
	added   int64
	store   map[string][]byte // positions to store, or to forget
}

func (j *Joiner) begin(sh *shard, b *record.Batch) *transaction {
	return &transaction{
		j: j, shard: sh, batch: b, now: j.now(),
		reader:  j.readers.Get().(*filter.LineReader),
		changed: map[slotID]*slot{}, store: map[string][]byte{},
		out: make([]record.Record, 0, b.Len()),
	}
}

// add takes one record.
func (t *transaction) add(rec *record.Record) {
	line, ok := t.reader.Read(t.batch, rec)
	if !ok {
		t.out = append(t.out, *rec)
		return
	}
	isWhole := !line.IsPartial && t.isWhole(line.Text)
	if isWhole && len(t.order)+len(t.shard.slots) == 0 {
		t.out = append(t.out, *rec)
		return
	}
	key, ok := t.reader.Key()
	if !ok {
		t.out = append(t.out, *rec)
		return
	}
	id := t.j.id(t.batch, key)
	s := t.find(id)
	if isWhole && (s == nil || !s.open()) || !t.hasRoom(s, rec) {
		t.out = append(t.out, *rec)
		return
	}
	if s == nil {
		s = t.create(id)
	}
	if l := &s.line; l.open && !t.goesOn(l, line.Text) {
		t.endLine(s)
	}
	t.alters = true
	t.added += sizeOf(rec)
	s.bytes += sizeOf(rec)
	s.since = t.now
	s.fresh, s.parts = append(s.fresh, *rec), append(s.parts, *rec)
	if l := &s.line; l.open {
		l.text, l.joined = append(l.text, line.Text...), true
		t.reader.CountJoined()
	} else {
		*l = held{open: true, first: *rec, text: line.Text[:len(line.Text):len(line.Text)]}
	}
	if !line.IsPartial {
		t.endLine(s)
	}
}

// goesOn reports whether the open line l can take more of its text.
func (t *transaction) goesOn(l *held, more []byte) bool {
	if len(l.text)+len(more) > t.j.maxSize {
		t.j.f.CountLimit()
		return false
	}
	return l.joined || t.reader.CanTake(t.batch, &l.first)
}

// isWhole reports whether a line that nothing stands before is a record of its own.
func (t *transaction) isWhole(text []byte) bool {
	var state join.State
	return t.j.rules == nil || t.j.rules.Begin(&state, withoutEnd(text))
}

// hasRoom reports whether a record can be held in s, which may be nil. If not, what is held there
// leaves.
func (t *transaction) hasRoom(s *slot, rec *record.Record) bool {
	if t.j.bytes.Load()+t.added+sizeOf(rec) <= maxHeldBytes &&
		(s != nil || t.j.count.Load()+int64(len(t.order)) < maxHeld) {
		return true
	}
	t.j.f.CountLimit()
	if s != nil {
		t.endAll(s)
		t.alters = true
	}
	return false
}

// find returns the slot called id; nil if there is none.
func (t *transaction) find(id slotID) *slot {
	if s := t.changed[id]; s != nil {
		return s
	}
	if s := t.shard.slots[id]; s != nil {
		return t.change(s)
	}
	return nil
}

func (t *transaction) change(s *slot) *slot {
	s = s.copy()
	t.changed[s.id] = s
	t.order = append(t.order, s)
	return s
}

func (t *transaction) create(id slotID) *slot {
	s := &slot{id: id, tag: t.batch.Tag, origin: t.batch.Origin, seq: t.j.seq.Add(1)}
	t.changed[s.id] = s
	t.order = append(t.order, s)
	return s
}

// endLine takes the open line of s as whole.
func (t *transaction) endLine(s *slot) {
	l, parts := s.line, s.parts
	s.line, s.parts, s.owned = held{}, nil, 0
	t.join(s, &l, parts)
}

// join takes a whole line, of parts.
func (t *transaction) join(s *slot, l *held, parts []record.Record) {
	j := t.j
	if j.rules == nil {
		t.emit(l)
		s.left(nil)
		return
	}
	text := withoutEnd(l.text)
	if e := &s.event; e.open {
		belongs, whole := j.rules.Next(&s.state, text)
		size := len(e.text) + len(j.separator) + len(l.text)
		if belongs && (s.lines >= j.maxLines || size > j.maxSize) {
			j.f.CountLimit()
			belongs = false
		}
		if belongs && !e.joined {
			belongs = t.reader.CanTake(t.batch, &e.first)
		}
		if belongs {
			e.text, e.joined = j.f.AppendLine(e.text, l.text), true
			s.lines++
			t.reader.CountJoined()
			if whole {
				t.emit(e)
				s.left(nil)
			}
			return
		}
		t.emit(e)
		s.left(parts)
	}
	if j.rules.Begin(&s.state, text) {
		t.emit(l)
		s.left(nil)
		return
	}
	s.event, s.lines = *l, 1
}

// endAll takes all of s as complete.
func (t *transaction) endAll(s *slot) {
	if s.line.open {
		t.endLine(s)
	}
	if s.event.open {
		t.emit(&s.event)
		s.left(nil)
	}
}

// emit makes a record of h.
func (t *transaction) emit(h *held) {
	if h.joined {
		t.out = append(t.out, t.reader.Joined(t.batch, &h.first, h.text))
	} else {
		t.out = append(t.out, h.first)
	}
	*h = held{}
	t.alters = true
}

// commit appends what came out, with what is to be stored, and makes the changes real. After an
// error nothing has changed.
func (t *transaction) commit(
	ctx context.Context, positions []record.Position, replayable bool, done func(error),
) error {
	for _, s := range t.order {
		if err := t.keep(s); err != nil {
			return err
		}
	}
	out := t.batch
	if t.alters {
		out = nil
		if len(t.out) > 0 {
			out = built(t.batch, t.out)
		}
	}
	all := append(positions[:len(positions):len(positions)], positionsOf(t.store)...)
	if err := t.j.append(ctx, out, all, replayable, done); err != nil {
		return err
	}
	t.reader.Close(t.out)
	t.j.readers.Put(t.reader)
	for _, s := range t.order {
		was := t.shard.slots[s.id]
		if was != nil {
			t.j.bytes.Add(-was.bytes)
			t.j.count.Add(-1)
			delete(t.shard.slots, s.id)
		}
		if s.open() {
			s.fresh = nil
			s.detach()
			t.j.bytes.Add(s.bytes)
			t.j.count.Add(1)
			t.shard.slots[s.id] = s
		}
	}
	return nil
}

// Rebuilt returns b, which may have been made of records, as one that can be placed in a log.
func Rebuilt(b *record.Batch) (*record.Batch, error) {
	all, err := b.Records()
	if err != nil {
		return nil, err
	}
	records := make([]record.Record, 0, b.Len())
	for r := range all {
		records = append(records, *r)
	}
	return built(b, records), nil
}

// built returns a batch like b of other records.
func built(b *record.Batch, records []record.Record) *record.Batch {
	var to record.Builder
	size := 0
	for i := range records {
		size += int(sizeOf(&records[i]))
	}
	to.Reset(b.Tag, b.Origin, size)
	for i := range records {
		r := &records[i]
		to.Append(r.Time, r.Key, r.Value, r.Headers)
	}
	out := to.Build()
	if out == nil {
		return record.FromRecords(b.Tag, b.Origin, nil)
	}
	out.Topic = b.Topic
	return out
}

// keep notes what is to be stored of s.
func (t *transaction) keep(s *slot) error {
	before := 0
	if was := t.shard.slots[s.id]; was != nil {
		before = was.stored
	}
	if len(s.fresh) > 0 {
		chunk, err := record.FromRecords(s.tag, s.origin, s.fresh).AppendEncoded(nil, record.None)
		if err != nil {
			return err
		}
		t.store[s.id.key(s.stored)] = chunk
		s.stored++
	}
	for n := s.stored; n < before; n++ {
		t.store[s.id.key(n)] = nil
	}
	return nil
}

// withoutEnd returns a line without its line end.
func withoutEnd(line []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
}
