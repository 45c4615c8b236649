package buffer

import (
	"cmp"
	"encoding/binary"
	"errors"
	"io/fs"
	"maps"
	"math/bits"
	"path/filepath"
	"slices"

	"github.com/penstock/penstock/buffer/record/tally"
)

// Rows are written once a minute, and with the state that begins a segment. The groups in between
// have flagUncounted: what their batches bring is found in them, and they say what else is to be
// added to which rows. So what is counted is as durable as what it is of.
//
// What is to be added is runs of rows that have the same minute, output and stages:
//
//	minute<<1|hour | output | stages, a bit each | rows | of each: origin, records, bytes

// addition is what is to be added to a row, for stages that have the same.
type addition struct {
	row    *bookRow
	output uint32
	stages uint16
	tally.Count
}

func (a *addition) addTo(row *tally.Row) {
	for stages := a.stages; stages != 0; stages &= stages - 1 {
		row.Add(a.output, tally.Stage(bits.TrailingZeros16(stages)), a.Count)
	}
}

// inRun reports whether two additions are of one run.
func (a *addition) inRun(o *addition) bool {
	return a == o || a.stages == o.stages && a.output == o.output &&
		a.row.id.minute == o.row.id.minute && a.row.id.hour == o.row.id.hour
}

func (a *addition) compare(o *addition) int {
	x, y := &a.row.id, &o.row.id
	switch {
	case x.minute != y.minute:
		return cmp.Compare(x.minute, y.minute)
	case x.hour != y.hour && x.hour:
		return 1
	case x.hour != y.hour:
		return -1
	}
	return cmp.Or(cmp.Compare(a.output, o.output), cmp.Compare(a.stages, o.stages))
}

// appendAdditions appends additions as a change has them; nothing if there are none.
func appendAdditions(dst []byte, list []addition) []byte {
	for i := range list {
		if !list[i].inRun(&list[0]) {
			list = slices.Clone(list)
			slices.SortFunc(list, func(x, y addition) int { return x.compare(&y) })
			break
		}
	}
	for len(list) > 0 {
		first, rows := &list[0], 1
		for rows < len(list) && first.inRun(&list[rows]) {
			rows++
		}
		minute := uint64(first.row.id.minute) << 1
		if first.row.id.hour {
			minute |= 1
		}
		for _, n := range [...]uint64{
			minute, uint64(first.output), uint64(first.stages), uint64(rows),
		} {
			dst = binary.AppendUvarint(dst, n)
		}
		for i := range list[:rows] {
			a := &list[i]
			dst = binary.AppendUvarint(dst, uint64(a.row.id.origin))
			dst = binary.AppendUvarint(dst, uint64(a.Records))
			dst = binary.AppendUvarint(dst, uint64(a.Bytes))
		}
		list = list[rows:]
	}
	return dst
}

// addCounts adds what appendAdditions has written.
func (s *state) addCounts(p []byte) {
	next := func() uint64 {
		n, w := binary.Uvarint(p)
		if w <= 0 {
			p = nil
			return 0
		}
		p = p[w:]
		return n
	}
	for len(p) > 0 {
		minute, output, stages := next(), uint32(next()), next()
		for n := next(); n > 0 && len(p) > 0; n-- {
			row := rowKey{int64(minute >> 1), minute&1 != 0, uint32(next())}
			s.addToRow(row, output, stages, tally.Count{
				Records: int64(next()), Bytes: int64(next()),
			})
		}
	}
}

func (s *state) addToRow(key rowKey, output uint32, stages uint64, n tally.Count) {
	name := key.String()
	row, _ := tally.ParseRow(s.inputs[booksName][name])
	for stage := range tally.Stage(tally.Stages) {
		if stages>>stage&1 != 0 {
			row.Add(output, stage, n)
		}
	}
	s.apply(&change{
		kind: changePosition, name: booksName, key: name, value: row.Append(nil),
	})
}

// uncounted finds, in groups, what is not counted in the state.
type uncounted struct {
	st      *state
	slots   slots
	numbers map[string]uint32
	pos     int64 // everything before it is counted
}

func newUncounted(st *state) *uncounted {
	return &uncounted{st: st, slots: slotsOf(st), numbers: numbersOf(namesOf(st))}
}

// add counts the records of one origin from position first on.
func (u *uncounted) add(first int64, origin uint32, n tally.Count) {
	if s, ok := u.slots.at(first); ok && n.Records > 0 {
		u.st.addToRow(
			rowKey{s.minute, s.hour, origin}, 0, 1<<tally.Read|1<<tally.Buffered, n,
		)
	}
}

// of counts what the groups from f.uncounted on have brought. What does not read back was there: it
// is counted, for all origins together.
func (u *uncounted) of(f *found, d disk) error {
	file, err := d.openToRead(filepath.Join(f.dir, vlogName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	defer file.Close()
	u.pos = f.countedTo
	for off := f.uncounted; f.size == 0 || off < f.size; {
		e, next, err := readEntryAt(file, off)
		isDamaged := err != nil
		if isDamaged {
			if e, next, err = findEntry(file, off); err != nil || f.size > 0 && e.off >= f.size {
				break
			}
		}
		off = next
		if e.first >= f.end && e.records > 0 {
			continue // it was not acknowledged, and came again
		}
		if isDamaged {
			u.add(u.pos, 0, tally.Count{Records: e.first - u.pos})
		}
		u.pos = max(u.pos, e.end())
		left := int64(e.records)
		if p, err := e.readAt(file); err == nil {
			_, batches, _, _ := decodeGroup(p)
			for _, b := range batches {
				n := tally.Count{Records: b.End - b.First, Bytes: int64(b.Size())}
				u.add(b.First, u.numbers[b.Origin], n)
				left -= n.Records
			}
		}
		u.add(e.first, 0, tally.Count{Records: left})
	}
	return nil
}

// mergeUnknown counts with all others what has lost the name of its origin, and with the time
// before what has lost its time: the groups that told these did not read back. What comes after
// them is counted so, too.
func (u *uncounted) mergeUnknown() {
	names, known := namesOf(u.st), map[slot]bool{}
	for _, s := range u.slots {
		known[slot{minute: s.minute, hour: s.hour}] = true
	}
	for name, value := range maps.Clone(u.st.inputs[booksName]) {
		key, ok := parseRowKey(name)
		if !ok {
			continue
		}
		to := key
		if _, ok := names[key.origin]; !ok {
			to.origin = 0
		}
		if !known[slot{minute: key.minute, hour: key.hour}] {
			for _, s := range u.slots {
				if s.minute <= key.minute {
					to.minute, to.hour = s.minute, s.hour
				}
			}
		}
		if to == key {
			continue
		}
		row, _ := tally.ParseRow(value)
		for _, c := range row {
			u.st.addToRow(to, c.Output, 1<<c.Stage, c.Count)
		}
		u.st.apply(&change{kind: changeForget, name: booksName, key: name})
	}
}
