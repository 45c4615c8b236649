package buffer

import "sort"

const (
	markStep = 10   // milliseconds between two marks while there are few
	maxMarks = 1024 // then every second one goes, and the step doubles
)

// appendTimes knows when records were appended, to a step or so: the newest mark at or before a
// position says when its record was appended at the earliest. Buffer.mu guards it.
type appendTimes struct {
	marks []timeMark // ascending by first
	step  int64
}

type timeMark struct {
	first int64 // position of a record
	ms    int64 // when it was appended, wall clock in milliseconds
}

// add takes note of records being appended, or found on disk by a reader.
func (a *appendTimes) add(first, ms int64) {
	i := sort.Search(len(a.marks), func(i int) bool { return a.marks[i].first > first })
	if i > 0 {
		if before := a.marks[i-1]; before.first == first || ms-before.ms < max(a.step, markStep) {
			return
		}
	}
	a.marks = append(a.marks, timeMark{})
	copy(a.marks[i+1:], a.marks[i:])
	a.marks[i] = timeMark{first, ms}
	if len(a.marks) < maxMarks {
		return
	}
	kept := a.marks[:0]
	for i := 0; i < len(a.marks); i += 2 {
		kept = append(kept, a.marks[i])
	}
	a.marks, a.step = kept, 2*max(a.step, markStep)
}

// at returns when the record at pos was appended, 0 if that is not known.
func (a *appendTimes) at(pos int64) int64 {
	i := sort.Search(len(a.marks), func(i int) bool { return a.marks[i].first > pos })
	if i == 0 {
		return 0
	}
	return a.marks[i-1].ms
}

// trim forgets what is before pos.
func (a *appendTimes) trim(pos int64) {
	n := sort.Search(len(a.marks), func(i int) bool { return a.marks[i].first > pos }) - 1
	if n > 0 {
		a.marks = a.marks[n:]
	}
	if len(a.marks) <= 1 {
		a.step = markStep
	}
}
