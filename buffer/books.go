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
//	u                  which books they are: see identity.go
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
	entries []unstoredEntry
	writing int   // so many of them are in the commit that is being written
	next    int   // where those of the records that are told of next are likely to be
	done    int64 // entries before it are stored or being written
	stored  int64 // entries before it are stored

	// the bookkeeper's: the number of the cursor's name, 0 when it is to be looked for, and where
	// in all that was remembered the batch it recalled last is
	output   uint32
	recalled int
}

// unstoredEntry is of records that have come to several stages, a bit each.
type unstoredEntry struct {
	tally.Entry
	stages uint16
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
	case e.First < n.done:
		_, e = split(e, n.done)
	}
	if !n.join(&e) {
		n.entries = append(n.entries, unstoredEntry{e, 1 << e.Stage})
	}
}

// join adds an entry to the one that says the same of an earlier stage, if there is one: that most
// records come from one stage to the next all together is told by a bit.
func (n *unstoredEntries) join(e *tally.Entry) bool {
	if e.Stage == tally.Taken || e.End == 0 {
		return false
	}
	for i := n.next; i < len(n.entries) && n.entries[i].First <= e.First; i++ {
		of := &n.entries[i]
		if of.First != e.First {
			continue
		}
		n.next = i
		if of.End == e.End && of.Count == e.Count && of.stages>>e.Stage&1 == 0 &&
			of.Origin == e.Origin {
			of.stages |= 1 << e.Stage
			return true
		}
	}
	return false
}

// rewind forgets what is to come again.
func (n *unstoredEntries) rewind(pos int64) {
	left := slices.DeleteFunc(n.entries[n.writing:], func(e unstoredEntry) bool {
		return e.End > pos && !splits(&e.Entry, pos)
	})
	for i := range left {
		left[i].Entry, _ = split(left[i].Entry, pos)
	}
	n.entries, n.next = n.entries[:n.writing+len(left)], n.writing
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

// take adds the entries up to pos to those that are being written, and returns them. They stay as
// they are until written or failed is called.
func (n *unstoredEntries) take(pos int64) []unstoredEntry {
	n.done = max(n.done, pos)
	before, end := n.writing, n.writing
	for end < len(n.entries) && n.entries[end].End <= pos {
		end++
	}
	if slices.ContainsFunc(n.entries[end:], func(e unstoredEntry) bool {
		return e.End <= pos || splits(&e.Entry, pos)
	}) {
		var now, later []unstoredEntry
		for _, e := range n.entries[end:] {
			switch {
			case e.End <= pos:
				now = append(now, e)
			case !splits(&e.Entry, pos):
				later = append(later, e)
			default:
				x, y := split(e.Entry, pos)
				now = append(now, unstoredEntry{x, e.stages})
				later = append(later, unstoredEntry{y, e.stages})
			}
		}
		n.entries = slices.Concat(n.entries[:end], now, later)
		end += len(now)
	}
	n.writing, n.next = end, max(n.next, end)
	return n.entries[before:end]
}

// written settles a commit.
func (n *unstoredEntries) written() {
	n.stored = n.done
	if n.writing == 0 {
		return
	}
	left := copy(n.entries, n.entries[n.writing:])
	clear(n.entries[left:])
	n.entries, n.next, n.writing = n.entries[:left], n.next-n.writing, 0
}

// failed takes back what a commit did not write.
func (n *unstoredEntries) failed() {
	n.writing, n.next, n.done = 0, 0, n.stored
	n.output = 0
}

// booksBegin tells from where on a cursor is counted.
func booksBegin(cursor string, pos int64) change {
	return change{
		kind: changePosition, name: booksName, key: "s" + cursor,
		value: binary.AppendUvarint(nil, uint64(pos)),
	}
}
