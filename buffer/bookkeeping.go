package buffer

import (
	"encoding/binary"
	"slices"

	"github.com/penstock/penstock/buffer/record/tally"
)

// bookkeeper makes the changes to the books that go with a commit. It belongs to the writer. Where
// the same files are written to all the time, it takes nothing from the heap.
type bookkeeper struct {
	b     *Buffer
	ids   map[string]uint32 // names; 0 stands for all others
	next  uint32
	swept int64 // the minute of the last sweep

	// What was looked at of late, which need not be looked for again.
	rows    map[rowKey]*bookRow
	origins map[string]*bookOrigin
	// that of the batch counted last; files are read in turn, so that the next one is often known
	lastOrigin *bookOrigin
	recent     []recentRow     // of what was appended last, ascending
	forgotten  int             // how many were in recent before
	slot       slot            // the last one that is stored, or fresh; none after a failure
	named      map[uint32]bool // names that are

	// What was added to rows since they were brought up to date, which happens seldom: what is
	// looked at with each commit is hardly ever in a processor's cache. The first of it are those
	// of books, which are stored; the others are of the commit that is being built.
	journal []addition
	inRows  int // of journal, what the rows of the commit's first group say

	// Of the commit that is being built, what the next group says of rows, and other changes that
	// are not in a group yet.
	said     []addition
	gone     map[rowKey]bool // rows that it forgets
	chg      []change
	made     []change // all of the commit that are in a group, with rows that are written
	isStored bool     // the commit before
	// All rows are due once a minute, and go into the first group of a commit: those whose newest
	// counts are in no group, when a commit before has changed them, or this one after that group.
	rowsDue, isFirst bool
	hasRows          bool // the commit
	unwritten        map[string]bool
	unswept          unswept         // by this commit, should it not be stored
	fresh            map[string]bool // keys of names and slots in chg, or in a group before
	states           []*stateOp
	// the position before which what was appended is counted: as stored, with the groups that were
	// built, and with the whole commit
	through, reach, whole int64
	ended                 bool

	taken   []takenEntries // for the next group
	encoded []byte         // memory of changes
}

// bookOrigin is where what came from an origin is counted: the newest slot of it, and its row.
type bookOrigin struct {
	name string
	slot slot
	row  *bookRow
	next *bookOrigin // which came after it the last time
}

// takenEntries are those of a cursor that a group stores.
type takenEntries struct {
	of      *unstoredEntries
	entries []unstoredEntry
}

// mergeFrom is how long the journal may become.
const mergeFrom = 1024

func newBookkeeper(b *Buffer) *bookkeeper {
	k := &bookkeeper{
		b: b, ids: map[string]uint32{}, next: 1, through: b.end, rows: map[rowKey]*bookRow{},
		origins: map[string]*bookOrigin{}, gone: map[rowKey]bool{}, fresh: map[string]bool{},
		named: map[uint32]bool{}, unwritten: map[string]bool{},
	}
	k.ids = numbersOf(namesOf(b.state))
	for _, id := range k.ids {
		k.next = max(k.next, id+1)
	}
	return k
}

// namesOf returns the names of origins and outputs by their numbers.
func namesOf(st *state) map[uint32]string {
	out := map[uint32]string{}
	for key, value := range st.inputs[booksName] {
		if id, n := binary.Uvarint([]byte(key[1:])); key[0] == 'n' && n > 0 {
			out[uint32(id)] = string(value)
		}
	}
	return out
}

// numbersOf returns the numbers of names: of a name that has several, the newest.
func numbersOf(names map[uint32]string) map[string]uint32 {
	out := map[string]uint32{}
	for id, name := range names {
		out[name] = max(out[name], id)
	}
	return out
}

