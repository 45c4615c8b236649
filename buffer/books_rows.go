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
	id   rowKey
	said int // where what the next group says of it begins, if it says something

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
	k.forgetRecent()
	k.slot, k.lastOrigin = slot{}, nil
}

// remember has recall know the row of a batch.
func (k *bookkeeper) remember(first int64, origin string, r *bookRow) {
	n := len(k.recent)
	switch {
	case n > 0 && k.recent[n-1].first >= first: // it is built once more
		k.forgetRecent()
	case n >= mostRecent:
		left := copy(k.recent, k.recent[n/2:])
		clear(k.recent[left:])
		k.recent, k.forgotten = k.recent[:left], k.forgotten+n/2
	}
	k.recent = append(k.recent, recentRow{first, origin, r})
}

func (k *bookkeeper) forgetRecent() {
	k.forgotten += len(k.recent)
	clear(k.recent)
	k.recent = k.recent[:0]
}

// recall returns the row of the batch at first, if it is remembered, and where the next batch is
// likely to be, of all that were remembered ever. It looks at i at first.
func (k *bookkeeper) recall(first int64, origin string, i int) (r *bookRow, next int) {
	i -= k.forgotten
	if i < 0 || i >= len(k.recent) || k.recent[i].first != first {
		ok := false
		i, ok = slices.BinarySearchFunc(k.recent, first, func(r recentRow, first int64) int {
			return cmp.Compare(r.first, first)
		})
		if !ok {
			return nil, i + k.forgotten
		}
	}
	if c := &k.recent[i]; c.origin == origin {
		return c.row, i + 1 + k.forgotten
	}
	return nil, i + k.forgotten
}

// rowOf returns the row of an origin, which is made if there is none.
func (k *bookkeeper) rowOf(s slot, origin string) *bookRow {
	last := k.lastOrigin
	if last != nil && last.next != nil && last.next.slot == s && last.next.name == origin {
		k.lastOrigin = last.next
		return last.next.row
	}
	o := k.origins[origin]
	if o == nil || o.slot != s {
		k.storeSlot(s)
		id := k.name(origin, false)
		r := k.row(rowKey{s.minute, s.hour, id})
		if id == 0 {
			return r
		}
		if o == nil {
			o = &bookOrigin{name: origin}
			k.origins[origin] = o
		}
		o.slot, o.row = s, r
	}
	if last != nil {
		last.next = o
	}
	k.lastOrigin = o
	return o.row
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
	r := &bookRow{id: key, key: name}
	r.Row, _ = tally.ParseRow(p)
	k.rows[key] = r
	return r
}

// row returns a row, which is made if there is none.
func (k *bookkeeper) row(key rowKey) *bookRow {
	r := k.find(key)
	if r == nil {
		r = &bookRow{id: key, key: key.String()}
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
