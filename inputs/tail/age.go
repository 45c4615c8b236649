package tail

import (
	"cmp"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// sortByAge orders what was seen in one look by when it was last written, and notes that time in each sight.
//
// The time is the file's own, except that a file which rotation has not renamed is the newest, and that a compressed file is older than what
// has a newer number or date in its name: not everybody who compresses keeps the time.
func (m *manager) sortByAge(list []sight) {
	families := map[string][]relative{}
	for i := range list {
		family := familyOf(list[i].path)
		families[family] = append(families[family], relativeOf(list[i].path, list[i].fi.mtime, &list[i]))
	}
	now := time.Now().UnixNano()
	for family, members := range families {
		for f := range m.families[family] {
			// Names are known as of the last look at them, and may have passed on since.
			if fi, err := statPath(f.where()); err == nil && len(f.m.names) > 0 && fi.is(f.id, f.birth) {
				members = append(members, relativeOf(f.where(), f.m.at, nil))
			}
		}
		date(members, now)
	}
	slices.SortFunc(list, func(a, b sight) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.fi.birth, b.fi.birth), cmp.Compare(rotations(b.path), rotations(a.path)), cmp.Compare(a.path, b.path))
	})
}

// relative is one generation of a log among the others.
type relative struct {
	at         int64
	number     []int // of its name: {2} for app.log.2, {2026, 1, 31} for app.log-2026-01-31; nil for words such as old
	live       bool  // rotation has not renamed it
	compressed bool
	sight      *sight // nil if it is in the table already
}

func relativeOf(path string, at int64, s *sight) relative {
	base := filepath.Base(path)
	name := uncompressedName(base)
	suffix := rotationSuffix(name)
	r := relative{at: at, sight: s, live: suffix == "" && name == base, compressed: name != base}
	for _, digits := range strings.FieldsFunc(suffix, func(c rune) bool { return c < '0' || c > '9' }) {
		n, err := strconv.Atoi(digits)
		if err != nil {
			break
		}
		r.number = append(r.number, n)
	}
	return r
}

// date gives each sight among members its time.
func date(members []relative, now int64) {
	newest := now
	var numbered []*relative
	for i := range members {
		r := &members[i]
		switch {
		case r.live && r.sight != nil:
			r.at = now
		case r.live:
			newest = min(newest, r.at)
		case r.number != nil:
			numbered = append(numbered, r)
		}
	}
	slices.SortFunc(numbered, func(a, b *relative) int { return slices.Compare(a.number, b.number) })
	if numbersGrow(numbered) {
		slices.Reverse(numbered)
	}
	limit := newest
	for _, r := range numbered { // the newest first
		if r.sight != nil && (r.compressed || r.at == limit) {
			r.at = min(r.at, limit-1)
		}
		limit = min(limit, r.at)
	}
	for _, r := range members {
		if r.sight == nil {
			continue
		}
		if !r.live {
			r.at = min(r.at, newest-1)
		}
		r.sight.at = r.at
	}
}

// numbersGrow tells whether a larger number means a newer file, as it does for dates and for loggers that count up; logrotate counts the rotations
// that a file has been through. numbered is in ascending order. Times decide, and that the older of two files is compressed first.
func numbersGrow(numbered []*relative) bool {
	grow := 0
	for i, r := range numbered {
		if len(r.number) > 1 || r.number[0] > 99999 {
			return true
		}
		for _, s := range numbered[max(0, i-50):i] {
			switch {
			case r.compressed == s.compressed:
				grow += cmp.Compare(r.at, s.at)
			case s.compressed:
				grow++
			default:
				grow--
			}
		}
	}
	return grow > 0
}

// familyOf returns what the generations of a log have in common: their directory and their name but for what rotation adds.
func familyOf(path string) string { return filepath.Dir(path) + "/" + rotationStem(path) }
