package buffer

import (
	"encoding/binary"
	"maps"
	"slices"

	"github.com/penstock/penstock/buffer/record/tally"
)

// bookkeeper makes the changes to the books that go with a commit. It belongs to the writer.
type bookkeeper struct {
	b     *Buffer
	ids   map[string]uint32 // names; 0 stands for all others
	next  uint32
	swept int64 // the minute of the last sweep

	// Rows of this minute's commits, as they will be with the one that is being built: those that
	// were stored need not be read again. Of that commit, rows and other changes that are not in a
	// group yet.
	rows     map[rowKey]*bookRow
	changed  []*bookRow
	isStored bool // the commit before
	chg      []change
	made     []change // all of the commit that are in a group, with their rows
	// Of the groups that are built, what rows do not say: see addition. All rows are due once a
	// minute, and go into the first group of a commit: those whose newest counts are in no group,
	// when a commit before has changed them, or this one after that group.
	added            []addition
	rowsDue, isFirst bool
	hasRows          bool // the commit
	unwritten        map[string]bool
	changedSince     []string
	unswept          unswept         // by this commit, should it not be stored
	fresh            map[string]bool // keys of names and slots in chg, or in a group before
	slot             slot            // the last one that is stored, or fresh; none after a failure
	lines            []bookLine      // memory of noted
	named            map[uint32]bool // names that are
	limit            map[string]int64
	// the position before which what was appended is counted: as stored, with the groups that were
	// built, and with the whole commit
	through, reach, whole int64
	ended                 bool
}

// unswept is what a sweep has changed that no group holds.
type unswept struct {
	slots slots // all, as they were; nil: there was no sweep
	kept  int   // how many they have become
	ids   map[string]uint32
}

// bookLine is an entry of a cursor, with its time.
type bookLine struct {
	slot   slot
	output string
	tally.Entry
}

type rowKey struct {
	minute int64
	hour   bool
	origin uint32
}

type bookRow struct {
	tally.Row
	key       string
	isChanged bool
}