// begin starts on a commit.
func (k *bookkeeper) begin(c groupCommit) {
	if k.b.opt.noBooks {
		return
	}
	if !k.isStored {
		clear(k.named)
		k.journal = k.journal[:k.storedJournal()]
		k.forgetRows()
		clear(k.gone)
		k.unsweep()
		clear(k.fresh)
		k.b.mu.Lock()
		for _, n := range k.b.books.noted {
			n.failed()
		}
		k.b.mu.Unlock()
	}
	k.said, k.chg, k.made = k.said[:0], k.chg[:0], k.made[:0]
	if len(k.journal) >= mergeFrom {
		k.merge()
	}
	k.ended, k.isStored = false, false
	k.isFirst, k.hasRows = true, false
	k.states = c.states
	k.sweep(k.b.opt.clock().Unix() / 60)
	for _, s := range c.states {
		k.confirm(s.read, s.by)
	}
	k.reach = k.through
	k.appended(c.ops[:c.positionsOnly], false)
	k.whole = k.reach
	if n := len(c.passed); n > 0 {
		k.whole = c.passed[n-1].end
	}
	reach := k.reach
	k.appended(c.passed, false)
	if len(c.ops) > c.positionsOnly { // what comes before it is in a later group
		k.reach = reach
	}
}

// storedJournal returns how much of the journal is stored.
func (k *bookkeeper) storedJournal() int {
	k.b.mu.Lock()
	defer k.b.mu.Unlock()
	return len(k.b.books.journal)
}

// merge adds to rows what of the journal is stored.
func (k *bookkeeper) merge() {
	k.b.mu.Lock()
	defer k.b.mu.Unlock()
	k.mergeTo(len(k.b.books.journal))
}

// mergeTo adds the first n of the journal to rows. Caller holds mu.
func (k *bookkeeper) mergeTo(n int) {
	for i := range k.journal[:n] {
		a := &k.journal[i]
		r := a.row
		a.addTo(&r.Row)
		k.b.books.changed(r)
		if !r.isUnwritten {
			r.isUnwritten = true
			k.unwritten[r.key] = true
		}
	}
	left := copy(k.journal, k.journal[n:])
	clear(k.journal[left:])
	if k.journal = k.journal[:left]; left == 0 && cap(k.journal) > 4*mergeFrom {
		k.journal = nil
	}
	k.b.books.journal = k.journal[:0]
}

// store brings the rows of the state up to date. Caller holds mu.
func (k *bookkeeper) store() {
	k.mergeTo(len(k.b.books.journal))
	k.b.books.store(k.b.state)
}

// group counts what goes into the next group.
func (k *bookkeeper) group(ops []*appendOp) {
	if k.b.opt.noBooks {
		return
	}
	for _, op := range ops {
		k.reach = max(k.reach, op.batch.End)
	}
	slots := k.takeNoted()
	k.count(ops, true, slots)
	k.noted(slots)
}

// last tells that the next group is the last one of the commit.
func (k *bookkeeper) last() { k.ended = true }

// published takes note that the commit is stored. Caller holds mu.
func (k *bookkeeper) published() {
	if k.b.opt.noBooks {
		return
	}
	for i := range k.made {
		k.b.state.apply(&k.made[i])
	}
	k.isStored, k.unswept = true, unswept{}
	if len(k.gone) > 0 {
		clear(k.gone)
	}
	if len(k.fresh) > 0 {
		clear(k.fresh)
	}
	if k.hasRows {
		k.mergeTo(k.inRows)
		for _, r := range k.rows {
			r.isUnwritten = false
		}
		clear(k.unwritten)
		k.rowsDue = false
	}
	k.b.books.journal = k.journal
	k.through = max(k.through, k.reach)
	for _, n := range k.b.books.noted {
		n.written()
	}
}

// confirm counts what was read in memory alone, delivered, and found by position after a crash.
func (k *bookkeeper) confirm(read []tally.Entry, by string) {
	if len(read) == 0 {
		return
	}
	now := slot{minute: k.b.opt.clock().Unix() / 60}
	k.b.mu.Lock()
	end := k.b.end
	if n := len(k.b.books.slots); n == 0 || k.b.books.slots[n-1].minute < now.minute {
		k.b.books.slots = append(k.b.books.slots, slot{first: end, minute: now.minute})
	}
	now = k.b.books.slots[len(k.b.books.slots)-1]
	k.b.mu.Unlock()
	for _, e := range read {
		k.add(now, e.Origin, 0, laidDown, e.Count)
		k.add(now, e.Origin, k.name(by, true), 1<<tally.Taken|1<<tally.Confirmed, e.Count)
	}
}

