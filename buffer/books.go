package buffer

import (
	"encoding/binary"
	"slices"
	"sort"
	"time"

	"github.com/penstock/penstock/buffer/record/tally"
)

// The books are the counts of what is in the log and what has become of it; see package tally. They
// stand among the positions of inputs, under a name that no input has. So they are stored, carried
// from segment to segment and recovered like these. Rows are not written with each commit: see
// counts.go.
//
//	i minute, I hour   position of the first record of that time
//	r minute, R hour   then the number of an origin: its row
//	n number           the name of an origin or output
//	s output           the position from which on it is counted
const booksName = "\x00"

const (
	// minutesFor is how long a minute has rows of its own, and rowsFor how long there are rows.
	minutesFor, rowsFor = 24 * 60, 7 * 24 * 60
	// maxRows is how many rows there are, and maxNames how many names, give or take those of one
	// minute.
	maxRows, maxNames = 4096, 512
	// rowBytes is what a row takes of each segment, about, and rowShare the share of a segment that
	// all may take.
	rowBytes, rowShare = 20, 1.0 / 200
)

// rows returns how many rows there may be. Each segment begins with all of them.
func (o *Options) rows() int {
	return max(128, min(maxRows, int(float64(o.SegmentSize)*rowShare/rowBytes)))
}

// slot is a time in which records were appended.
type slot struct {
	first  int64 // position of the first of them
	minute int64 // since the Unix epoch, the first one of an hour
	hour   bool
}

func (s slot) key(kind byte) string {
	if s.hour {
		kind -= 'a' - 'A'
	}
	var b [5]byte
	b[0] = kind
	binary.BigEndian.PutUint32(b[1:], uint32(s.minute))
	return string(b[:])
}

// slots knows when records were appended, ascending by position.
type slots []slot

// at returns the slot of the record at pos; not ok means that it is older than the books.
func (l slots) at(pos int64) (s slot, ok bool) {
	if n := len(l); n > 0 && l[n-1].first <= pos {
		return l[n-1], true
	}
	i := sort.Search(len(l), func(i int) bool { return l[i].first > pos })
	if i == 0 {
		return s, false
	}
	return l[i-1], true
}

// end returns the position after the last record of s; last is that of the log.
func (l slots) end(s slot, last int64) int64 {
	i := sort.Search(len(l), func(i int) bool { return l[i].first > s.first })
	if i == len(l) {
		return last
	}
	return l[i].first
}

// books are what the bookkeeper needs to know of appends and cursors, and what it has stored.
// Buffer.mu guards them.
type books struct {
	slots   slots
	noted   []*unstoredEntries // of cursors, open or not
	journal []addition         // what is stored and not added to rows yet
	stale   []*bookRow         // of which the state has older ones
}

// changed takes note that the state has an older row than r.
func (k *books) changed(r *bookRow) {
	if !r.isStale {
		r.isStale = true
		k.stale = append(k.stale, r)
	}
}

// store brings the rows of the state up to date. The writer alone calls it.
func (k *books) store(st *state) {
	for _, r := range k.stale {
		r.isStale = false
		c := r.change(r.Row)
		st.apply(&c)
	}
	clear(k.stale)
	k.stale = k.stale[:0]
}

// unstoredEntries is what a cursor's reader has told, and is not stored.
type unstoredEntries struct {
	cursor  string
	entries []tally.Entry
	writing []tally.Entry // in the commit that is being written
	done    int64         // entries before it are stored or being written
	stored  int64         // entries before it are stored
}

func (k *books) load(st *state) {
	k.noted = nil
	k.slots = slotsOf(st)
	for name, c := range st.cursors {
		k.of(name, c.pos)
	}
}

func slotsOf(st *state) (l slots) {
	for key, value := range st.inputs[booksName] {
		if s, ok := parseSlot(key, 'i'); ok {
			first, _ := binary.Uvarint(value)
			s.first = int64(first)
			l = append(l, s)
		}
	}
	slices.SortFunc(l, func(x, y slot) int {
		if x.first != y.first {
			return int(min(max(x.first-y.first, -1), 1))
		}
		return int(x.minute - y.minute)
	})
	return l
}

// parseSlot reads what key returns for kind, before anything else.
func parseSlot(key string, kind byte) (s slot, ok bool) {
	if len(key) < 5 || key[0] != kind && key[0] != kind-('a'-'A') {
		return s, false
	}
	return slot{
		minute: int64(binary.BigEndian.Uint32([]byte(key[1:5]))),
		hour:   key[0] != kind,
	}, true
}

