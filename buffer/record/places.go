package record

import "sort"

// Places tell where the records of a batch have stood in the log that they came from, where they
// have other offsets now, as when they come back from an object store. None: they stand there.
type Places []shift

// shift is how much less the offsets are, from one on, than the places are.
type shift struct{ from, by int64 }

// Add notes the place of a record. Offsets ascend.
func (p *Places) Add(offset, place int64) {
	by := place - offset
	if n := len(*p); n == 0 || (*p)[n-1].by != by {
		*p = append(*p, shift{offset, by})
	}
}

// Of returns the place of the record at an offset.
func (p Places) Of(offset int64) int64 {
	i := sort.Search(len(p), func(i int) bool { return p[i].from > offset })
	if i == 0 {
		return offset
	}
	return offset + p[i-1].by
}