func newBookkeeper(b *Buffer) *bookkeeper {
	k := &bookkeeper{
		b: b, ids: map[string]uint32{}, next: 1, through: b.end, rows: map[rowKey]*bookRow{},
		fresh: map[string]bool{}, named: map[uint32]bool{}, limit: map[string]int64{},
		unwritten: map[string]bool{},
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

func (k rowKey) String() string {
	return string(binary.AppendUvarint(
		[]byte(slot{minute: k.minute, hour: k.hour}.key('r')), uint64(k.origin),
	))
}

func parseRowKey(key string) (k rowKey, ok bool) {
	s, ok := parseSlot(key, 'r')
	if !ok {
		return k, false
	}
	origin, n := binary.Uvarint([]byte(key[5:]))
	return rowKey{s.minute, s.hour, uint32(origin)}, n > 0
}

// begin starts on a commit.
func (k *bookkeeper) begin(c groupCommit) {
	if len(k.fresh) > 0 { // it was not stored
		clear(k.named)
	}
	if !k.isStored {
		k.readAgain()
		k.unsweep()
	}
	clear(k.fresh)
	clear(k.limit)
	clear(k.changed)
	k.chg, k.made, k.changed = nil, nil, k.changed[:0]
	k.ended, k.isStored = false, false
	k.added, k.changedSince = k.added[:0], k.changedSince[:0]
	k.isFirst, k.hasRows = true, false
	if k.b.opt.noBooks {
		return
	}
	for _, s := range c.states {
		for i := range s.changes {
			if c := &s.changes[i]; c.kind == changeCursor {
				k.limit[c.name] = max(k.limit[c.name], c.pos)
			}
		}
	}
	b := k.b
	b.mu.Lock()
	for _, n := range b.books.noted {
		n.failed()
	}
	b.mu.Unlock()
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

// readAgain forgets what is remembered of what is stored.
func (k *bookkeeper) readAgain() {
	clear(k.rows)
	k.slot = slot{}
}

// group counts what goes into the next group.
func (k *bookkeeper) group(ops []*appendOp) {
	k.appended(ops, true)
	k.noted()
}

// last tells that the next group is the last one of the commit.
func (k *bookkeeper) last() { k.ended = true }

// published takes note that the commit is stored. Caller holds mu.
func (k *bookkeeper) published() {
	for i := range k.made {
		k.b.state.apply(&k.made[i])
	}
	k.made, k.isStored, k.unswept = nil, true, unswept{}
	if k.hasRows {
		clear(k.unwritten)
		k.rowsDue = false
	}
	for _, key := range k.changedSince {
		k.unwritten[key] = true
	}
	clear(k.fresh)
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
		for _, s := range []tally.Stage{tally.Read, tally.Buffered} {
			k.add(now, e.Origin, "", s, e.Count)
		}
		for _, s := range []tally.Stage{tally.Taken, tally.Confirmed} {
			k.add(now, e.Origin, by, s, e.Count)
		}
	}
}

// appended counts what ops have brought, whether they are written or were passed in memory. What is
// written can be counted again.
func (k *bookkeeper) appended(ops []*appendOp, areWritten bool) {
	if k.b.opt.noBooks || len(ops) == 0 {
		return
	}
	k.b.mu.Lock()
	at := make([]slot, len(ops))
	for i, op := range ops {
		if op.batch != nil {
			at[i], _ = k.b.books.slots.at(op.batch.First)
		}
	}
	k.b.mu.Unlock()
	for i, op := range ops {
		if op.batch == nil {
			continue
		}
		k.reach = max(k.reach, op.batch.End)
		if at[i] == (slot{}) { // older than the books
			continue
		}
		before := len(k.added)
		k.add(at[i], op.batch.Origin, "", tally.Read, op.read)
		n := tally.Count{
			Records: op.batch.End - op.batch.First, Bytes: int64(op.batch.Size()),
		}
		key, ok := k.add(at[i], op.batch.Origin, "", tally.Buffered, n)
		if !ok || !areWritten {
			continue
		}
		k.added = k.added[:before]
		more := op.read.Plus(tally.Count{Records: -n.Records, Bytes: -n.Bytes})
		if more != (tally.Count{}) {
			k.added = append(k.added, addition{key, 0, tally.Read, more})
		}
	}
}

// noted counts what outputs have done with records that are counted as appended, as far as their
// cursors are, or will be with this commit.
func (k *bookkeeper) noted() {
	if k.b.opt.noBooks {
		return
	}
	lines := k.lines[:0]
	b := k.b
	b.mu.Lock()
	if k.ended {
		k.reach = max(k.reach, k.whole)
	}
	for name, n := range b.books.noted {
		limit := min(max(k.limit[name], b.state.cursors[name].pos), k.reach)
		for _, e := range n.take(limit) {
			if s, ok := b.books.slots.at(e.First); ok {
				lines = append(lines, bookLine{s, name, e})
			}
		}
	}
	b.mu.Unlock()
	for _, l := range lines {
		k.add(l.slot, l.Origin, l.output, l.Stage, l.Count)
	}
	clear(lines)
	k.lines = lines
}

// add returns the row that it has added to.
func (k *bookkeeper) add(
	s slot, origin, output string, stage tally.Stage, n tally.Count,
) (key rowKey, ok bool) {
	if n == (tally.Count{}) {
		return key, false
	}
	if s != k.slot {
		if key := s.key('i'); k.isNew(key) {
			k.set(key, binary.AppendUvarint(nil, uint64(s.first)))
		}
		k.slot = s
	}
	id := uint32(0)
	if output != "" {
		id = k.name(output, true)
	}
	key = rowKey{s.minute, s.hour, k.name(origin, false)}
	r := k.find(key)
	if r == nil && stage > tally.Buffered {
		// It was read when there were too many origins, or so long ago that it is forgotten.
		key.origin = 0
		if r = k.find(key); r == nil {
			return key, false
		}
	}
	if r == nil {
		r = k.row(key)
	}
	r.Add(id, stage, n)
	k.added = append(k.added, addition{key, id, stage, n})
	k.change(r)
	return key, true
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

// valueBytes is what most rows take.
const valueBytes = 32

func nameKey(id uint32) string { return string(binary.AppendUvarint([]byte{'n'}, uint64(id))) }

// find returns a row; nil if there is none.
func (k *bookkeeper) find(key rowKey) *bookRow {
	if r := k.rows[key]; r != nil {
		return r
	}
	name := key.String()
	p, ok := k.stored(name)
	if !ok {
		return nil
	}
	r := &bookRow{key: name}
	r.Row, _ = tally.ParseRow(p)
	k.rows[key] = r
	return r
}

// row returns a row, which is made if there is none.
func (k *bookkeeper) row(key rowKey) *bookRow {
	r := k.find(key)
	if r == nil {
		r = &bookRow{key: key.String()}
		k.rows[key] = r
	}
	return r
}

// change has a row stored with the next group.
func (k *bookkeeper) change(r *bookRow) {
	if !r.isChanged {
		r.isChanged = true
		k.changed = append(k.changed, r)
	}
}

// changes returns those of the books that go into the next group, and its flags.
func (k *bookkeeper) changes() (out []change, flags uint32) {
	if k.b.opt.noBooks {
		return nil, 0
	}
	out = k.chg
	k.made = append(k.made, out...)
	k.chg = nil
	var rows []change
	for _, r := range k.changed {
		if r.isChanged {
			r.isChanged = false
			rows = append(rows, change{
				kind: changePosition, name: booksName, key: r.key,
				value: r.Append(make([]byte, 0, valueBytes)),
			})
		}
	}
	clear(k.changed)
	k.changed = k.changed[:0]
	k.made = append(k.made, rows...)
	if k.isFirst && k.rowsDue {
		k.hasRows = true
		out = append(k.others(out, rows), rows...)
	} else {
		flags = flagUncounted
		for i := range rows {
			k.changedSince = append(k.changedSince, rows[i].key)
		}
		if p := encodeAdditions(k.added); p != nil {
			out = append(out, change{kind: changeCounts, value: p})
		}
	}
	k.isFirst = false
	k.added = k.added[:0]
	return out, flags
}

// others appends the rows that are due and neither changed nor forgotten.
func (k *bookkeeper) others(out, rows []change) []change {
	known := map[string]bool{}
	for _, list := range [][]change{out, rows} {
		for i := range list {
			known[list[i].key] = true
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

// sweep merges minutes into hours and forgets what is old, once a minute.
func (k *bookkeeper) sweep(now int64) {
	if k.swept == now {
		return
	}
	k.swept, k.rowsDue = now, true
	k.readAgain()
	var keys []rowKey
	for key := range k.b.state.inputs[booksName] {
		if r, ok := parseRowKey(key); ok {
			keys = append(keys, r)
		}
	}
	slices.SortFunc(keys, func(x, y rowKey) int { return int(x.minute - y.minute) })
	left, most := len(keys), k.b.opt.rows()
	var gone []rowKey
	hours := map[int64]bool{}
	for _, key := range keys {
		switch {
		case key.minute < now-rowsFor || left > 2*most && key.hour:
			gone = append(gone, key)
			left--
		case !key.hour && (key.minute < now-minutesFor || left > most && key.minute < now-1 ||
			hours[key.minute-key.minute%60]):
			// with all of the hour, so that no position is in both
			hours[key.minute-key.minute%60] = true
			left--
		}
	}
	k.mergeHours(hours, keys)
	for _, key := range gone {
		k.drop(key)
	}
	k.sweepSlots(hours, now)
	k.sweepNames(keys, gone)
}

// mergeHours makes rows of hours out of all rows of their minutes.
func (k *bookkeeper) mergeHours(hours map[int64]bool, keys []rowKey) {
	for _, key := range keys {
		if hour := key.minute - key.minute%60; !key.hour && hours[hour] {
			to := k.row(rowKey{hour, true, key.origin})
			to.Merge(k.row(key).Row)
			k.change(to)
			k.drop(key)
		}
	}
}

// drop forgets a row.
func (k *bookkeeper) drop(key rowKey) {
	if r := k.rows[key]; r != nil {
		r.isChanged = false
		delete(k.rows, key)
	}
	k.forget(key.String())
}

// sweepSlots makes one slot of an hour's, and forgets those that have no rows any more, but for the
// last one.
func (k *bookkeeper) sweepSlots(hours map[int64]bool, now int64) {
	b := k.b
	b.mu.Lock()
	defer b.mu.Unlock()
	var kept slots
	for i, s := range b.books.slots {
		hour := s.minute - s.minute%60
		last := i == len(b.books.slots)-1
		switch {
		case s.minute < now-rowsFor-60 && !last:
			k.forget(s.key('i'))
		case !s.hour && hours[hour]:
			k.forget(s.key('i'))
			if n := len(kept); n > 0 && kept[n-1].hour && kept[n-1].minute == hour {
				continue
			}
			s = slot{first: s.first, minute: hour, hour: true}
			if v, ok := k.stored(s.key('i')); ok { // what came after an earlier merge
				first, _ := binary.Uvarint(v)
				s.first = min(s.first, int64(first))
			}
			k.fresh[s.key('i')] = true
			k.set(s.key('i'), binary.AppendUvarint(nil, uint64(s.first)))
			kept = append(kept, s)
		default:
			kept = append(kept, s)
		}
	}
	k.unswept = unswept{b.books.slots, len(kept), map[string]uint32{}}
	b.books.slots = kept
}

// unsweep makes the sweep of a commit that was not stored undone, and due again.
func (k *bookkeeper) unsweep() {
	u := k.unswept
	if u.slots == nil {
		return
	}
	k.unswept, k.swept = unswept{}, 0
	maps.Copy(k.ids, u.ids)
	k.b.mu.Lock()
	defer k.b.mu.Unlock()
	l, later := u.slots, k.b.books.slots[u.kept:]
	for len(later) > 0 && later[0].minute/60 == l[len(l)-1].minute/60 &&
		later[0].minute <= l[len(l)-1].minute {
		later = later[1:]
	}
	k.b.books.slots = append(l, later...)
}

func (k *bookkeeper) sweepNames(keys, gone []rowKey) {
	if len(k.ids) < maxNames/2 {
		return
	}
	rows := map[uint32]int{}
	for _, key := range keys {
		rows[key.origin]++
	}
	for _, key := range gone {
		rows[key.origin]--
	}
	for name, id := range maps.Clone(k.ids) {
		if _, output := k.b.state.cursors[name]; rows[id] == 0 && !output {
			k.unswept.ids[name] = id
			delete(k.ids, name)
			delete(k.named, id)
			k.forget(nameKey(id))
		}
	}
}