// placed takes note of the time of a record that has got its position. The slots of an hour follow
// one another, for they become one, and no minute has two: when the clock is set to an hour that
// was left, or back a little, it stands still.
func (k *books) placed(first int64, now time.Time) {
	minute := now.Unix() / 60
	if n := len(k.slots); n > 0 {
		last := k.slots[n-1].minute
		if minute <= last && last-minute < 60 {
			return
		}
		if minute/60 != last/60 && slices.ContainsFunc(k.slots, func(s slot) bool {
			return s.minute/60 == minute/60
		}) {
			return
		}
	}
	k.slots = append(k.slots, slot{first: first, minute: minute})
}

// of returns what is noted for the cursor called name, which stands at pos.
func (k *books) of(name string, pos int64) *unstoredEntries {
	if n := k.known(name); n != nil {
		return n
	}
	n := &unstoredEntries{cursor: name, done: pos, stored: pos}
	k.noted = append(k.noted, n)
	return n
}

// known returns what is noted for a cursor; nil if there is nothing.
func (k *books) known(name string) *unstoredEntries {
	i := slices.IndexFunc(k.noted, func(n *unstoredEntries) bool { return n.cursor == name })
	if i < 0 {
		return nil
	}
	return k.noted[i]
}

// removed forgets what is noted for a cursor that there is no more.
func (k *books) removed(name string) {
	k.noted = slices.DeleteFunc(k.noted, func(n *unstoredEntries) bool { return n.cursor == name })
}

func (n *unstoredEntries) add(e tally.Entry) {
	switch {
	case e.Records == 0 && e.Bytes == 0:
		return
	case e.Stage == tally.Replayed:
		e.End = 0
	case e.End <= n.done:
		if e.Stage != tally.Delivered {
			return // known
		}
		e.Stage, e.End = tally.Again, 0
	default:
		_, e = split(e, n.done)
	}
	n.entries = append(n.entries, e)
}

// rewind forgets what is to come again.
func (n *unstoredEntries) rewind(pos int64) {
	n.entries = slices.DeleteFunc(n.entries, func(e tally.Entry) bool {
		return e.End > pos && !splits(&e, pos)
	})
	for i, e := range n.entries {
		n.entries[i], _ = split(e, pos)
	}
}

// splits reports whether an entry is of all records between its bounds, and pos is among them: a
// position may be committed that is no batch's end.
func splits(e *tally.Entry, pos int64) bool {
	return e.First < pos && pos < e.End && e.Records == e.End-e.First
}

// split cuts an entry at pos, if it can be cut there: the other part is empty otherwise.
func split(e tally.Entry, pos int64) (before, after tally.Entry) {
	if !splits(&e, pos) {
		if e.End <= pos {
			return e, after
		}
		return before, e
	}
	before, after = e, e
	before.End, after.First = pos, pos
	before.Records, after.Records = pos-e.First, e.End-pos
	before.Bytes = e.Bytes * before.Records / e.Records
	after.Bytes = e.Bytes - before.Bytes
	return before, after
}

// take moves the entries up to pos to those that are being written, and returns them.
func (n *unstoredEntries) take(pos int64) []tally.Entry {
	n.done = max(n.done, pos)
	before := len(n.writing)
	rest := n.entries[:0]
	for i := range n.entries {
		e := &n.entries[i]
		switch {
		case e.End <= pos:
			n.writing = append(n.writing, *e)
		case !splits(e, pos):
			rest = append(rest, *e)
		default:
			now, later := split(*e, pos)
			n.writing = append(n.writing, now)
			rest = append(rest, later)
		}
	}
	clear(n.entries[len(rest):])
	n.entries = rest
	return n.writing[before:]
}

// written settles a commit.
func (n *unstoredEntries) written() {
	clear(n.writing)
	n.writing, n.stored = n.writing[:0], n.done
}

// failed takes back what a commit did not write.
func (n *unstoredEntries) failed() {
	if len(n.writing) > 0 {
		n.entries = append(slices.Clone(n.writing), n.entries...)
		clear(n.writing)
		n.writing = n.writing[:0]
	}
	n.done = n.stored
}

// booksBegin tells from where on a cursor is counted.
func booksBegin(cursor string, pos int64) change {
	return change{
		kind: changePosition, name: booksName, key: "s" + cursor,
		value: binary.AppendUvarint(nil, uint64(pos)),
	}
}
