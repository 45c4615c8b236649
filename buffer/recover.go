package buffer

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// lostJump is how far positions jump when the newest data is gone, so that no position is used
// twice.
const lostJump = 1 << 20

// found is a segment directory as it was found.
type found struct {
	segment
	sealed bool
	birth  int64  // position at birth: with the number, the order of segments
	seq    uint64 // of the first group
	// durable is what the first group of a sealed segment says of those before it.
	durable uint64
	size    int64 // of the value log up to the end of the last good group
	torn    bool  // an unacknowledged end was cut off
	err     error // damage
	unused  bool  // opened ahead and never written
	gone    bool  // nothing readable

	// where the groups begin of which something is in no row of the books, 0: not in this segment;
	// and the position that all before them goes up to
	uncounted, countedTo int64
	counted              bool // all rows are in one of its groups

	items []item // of an unsealed segment, until resolved
}

// item is a group, or a stretch without one, of an unsealed segment's value log.
type item struct {
	entry
	next         int64
	err          error // did not read back
	endsWithFile bool  // because the file ends
}

// inspectDir looks at every segment in dir, without changing anything, and returns them in order.
func inspectDir(dir string) (segs []*found, heads int, err error) {
	names, err := os.ReadDir(dir)
	if err != nil {
		return nil, 0, err
	}
	for _, d := range names {
		name := d.Name()
		isHead := strings.HasPrefix(name, "head-")
		n, perr := strconv.ParseInt(strings.TrimPrefix(name, "head-"), 10, 64)
		if perr != nil || !d.IsDir() {
			continue
		}
		f := &found{birth: n}
		f.dir = filepath.Join(dir, name)
		if isHead {
			heads = max(heads, int(n))
		}
		if err := f.load(isHead); err != nil {
			return nil, 0, err
		}
		segs = append(segs, f)
	}
	var durable uint64
	for _, f := range segs {
		for i := range f.items {
			durable = max(durable, f.items[i].durable)
		}
		durable = max(durable, f.durable)
	}
	for _, f := range segs {
		f.resolve(durable)
	}
	slices.SortFunc(segs, func(x, y *found) int {
		switch {
		case x.birth != y.birth:
			return int(min(max(x.birth-y.birth, -1), 1))
		case x.seq < y.seq:
			return -1
		}
		return 1
	})
	// What a segment holds beyond the birth of the next one was never acknowledged: its writer had
	// failed.
	for i, f := range segs {
		for _, g := range segs[i+1:] {
			if !g.gone && !g.unused && g.birth < f.end {
				f.end = g.birth
			}
		}
	}
	return segs, heads, nil
}

// load finds out what a segment holds: by its seal, or else by reading all of it. Errors are about
// access, not about damage.
func (f *found) load(isHead bool) error {
	sl, err := readSeal(f.dir)
	switch {
	case err == nil:
		f.first, f.end, f.records = sl.First, sl.End, sl.Records
		f.appended, f.size, f.sealed = sl.Appended, sl.Size, true
		f.birth = sl.First
	case !errors.Is(err, fs.ErrNotExist):
		f.err = err
	}
	file, err := os.Open(filepath.Join(f.dir, vlogName))
	if errors.Is(err, fs.ErrNotExist) {
		f.unused = isHead && !f.sealed && !f.wasUsed()
		f.gone = !f.unused
		f.err = fmt.Errorf("%w: %s is missing", ErrCorrupt, vlogName)
		return nil
	} else if err != nil {
		return err
	}
	defer file.Close()
	fi, err := file.Stat()
	if err != nil {
		return err
	}
	if f.sealed {
		if fi.Size() < f.size {
			f.err = fmt.Errorf(
				"%w: %s has %d bytes, want %d", ErrCorrupt, vlogName, fi.Size(), f.size,
			)
			f.gone = fi.Size() <= vlogHeaderSize
		}
		if e, _, err := readEntryAt(file, vlogHeaderSize); err == nil {
			f.seq, f.durable = e.seq, e.durable
		}
		return nil
	}
	sealErr := f.err
	f.scan(file, fi.Size())
	if len(f.items) == 0 {
		// A kill in the middle of the copy into the mapped file leaves a part of the first group,
		// not even its beginning. The log of the memtable is written after the whole group is
		// there, so it tells this from damage.
		f.unused = isHead && sealErr == nil && !f.wasUsed()
		f.gone = !f.unused
		if f.err == nil {
			f.err = fmt.Errorf("%w: no group is readable", ErrCorrupt)
		}
	}
	return nil
}

