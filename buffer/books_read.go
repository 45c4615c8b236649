package buffer

import (
	"encoding/binary"
	"slices"
	"strings"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/tally"
)

// Books returns the counts as of the last commit. Where they say that something waits, only its sum
// is compared with what is there.
func (b *Buffer) Books() tally.Books {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := readBooks(b.state, b.books.slots, b.disk)
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
	out := readBooks(in.state, l, end)
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

func readBooks(st *state, l slots, end int64) (out tally.Books) {
	names := namesOf(st)
	numbers := numbersOf(names)
	byKey := map[string]slot{}
	for _, s := range l {
		byKey[s.key('i')] = s
	}
	for key, value := range st.inputs[booksName] {
		k, ok := parseRowKey(key)
		if !ok {
			continue
		}
		row, err := tally.ParseRow(value)
		if err != nil {
			continue
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
	for name, c := range st.cursors {
		o := tally.BookOutput{Name: name, Number: numbers[name], Pos: c.pos, Left: -1, Note: c.note}
		if o.Number == 0 {
			o.Number = ^uint32(0) // it has no cells
		}
		from, _ := binary.Uvarint(st.inputs[booksName]["s"+name])
		o.From = int64(from)
		out.Outputs = append(out.Outputs, o)
	}
	slices.SortFunc(out.Outputs, func(x, y tally.BookOutput) int {
		return strings.Compare(x.Name, y.Name)
	})
	return out
}
