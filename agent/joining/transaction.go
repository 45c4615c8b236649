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
	batch   *record.Batch        // tag and origin of all
	readers []*filter.LineReader // by way; nil until they are wanted
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
		readers: make([]*filter.LineReader, len(j.ways)),
		changed: map[slotID]*slot{}, store: map[string][]byte{},
		out: make([]record.Record, 0, b.Len()),
	}
}

// reader returns the reader of a way.
func (t *transaction) reader(i int) *filter.LineReader {
	if t.readers[i] == nil {
		t.readers[i] = t.j.ways[i].readers.Get().(*filter.LineReader)
	}
	return t.readers[i]
}

// add takes one record. The first way that it is the business of takes it.
func (t *transaction) add(rec *record.Record) {
	for i := range t.j.ways {
		r := t.reader(i)
		if line, ok := r.Read(t.batch, rec); ok {
			t.take(i, r, rec, line)
			return
		}
	}
	t.out = append(t.out, *rec)
}

// pass has a record go on as it is.
func (t *transaction) pass(r *filter.LineReader, rec *record.Record) {
	r.CountOut(rec)
	t.out = append(t.out, *rec)
}

// take takes a record that is the business of a way.
func (t *transaction) take(i int, r *filter.LineReader, rec *record.Record, line filter.Line) {
	w := t.j.ways[i]
	isWhole := !line.IsPartial && w.isWhole(line.Text)
	if isWhole && len(t.order)+len(t.shard.slots) == 0 {
		t.pass(r, rec)
		return
	}
	key, ok := r.Key()
	if !ok {
		t.pass(r, rec)
		return
	}
	id := newSlotID(w.f.Name(), t.batch.Tag, t.batch.Origin, key)
	s := t.find(id)
	if isWhole && (s == nil || !s.open()) || !t.hasRoom(w, s, rec) {
		t.pass(r, rec)
		return
	}
	if s == nil {
		s = t.create(id, i)
	}
	if l := &s.line; l.open && !t.goesOn(s, line.Text) {
		t.endLine(s)
	}
	t.alters = true
	t.added += sizeOf(rec)
	s.bytes += sizeOf(rec)
	s.since = t.now
	s.fresh, s.parts = append(s.fresh, *rec), append(s.parts, *rec)
	if l := &s.line; l.open {
		l.text, l.joined = append(l.text, line.Text...), true
		r.CountJoined()
	} else {
		*l = held{open: true, first: *rec, text: line.Text[:len(line.Text):len(line.Text)]}
	}
	if !line.IsPartial {
		t.endLine(s)
	}
}

// goesOn reports whether the open line of s can take more of its text.
func (t *transaction) goesOn(s *slot, more []byte) bool {
	w := t.j.ways[s.way]
	if len(s.line.text)+len(more) > w.maxSize {
		w.f.CountLimit()
		return false
	}
	return s.line.joined || t.reader(s.way).CanTake(t.batch, &s.line.first)
}

// isWhole reports whether a line that nothing stands before is a record of its own.
func (w *way) isWhole(text []byte) bool {
	var state join.State
	return w.rules == nil || w.rules.Begin(&state, withoutEnd(text))
}

// hasRoom reports whether a record can be held in s, which may be nil. If not, what is held there
// leaves.
func (t *transaction) hasRoom(w *way, s *slot, rec *record.Record) bool {
	if t.j.bytes.Load()+t.added+sizeOf(rec) <= maxHeldBytes &&
		(s != nil || t.j.count.Load()+int64(len(t.order)) < maxHeld) {
		return true
	}
	w.f.CountLimit()
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

func (t *transaction) create(id slotID, way int) *slot {
	s := &slot{
		id: id, way: way, tag: t.batch.Tag, origin: t.batch.Origin, seq: t.j.seq.Add(1),
	}
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
	w := t.j.ways[s.way]
	if w.rules == nil {
		t.emit(s, l)
		s.left(nil)
		return
	}
	text := withoutEnd(l.text)
	if e := &s.event; e.open {
		belongs, whole := w.rules.Next(&s.state, text)
		size := len(e.text) + len(w.separator) + len(l.text)
		if belongs && (s.lines >= w.maxLines || size > w.maxSize) {
			w.f.CountLimit()
			belongs = false
		}
		if belongs && !e.joined {
			belongs = t.reader(s.way).CanTake(t.batch, &e.first)
		}
		if belongs {
			e.text, e.joined = w.f.AppendLine(e.text, l.text), true
			s.lines++
			t.reader(s.way).CountJoined()
			if whole {
				t.emit(s, e)
				s.left(nil)
			}
			return
		}
		t.emit(s, e)
		s.left(parts)
	}
	if w.rules.Begin(&s.state, text) {
		t.emit(s, l)
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
		t.emit(s, &s.event)
		s.left(nil)
	}
}

// emit makes a record of h, which s holds.
func (t *transaction) emit(s *slot, h *held) {
	r := t.reader(s.way)
	rec := h.first
	if h.joined {
		rec = r.Joined(t.batch, &h.first, h.text)
	}
	t.pass(r, &rec)
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
	for i, r := range t.readers {
		if r != nil {
			r.Close()
			t.j.ways[i].readers.Put(r)
		}
	}
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
		t.store[s.id.key(t.j.generation, s.stored)] = chunk
		s.stored++
	}
	for n := s.stored; n < before; n++ {
		t.store[s.id.key(t.j.generation, n)] = nil
	}
	return nil
}

// withoutEnd returns a line without its line end.
func withoutEnd(line []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
}