// scan reads and checks every group. A crash leaves the file longer than what was written, never
// shorter.
func (f *found) scan(file *os.File, size int64) {
	off := int64(vlogHeaderSize)
	readable := false
	for {
		e, next, err := readEntryAt(file, off)
		if err != nil {
			after, resume, ferr := findEntry(file, off)
			if ferr != nil && errors.Is(err, errVlogEnd) {
				break
			}
			f.items = append(
				f.items, item{next: off, err: err, endsWithFile: ferr != nil && size-off < 4096},
			)
			if ferr != nil {
				break
			}
			e, next = after, resume
		}
		it := item{entry: e, next: next, endsWithFile: next > size}
		if p, err := e.readAt(file); err != nil {
			it.err = err
		} else {
			_, _, _, it.err = decodeGroup(p)
		}
		f.items = append(f.items, it)
		readable = true
		off = next
	}
	if !readable && len(f.items) > 0 {
		f.err = errors.Join(f.err, f.items[0].err)
		f.items = nil
	}
}

// resolve decides which end of an unsealed segment was never acknowledged and is cut off, and what
// is damage. A group that does not read back was acknowledged if a later one says so.
func (f *found) resolve(durable uint64) {
	if f.items == nil {
		return
	}
	var last uint64
	for i, it := range f.items {
		if it.err != nil {
			seq := it.seq
			if seq == 0 {
				seq = last + 1
			}
			if seq > durable && !it.endsWithFile {
				f.torn = true
				break
			}
			f.err = errors.Join(f.err, it.err)
		}
		if it.seq == 0 {
			continue // without a header
		}
		if last == 0 {
			f.birth, f.seq, f.first, f.end = it.first, it.seq, it.first, it.first
		}
		last = it.seq
		f.size = it.next
		f.end = max(f.end, it.end())
		f.records += int64(it.records)
		if it.records > 0 && f.appended == 0 {
			f.appended = f.items[i].entry.appended
		}
	}
	f.items = nil
	if last == 0 {
		f.unused = f.torn // killed while it was begun
		f.gone = !f.unused
	}
}

// wasUsed reports whether a group was ever completed in a segment without a readable one.
func (f *found) wasUsed() bool {
	nonzero := func(file *os.File) bool {
		var p [256]byte
		n, _ := file.ReadAt(p[:], vlogHeaderSize)
		return len(bytes.Trim(p[:n], "\x00")) > 0
	}
	if wal, err := os.Open(filepath.Join(f.dir, walName)); err == nil {
		defer wal.Close()
		if nonzero(wal) {
			return true
		}
	}
	table, err := os.Stat(filepath.Join(f.dir, tableName)) // of a release that wrote it
	return err == nil && table.Size() > 0
}

// replay brings st up to this segment's end and returns the number of the last group. full reports
// whether the whole state was found. damage is what did not read back; err is about access.
func (f *found) replay(d disk, st **state) (seq uint64, full bool, damage, err error) {
	file, err := d.openToRead(filepath.Join(f.dir, vlogName))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, false, err, nil
	} else if err != nil {
		return 0, false, nil, err
	}
	defer file.Close()
	f.uncounted, f.countedTo, f.counted = 0, 0, false
	var errs []error
	end := f.first
	for off := int64(vlogHeaderSize); f.size == 0 || off < f.size; {
		e, next, err := readEntryAt(file, off)
		if err != nil {
			errs = append(errs, err)
			if e, next, err = findEntry(file, off); err != nil || f.size > 0 && e.off >= f.size {
				break
			}
		}
		begin := off
		off = next
		seq = max(seq, e.seq)
		changes, err := e.readMetaAt(file)
		if err == nil && e.flags&flagUncounted == 0 {
			f.uncounted, f.counted = 0, true
		} else if f.uncounted == 0 {
			f.uncounted, f.countedTo = begin, end
		}
		end = max(end, e.end())
		if err == nil {
			if e.flags&flagFullState != 0 {
				*st, full = newState(), true
			}
			err = (*st).replay(changes)
		}
		if err != nil {
			errs = append(errs, err)
		}
	}
	return seq, full, errors.Join(errs...), nil
}

// recoverState reads the state from the newest segment; where that is damaged, from the one before
// and what is readable since.
func recoverState(d disk, segs []*found) (st *state, seq uint64, whole bool, err error) {
	for i := len(segs) - 1; i >= 0; i-- {
		st, whole = newState(), false
		for _, f := range segs[i:] {
			n, full, damage, err := f.replay(d, &st)
			if err != nil {
				return nil, 0, false, err
			}
			seq = max(seq, n)
			whole = whole || full
			if damage != nil && f.err == nil {
				f.err = damage
			}
		}
		if whole {
			if err := countFound(d, segs[i:], st); err != nil {
				return nil, 0, false, err
			}
			return st, seq, true, nil
		}
	}
	return newState(), seq, len(segs) == 0, nil
}

// countFound counts what is in no row of the books.
func countFound(d disk, segs []*found, st *state) error {
	from := len(segs) - 1
	for from > 0 && !segs[from].counted {
		from--
	}
	u := newUncounted(st)
	for _, f := range segs[from:] {
		if f.uncounted == 0 {
			continue
		}
		if err := u.of(f, d); err != nil {
			return err
		}
	}
	u.mergeUnknown()
	return nil
}

