package buffer

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/penstock/penstock/buffer/record/tally"
)

// recentRow is where a batch is counted.
type recentRow struct {
	first  int64
	origin string
	row    *bookRow
}

type rowKey struct {
	minute int64
	hour   bool
	origin uint32
}

// bookRow is a row, and what is to be added to it.
type bookRow struct {
	id        rowKey
	isGrouped bool      // the next group says something of it:
	group     tally.Row // this
	groupMem  [4]tally.Cell

	tally.Row // but for what the journal adds; Buffer.mu guards it
	key       string
	isStale   bool // the state has an older one
	// since there was a group with all rows, another one has said something of it
	isUnwritten bool
}

// mostRecent is of how many batches the rows are remembered; half of them are when there are more.
const mostRecent = 512

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

// forgetRows forgets what is remembered of rows, which are looked for in the state then.
func (k *bookkeeper) forgetRows() {
	k.b.mu.Lock()
	k.store()
	k.b.mu.Unlock()
	clear(k.rows)
	clear(k.origins)
	clear(k.recent)
	k.recent, k.slot = k.recent[:0], slot{}
}

// remember has recall know the row of a batch.
func (k *bookkeeper) remember(first int64, origin string, r *bookRow) {
	n := len(k.recent)
	switch {
	case n > 0 && k.recent[n-1].first >= first: // it is built once more
		clear(k.recent)
		k.recent = k.recent[:0]
	case n >= mostRecent:
		left := copy(k.recent, k.recent[n/2:])
		clear(k.recent[left:])
		k.recent = k.recent[:left]
	}
	k.recent = append(k.recent, recentRow{first, origin, r})
}

// recall returns the row of the batch at first, if it is remembered, and where the next batch is
// likely to be. It looks at i at first.
func (k *bookkeeper) recall(first int64, origin string, i int) (r *bookRow, next int) {
	if i >= len(k.recent) || k.recent[i].first != first {
		ok := false
		i, ok = slices.BinarySearchFunc(k.recent, first, func(r recentRow, first int64) int {
			return cmp.Compare(r.first, first)
		})
		if !ok {
			return nil, i
		}
	}
	if c := &k.recent[i]; c.origin == origin {
		return c.row, i + 1
	}
	return nil, i
}

// rowOf returns the row of an origin, which is made if there is none.
func (k *bookkeeper) rowOf(s slot, origin string) *bookRow {
	o := k.origins[origin]
	if o != nil && o.slot == s {
		return o.row
	}
	k.storeSlot(s)
	id := k.name(origin, false)
	r := k.row(rowKey{s.minute, s.hour, id})
	switch {
	case o != nil:
		o.slot, o.row = s, r
	case id != 0:
		k.origins[origin] = &bookOrigin{s, r}
	}
	return r
}

func newBookRow(id rowKey, key string) *bookRow {
	r := &bookRow{id: id, key: key}
	r.group = r.groupMem[:0]
	return r
}

// find returns a row; nil if there is none.
func (k *bookkeeper) find(key rowKey) *bookRow {
	if r := k.rows[key]; r != nil {
		return r
	}
	name := key.String()
	p, ok := k.stored(name)
	if !ok || k.gone[key] {
		return nil
	}
	r := newBookRow(key, name)
	r.Row, _ = tally.ParseRow(p)
	k.rows[key] = r
	return r
}

// row returns a row, which is made if there is none.
func (k *bookkeeper) row(key rowKey) *bookRow {
	r := k.find(key)
	if r == nil {
		r = newBookRow(key, key.String())
		k.rows[key] = r
	}
	return r
}

// change is the one that stores row as r.
func (r *bookRow) change(row tally.Row) change {
	return change{
		kind: changePosition, name: booksName, key: r.key, value: row.Append(nil),
	}
}
