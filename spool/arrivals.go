package spool

import "slices"

// arrivals are rows of small files, one behind the other as they came. Where there are many files,
// each row would else be written to memory that no cache has, and every file keep memory that is
// half empty. What is here of a file came after what is in its own buffer.
type arrivals struct {
	segments [][]byte // that take no more, but for the last
	rows     []arrival

	sorted []place  // of rows, by their files; see sort
	starts []uint32 // in sorted, by the number of the file

	touched int // keeps what only fetches memory from being no work at all
}

// arrival is one row.
type arrival struct {
	file uint32 // its number, or noFile
	place
}

// place is where a row lies.
type place struct{ segment, off, n uint32 }

const (
	noFile      = ^uint32(0)
	segmentSize = 128 << 10 // of all but the first, which are smaller, and those of a longer row
	arrivalSize = 16 + 12   // of memory for each row, with its place when they are sorted
)

// behind returns what the next row comes behind, nil if there is no room for n bytes more.
func (a *arrivals) behind(n int) []byte {
	if i := len(a.segments) - 1; i >= 0 && cap(a.segments[i])-len(a.segments[i]) > n {
		return a.segments[i]
	}
	return nil
}

// add takes the next row, which may lie already where it belongs.
func (a *arrivals) add(p *bufferPool, file uint32, row []byte) {
	last := len(a.segments) - 1
	if last < 0 || cap(a.segments[last])-len(a.segments[last]) < len(row) {
		last++
		size := segmentSize >> max(0, 5-last)
		a.segments = append(a.segments, p.get(max(size, len(row))))
	}
	s := &a.segments[last]
	at := place{uint32(last), uint32(len(*s)), uint32(len(row))}
	*s = appendInPlace(*s, row)
	a.rows = append(a.rows, arrival{file, at})
}

// held returns the memory that they take.
func (a *arrivals) held() int {
	n := cap(a.rows) * arrivalSize
	for _, s := range a.segments {
		n += cap(s)
	}
	return n
}

// sort finds the rows of each of so many files.
func (a *arrivals) sort(files int) {
	a.starts = append(a.starts[:0], make([]uint32, files+1)...)
	for i := range a.rows {
		if f := a.rows[i].file; f != noFile {
			a.starts[f+1]++
		}
	}
	for i := range files {
		a.starts[i+1] += a.starts[i]
	}
	a.sorted = slices.Grow(a.sorted[:0], cap(a.rows))[:a.starts[files]]
	for i := range a.rows {
		if r := &a.rows[i]; r.file != noFile {
			a.sorted[a.starts[r.file]] = r.place
			a.starts[r.file]++
		}
	}
	// Each has become the start of the next file.
	copy(a.starts[1:], a.starts[:files])
	a.starts[0] = 0
}

// of returns where the rows of a file lie, as they were sorted.
func (a *arrivals) of(file uint32) []place { return a.sorted[a.starts[file]:a.starts[file+1]] }

func (a *arrivals) row(p place) []byte {
	return a.segments[p.segment][p.off:][:p.n]
}

// appendOf appends the rows of a file, as they were sorted.
func (a *arrivals) appendOf(dst []byte, file uint32) []byte {
	for _, p := range a.of(file) {
		dst = append(dst, a.row(p)...)
	}
	return dst
}

// fetch has what appendOf reads fetched from memory, all at once.
func (a *arrivals) fetch(file uint32) {
	for _, p := range a.of(file) {
		a.touched += touch(a.row(p))
	}
}

// touch reads b, so that it is in a cache.
func touch(b []byte) (sum int) {
	const line = 64
	for i := 0; i < len(b); i += line {
		sum += int(b[i])
	}
	return sum
}

// take appends the rows of a file, which are not here any more.
func (a *arrivals) take(dst []byte, file uint32) []byte {
	for i := range a.rows {
		if r := &a.rows[i]; r.file == file {
			dst = append(dst, a.row(r.place)...)
			r.file = noFile
		}
	}
	return dst
}

// drop forgets the rows of files that are gone.
func (a *arrivals) drop(gone func(file uint32) bool) {
	for i := range a.rows {
		if r := &a.rows[i]; r.file != noFile && gone(r.file) {
			r.file = noFile
		}
	}
}

// giveBack empties a. What says where rows are is kept, unless that is much: of short rows it is
// most of the memory.
func (a *arrivals) giveBack(p *bufferPool) {
	all := a.held()
	for i, s := range a.segments {
		p.put(s)
		a.segments[i] = nil
	}
	a.segments, a.rows, a.sorted = a.segments[:0], a.rows[:0], a.sorted[:0]
	if a.held() > all/4 {
		a.rows, a.sorted = nil, nil
	}
}

// appendInPlace appends p to b, behind which it may lie already.
func appendInPlace(b, p []byte) []byte {
	n := len(b)
	if len(p) > 0 && cap(b)-n >= len(p) && &b[:n+1][n] == &p[0] {
		return b[:n+len(p)]
	}
	return append(b, p...)
}