// appended counts what ops have brought, whether they are written or were passed in memory. What is
// written can be counted again.
func (k *bookkeeper) appended(ops []*appendOp, areWritten bool) {
	if len(ops) == 0 {
		return
	}
	k.count(ops, areWritten, k.slots())
}

func (k *bookkeeper) count(ops []*appendOp, areWritten bool, slots slots) {
	for _, op := range ops {
		if op.batch == nil {
			continue
		}
		k.reach = max(k.reach, op.batch.End)
		at, ok := slots.at(op.batch.First)
		if !ok { // older than the books
			continue
		}
		r := k.rowOf(at, op.batch.Origin)
		k.remember(op.batch.First, op.batch.Origin, r)
		n := tally.Count{
			Records: op.batch.End - op.batch.First, Bytes: int64(op.batch.Size()),
		}
		if areWritten {
			k.journal = append(k.journal, addition{row: r, stages: laidDown, Count: n})
		} else {
			k.say(r, 0, laidDown, n)
		}
		k.say(r, 0, 1<<tally.Read, tally.Count{
			Records: op.read.Records - n.Records, Bytes: op.read.Bytes - n.Bytes,
		})
	}
}

// laidDown are the stages of what came to be in the log.
const laidDown = 1<<tally.Read | 1<<tally.Buffered

// slots returns those that there are. Others may append to them.
func (k *bookkeeper) slots() slots {
	k.b.mu.Lock()
	defer k.b.mu.Unlock()
	return k.b.books.slots
}

// takeNoted takes what outputs have done with records that are counted as appended, as far as their
// cursors are, or will be with this commit. It returns the slots that there are.
func (k *bookkeeper) takeNoted() slots {
	b := k.b
	b.mu.Lock()
	defer b.mu.Unlock()
	if k.ended {
		k.reach = max(k.reach, k.whole)
	}
	for _, n := range b.books.noted {
		if len(n.entries) == n.writing && n.done >= k.reach {
			continue
		}
		if list := n.take(min(k.willBe(n.cursor), k.reach)); len(list) > 0 {
			k.taken = append(k.taken, takenEntries{n, list})
		}
	}
	return b.books.slots
}

// willBe returns the position of a cursor with this commit. Caller holds mu.
func (k *bookkeeper) willBe(cursor string) int64 {
	pos := int64(-1)
	for _, s := range k.states {
		for i := range s.changes {
			if c := &s.changes[i]; c.kind == changeCursor && c.name == cursor {
				pos = max(pos, c.pos) // which is not before where it is: see withAdvances
			}
		}
	}
	if pos < 0 {
		pos = k.b.state.cursors[cursor].pos
	}
	return pos
}

// noted counts what was taken.
func (k *bookkeeper) noted(slots slots) {
	for _, t := range k.taken {
		n := t.of
		for i := range t.entries {
			e := &t.entries[i]
			s, ok := slots.at(e.First)
			if !ok {
				continue
			}
			if n.output == 0 {
				n.output = k.name(n.cursor, true)
			}
			var r *bookRow
			if r, n.recalled = k.recall(e.First, e.Origin, n.recalled); r != nil {
				k.say(r, n.output, e.stages, e.Count)
			} else {
				k.add(s, e.Origin, n.output, e.stages, e.Count)
			}
		}
	}
	clear(k.taken)
	k.taken = k.taken[:0]
}

// add has the next group say that n came to stages.
func (k *bookkeeper) add(s slot, origin string, output uint32, stages uint16, n tally.Count) {
	if n == (tally.Count{}) {
		return
	}
	if o := k.origins[origin]; o != nil && o.slot == s {
		k.say(o.row, output, stages, n)
		return
	}
	if stages != laidDown {
		k.storeSlot(s)
		key := rowKey{s.minute, s.hour, k.name(origin, false)}
		if k.find(key) == nil {
			// It was read when there were too many origins, or so long ago that it is forgotten.
			key.origin = 0
			if r := k.find(key); r != nil {
				k.say(r, output, stages, n)
			}
			return
		}
	}
	k.say(k.rowOf(s, origin), output, stages, n)
}

