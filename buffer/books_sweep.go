package buffer

import (
	"encoding/binary"
	"maps"
	"sort"
)

// unswept is what a sweep has changed that no group holds.
type unswept struct {
	slots slots // all, as they were; nil: there was no sweep
	kept  int   // how many they have become
	ids   map[string]uint32
}

// sweep merges minutes into hours and forgets what is old, once a minute.
func (k *bookkeeper) sweep(now int64) {
	if k.swept == now {
		return
	}
	k.swept, k.rowsDue = now, true
	k.forgetRows()
	var keys []rowKey
	for key := range k.b.state.inputs[booksName] {
		if r, ok := parseRowKey(key); ok {
			keys = append(keys, r)
		}
	}
	sort.Slice(keys, func(i, j int) bool { return keys[i].minute < keys[j].minute })
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
	merged := map[*bookRow]bool{}
	for _, key := range keys {
		if hour := key.minute - key.minute%60; !key.hour && hours[hour] {
			to := k.row(rowKey{hour, true, key.origin})
			to.Row.Merge(k.row(key).Row) // nobody else has it: it was not published
			merged[to] = true
			k.drop(key)
		}
	}
	for r := range merged {
		k.chg = append(k.chg, r.change(r.Row))
	}
}

// drop forgets a row.
func (k *bookkeeper) drop(key rowKey) {
	delete(k.rows, key)
	k.gone[key] = true
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
