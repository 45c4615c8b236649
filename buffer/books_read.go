package buffer

import (
	"encoding/binary"
	"slices"
	"sort"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/tally"
)

// Books returns the counts as of the last commit. Where they say that something waits, only its sum
// is compared with what is there.
func (b *Buffer) Books() tally.Books {
	b.mu.Lock()
	defer b.mu.Unlock()
	newer := map[string]tally.Row{}
	for _, r := range b.books.stale {
		newer[r.key] = slices.Clone(r.Row)
	}
	for i := range b.books.journal {
		a := &b.books.journal[i]
		row, ok := newer[a.row.key]
		if !ok {
			row = slices.Clone(a.row.Row)
		}
		a.addTo(&row)
		newer[a.row.key] = row
	}
	out := readBooks(b.state, newer, b.books.slots, b.disk)
	for i := range out.Outputs {
		o := &out.Outputs[i]
		if b.chain.dense(o.Pos) {
			o.Left = b.chain.records(o.Pos)
		}
	}
	return out
}

// Books returns the counts, and looks at all that is in the buffer to count what waits.
func (in *Inspection) Books(damaged func(segment string, err error)) tally.Books {
	_, end := in.Range()
	l := slotsOf(in.state)
	out := readBooks(in.state, nil, l, end)
	type of struct {
		slot   slot
		origin string
	}
	rows := map[of]*tally.BookRow{}
	for i := range out.Rows {
		r := &out.Rows[i]
		r.Waiting = map[string]int64{}
		if s, ok := l.at(r.First); ok {
			rows[of{s, r.Origin}] = r
		}
	}
	low := end
	for _, o := range out.Outputs {
		low = min(low, o.Pos)
	}
	_ = in.Read(low, func(b *record.Batch) error {
		s, ok := l.at(b.First)
		r := rows[of{s, b.Origin}]
		if r == nil {
			r = rows[of{s, ""}]
		}
		if !ok || r == nil {
			return nil
		}
		for _, o := range out.Outputs {
			r.Waiting[o.Name] += max(b.End-max(b.First, o.Pos), 0)
		}
		return nil
	}, damaged)
	return out
}

// readBooks returns what a state says, where there are no newer rows.
func readBooks(
	st *state, newer map[string]tally.Row, l slots, end int64,
) (out tally.Books) {
	out.ID, out.Began = st.identity()
	names := namesOf(st)
	numbers := numbersOf(names)
	byKey := map[string]slot{}
	for _, s := range l {
		byKey[s.key('i')] = s
	}
	add := func(key string, row tally.Row) {
		k, ok := parseRowKey(key)
		if !ok {
			return
		}
		r := tally.BookRow{
			From: time.Unix(k.minute*60, 0), Span: time.Minute, Origin: names[k.origin], Row: row,
		}
		if k.hour {
			r.Span = time.Hour
		}
		if s, ok := byKey[slot{minute: k.minute, hour: k.hour}.key('i')]; ok {
			r.First, r.End = s.first, l.end(s, end)
		}
		out.Rows = append(out.Rows, r)
	}
	for key, value := range st.inputs[booksName] {
		if _, ok := newer[key]; ok || key[0] != 'r' && key[0] != 'R' {
			continue
		}
		if row, err := tally.ParseRow(value); err == nil {
			add(key, row)
		}
	}
	for key, row := range newer {
		add(key, row)
	}
	for name, c := range st.cursors {
		o := tally.BookOutput{Name: name, Number: numbers[name], Pos: c.pos, Left: -1, Note: c.note}
		if o.Number == 0 {
			o.Number = ^uint32(0) // it has no cells
		}
		from, _ := binary.Uvarint(st.inputs[booksName]["s"+name])
		o.From = int64(from)
		out.Outputs = append(out.Outputs, o)
	}
	sort.Slice(out.Outputs, func(i, j int) bool {
		return out.Outputs[i].Name < out.Outputs[j].Name
	})
	return out
}