// recover brings the chain into memory and begins a new head. Where there is no room for one the
// writer may be without, as Options.OpenFull says.
func (b *Buffer) recover() (*writer, error) {
	if err := b.dir.emptyTrash(); err != nil {
		return nil, err
	}
	segs, heads, lostNewest, err := b.inventory()
	if err != nil {
		return nil, err
	}
	st, seq, whole, err := recoverState(b.dir.disk, segs)
	if err != nil {
		return nil, err
	}
	if !whole {
		b.opt.Log.Error(
			"buffer: no segment holds the whole state; inputs and outputs begin again where they do without one",
			"dir", b.dir.path,
		)
	}
	if !b.opt.noBooks {
		st.identify(!whole || len(segs) == 0, b.opt.clock())
	}
	b.takeOver(st, segs, lostNewest)
	w := newWriter(b, heads, seq+maxGroups) // groups that did not read back have had numbers too
	err = w.roll()
	if errors.Is(err, errNoSpace) && b.dir.giveReserve() {
		err = w.roll()
	}
	if errors.Is(err, errNoSpace) && b.opensFull() {
		b.headless = true
		w.outOfSpace(err)
		return w, nil
	}
	if err != nil {
		err = errors.Join(err, w.ahead.discard())
		b.chain.bg.Wait() // for what was abandoned
		return nil, err
	}
	b.dir.holdReserve()
	b.mu.Lock()
	empty := b.chain.unlinkEmpty()
	b.toMemory(time.Now())
	b.mu.Unlock()
	b.chain.remove(empty...)
	return w, nil
}

// opensFull reports whether the buffer is opened without a head, where there is no room for one: it
// holds something to be read, and nobody need store a thing before they read.
func (b *Buffer) opensFull() bool {
	return b.opt.OpenFull && len(b.chain.segs) > 0 && !b.cursors.unresolved.any()
}

// inventory returns the segments in which something is readable, in order, and the newest number of
// a head directory. What was never written is removed, and what is not readable is moved aside;
// lostNewest reports whether that may have been the newest data.
func (b *Buffer) inventory() (segs []*found, heads int, lostNewest bool, err error) {
	all, heads, err := inspectDir(b.dir.path)
	if err != nil {
		return nil, 0, false, err
	}
	for i, f := range all {
		switch {
		case f.unused:
			if err = b.dir.remove(f.dir); isFull(err) {
				err = nil // it stays what it is: the next start removes it
			}
		case f.gone:
			b.chain.damage(&f.segment, f.err, f.first, f.end)
			err = b.dir.moveAside(f.dir)
			lostNewest = lostNewest || i == len(all)-1 || !f.sealed
		default:
			segs = append(segs, f)
			f.sealRecovered(b)
		}
		if err != nil {
			return nil, 0, false, err
		}
	}
	return segs, heads, lostNewest, nil
}

// takeOver fills the chain with segs, and goes on where they, and the state, end.
func (b *Buffer) takeOver(st *state, segs []*found, lostNewest bool) {
	b.state = st
	for i, f := range segs {
		if f.err != nil {
			b.chain.damage(&f.segment, f.err, 0, 0)
			lostNewest = lostNewest || i == len(segs)-1
		}
		b.chain.add(&f.segment)
		b.end = max(b.end, f.end)
		if f.records > 0 {
			b.cursors.unresolved.found = max(b.cursors.unresolved.found, f.end)
		}
	}
	for _, c := range st.cursors {
		b.end = max(b.end, c.pos)
	}
	if lostNewest {
		b.end += lostJump
	}
	b.end = max(b.end, st.reserved)
	b.assigned, b.disk = b.end, b.end
	if st.reserved = 0; b.opt.Spill {
		st.reserved = b.end + reserveAhead
	}
	b.cursors.unresolved.begin(st.prepared)
	b.books.load(st)
}

// sealRecovered seals a segment that its writer has left behind, and gives back what was allocated
// ahead. A full disk or a damaged segment leaves it as it is.
func (f *found) sealRecovered(b *Buffer) {
	if !f.sealed && f.err == nil {
		path := filepath.Join(f.dir, vlogName)
		if f.torn {
			b.opt.Log.Warn(
				"buffer: the last write before the crash was incomplete; it had not been acknowledged and is cut off",
				"segment", f.dir,
			)
		}
		err := os.Truncate(path, f.size)
		if err == nil {
			err = f.writeSeal(b.dir.disk, f.dir)
		}
		if err == nil {
			err = b.chain.rename(&f.segment)
		}
		if err != nil {
			b.opt.Log.Warn(
				"buffer: cannot seal a segment found after a crash; it is read all the same",
				"error", err, "segment", f.dir,
			)
		}
	}
	f.disk = diskUsage(f.dir)
}