// say has the next group say that n is to be added to a row.
func (k *bookkeeper) say(r *bookRow, output uint32, stages uint16, n tally.Count) {
	if n == (tally.Count{}) {
		return
	}
	i := r.said
	for ; i < len(k.said) && k.said[i].row == r && k.said[i].output == output; i++ {
		if a := &k.said[i]; a.stages == stages {
			a.Count = a.Plus(n)
			return
		}
	}
	if i != len(k.said) {
		r.said = len(k.said)
	}
	k.said = append(k.said, addition{row: r, output: output, stages: stages, Count: n})
}

// storeSlot has a slot stored with the next group.
func (k *bookkeeper) storeSlot(s slot) {
	if s == k.slot {
		return
	}
	if key := s.key('i'); k.isNew(key) {
		k.set(key, binary.AppendUvarint(nil, uint64(s.first)))
	}
	k.slot = s
}

func (k *bookkeeper) stored(key string) ([]byte, bool) {
	v, ok := k.b.state.inputs[booksName][key]
	return v, ok
}

// isNew reports whether key is not stored yet, and takes it to be from now on.
func (k *bookkeeper) isNew(key string) bool {
	if _, ok := k.stored(key); ok || k.fresh[key] {
		return false
	}
	k.fresh[key] = true
	return true
}

func (k *bookkeeper) set(key string, value []byte) {
	k.chg = append(k.chg, change{kind: changePosition, name: booksName, key: key, value: value})
}

func (k *bookkeeper) forget(key string) {
	k.chg = append(k.chg, change{kind: changeForget, name: booksName, key: key})
}

// name returns the number of a name. When there are too many, origins share 0.
func (k *bookkeeper) name(name string, output bool) uint32 {
	id, ok := k.ids[name]
	if !ok {
		if len(k.ids) >= maxNames && !output {
			return 0
		}
		id = k.next
		k.next++
		k.ids[name] = id
	}
	if k.named[id] {
		return id
	}
	if key := nameKey(id); k.isNew(key) {
		k.set(key, []byte(name))
	}
	k.named[id] = true
	return id
}

func nameKey(id uint32) string { return string(binary.AppendUvarint([]byte{'n'}, uint64(id))) }

// changes appends those of the books that go into the next group, and returns its flags. They are
// good until it is called again.
func (k *bookkeeper) changes(to []change) (all []change, flags uint32) {
	if k.b.opt.noBooks {
		return to, 0
	}
	withRows := k.isFirst && k.rowsDue
	k.isFirst = false
	if len(k.chg) > 0 {
		to = append(to, k.chg...)
		k.made = append(k.made, k.chg...)
		clear(k.chg)
		k.chg = k.chg[:0]
	}
	from := len(k.journal)
	k.journal = append(k.journal, k.said...)
	k.said = k.said[:0]
	if withRows {
		k.hasRows, k.inRows = true, len(k.journal)
		to = k.allRows(to)
	} else {
		flags = flagUncounted
		k.encoded = appendAdditions(k.encoded[:0], k.journal[from:])
		if len(k.encoded) > 0 {
			to = append(to, change{kind: changeCounts, value: k.encoded})
		}
	}
	return to, flags
}

// allRows appends all rows whose newest counts are in no group, with those of this one.
func (k *bookkeeper) allRows(out []change) []change {
	k.b.mu.Lock()
	stored := len(k.b.books.journal)
	k.inRows -= stored
	k.store()
	k.b.mu.Unlock()
	rows, newer := []change(nil), map[*bookRow]tally.Row{}
	for i := range k.journal {
		a := &k.journal[i]
		row, ok := newer[a.row]
		if !ok {
			row = slices.Clone(a.row.Row)
		}
		a.addTo(&row)
		newer[a.row] = row
	}
	for r, row := range newer {
		rows = append(rows, r.change(row))
	}
	k.made = append(k.made, rows...)
	return append(k.others(out, rows), rows...)
}

// others appends the rows that are due and neither changed nor forgotten.
func (k *bookkeeper) others(out, rows []change) []change {
	known := map[string]bool{}
	for _, list := range [][]change{out, rows} {
		for i := range list {
			if list[i].name == booksName {
				known[list[i].key] = true
			}
		}
	}
	for key := range k.unwritten {
		if value, ok := k.stored(key); ok && !known[key] {
			out = append(
				out, change{kind: changePosition, name: booksName, key: key, value: value},
			)
		}
	}
	return out
}
