package tail

import (
	"cmp"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// The order of a source is that in which its lines were written, and is decided here and nowhere
// else: of the generations that are to be read, again whenever there are new ones. In this order of
// weight:
//
//  1. What was begun goes first: that is done.
//  2. What stands under the source's own name goes last.
//  3. What has been decided stays, for names pass on and files are removed.
//  4. Of two that were seen under the source's own name, the one seen there later is newer.
//  5. The numbers or dates that rotation has put into the names, as they are now.
//  6. What was found in one look has the order that it had then.
//  7. The times of the last write, and of birth. They come last: those of copies and of compressed
//     files are not those of what is in them, a file system's clock may be coarse, and it is not
//     the agent's. Of equal times, what another one goes on with comes right before that.

// sources are the logs that are read: the generations of each, in the order in which they are to be
// read, and the families in which they are looked for.
type sources struct {
	// files not ended by where they were first seen, in order of discovery
	streams  map[string][]*file
	unsorted map[string]bool               // sources with files that arrange has not seen yet
	families map[string]map[*file]struct{} // files by family
	grows    map[string]int                // see numbersGrow
	unnamed  map[string]bool               // had no name at the first start, see expectNames
	seq      int                           // counts discoveries
}

func newSources() sources {
	return sources{
		streams: map[string][]*file{}, unsorted: map[string]bool{},
		families: map[string]map[*file]struct{}{}, grows: map[string]int{},
		unnamed: map[string]bool{},
	}
}

// remove takes f out of its source.
func (s *sources) remove(f *file) {
	list := s.streams[f.firstPath]
	for i, g := range list {
		if g == f {
			list = append(list[:i:i], list[i+1:]...)
			break
		}
	}
	if len(list) == 0 {
		delete(s.streams, f.firstPath)
		delete(s.unsorted, f.firstPath)
	} else {
		s.streams[f.firstPath] = list
	}
}

// leaveFamily takes f out of its family.
func (s *sources) leaveFamily(f *file) {
	delete(s.families[f.m.family], f)
	if len(s.families[f.m.family]) == 0 {
		delete(s.families, f.m.family)
		delete(s.grows, f.m.family)
	}
}

// precedes reports whether p is to be read before f, of the same source.
func (s *sources) precedes(p, f *file) bool {
	list := s.streams[f.firstPath]
	return slices.Index(list, p) < slices.Index(list, f)
}

// age is what tells how old a generation is, among those of its family.
type age struct {
	mtime, at int64 // when it was last written to, and about when its last line was
	birth     int64
	// of its name: {2} for app.log.2, {2026, 1, 31} for app.log-2026-01-31; nil for words such as
	// old
	number       []int
	live         bool // rotation has not renamed it
	compressed   bool
	empty        bool // its times tell when it was made, and not until when it was written to
	isReference  bool // it only helps to tell what numbers mean
	sourceSeq    int  // see evidence
	decidedPlace int
	foundAt      foundAt
	seq          int // order of discovery
	path         string
	observation  *observation // of one of these two, unless it is a reference
	file         *file
}

func ageOf(path string, fi *fileInfo) age {
	base := filepath.Base(path)
	name := uncompressedName(base)
	suffix := rotationSuffix(name)
	a := age{
		mtime:      fi.mtime,
		at:         fi.mtime,
		birth:      fi.birth,
		path:       path,
		live:       suffix == "" && name == base,
		compressed: name != base,
		empty:      fi.size == 0,
	}
	for _, digits := range strings.FieldsFunc(suffix, func(c rune) bool { return c < '0' || c > '9' }) {
		n, err := strconv.Atoi(digits)
		if err != nil {
			break
		}
		a.number = append(a.number, n)
	}
	return a
}

// sortByAge orders what was seen in one look.
func (m *manager) sortByAge(list []observation) {
	families := map[string][]age{}
	for i := range list {
		family := familyOf(list[i].path)
		a := ageOf(list[i].path, &list[i].fi)
		a.observation = &list[i]
		families[family] = append(families[family], a)
	}
	at := map[*observation]int{}
	for family, members := range families {
		members = append(members, m.referenceAges(family, nil)...)
		m.sortAges(family, members)
		for i := range members {
			if members[i].observation != nil {
				at[members[i].observation] = i
			}
		}
	}
	ranks := make([]int, len(list))
	for i := range list {
		ranks[i] = at[&list[i]]
	}
	order := make([]int, len(list))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(ranks[a], ranks[b]), cmp.Compare(list[a].path, list[b].path))
	})
	sorted := make([]observation, len(list))
	for i, j := range order {
		sorted[i] = list[j]
	}
	copy(list, sorted)
}

// referenceAges returns the ages of the files of a family that have a name, but for those in not.
func (m *manager) referenceAges(family string, not map[*file]bool) (out []age) {
	for _, f := range inSeq(m.sources.families[family]) {
		if not[f] || len(f.m.names) == 0 {
			continue
		}
		// Names are known as of the last look at them, and may have passed on since.
		if fi, err := m.sys.stat(f.where()); err == nil && fi.is(f.id, f.birth) {
			a := ageOf(f.where(), &fi)
			a.isReference = true
			out = append(out, a)
		}
	}
	return out
}

// arrange puts the generations of a source that are not being read yet into the order in which they
// are to be read.
func (m *manager) arrange(source string) {
	gone := m.undecidedOf(source)
	list := append(gone, m.sources.streams[source]...)
	var begun, rest []*file
	for _, f := range list {
		if f.reads() || f.delivered.Load() > 0 {
			begun = append(begun, f)
		} else {
			rest = append(rest, f)
		}
	}
	slices.SortStableFunc(begun, func(a, b *file) int {
		switch {
		case a.reads() && b.reads():
			return 0
		case a.reads():
			return -1
		case b.reads():
			return 1
		}
		return 0
	})
	started := 0
	for started < len(begun) && begun[started].reads() {
		started++
	}
	m.sortFiles(source, begun[started:])
	m.sortFiles(source, rest)
	list = append(begun, rest...)
	for i, f := range list {
		f.m.evidence.decidedPlace = i + 1
		if f.m.started {
			continue // its worker has it
		}
		// one that is younger than what was written after it is a copy
		f.isCopy = f.isCopy || slices.ContainsFunc(list[i+1:], func(g *file) bool {
			return g.birth != 0 && g.birth < f.birth && g.compression == none
		})
	}
	m.sources.streams[source] = slices.DeleteFunc(
		list, func(f *file) bool { return slices.Contains(gone, f) },
	)
}

// reads reports whether f is being read.
func (f *file) reads() bool { return f.m.started && !f.m.ended }

// undecidedOf returns the files of a source that are no longer there, and of which it is not
// decided what compressed file they have become: their places are kept for those.
func (m *manager) undecidedOf(source string) (gone []*file) {
	for _, c := range inSeq(m.gz.undecided[familyOf(source)]) {
		if b := c.m.gz.formOf; b != nil && b.m.ended && b.firstPath == source {
			gone = append(gone, b)
		}
	}
	return gone
}

func (m *manager) sortFiles(source string, files []*file) {
	if len(files) < 2 {
		return
	}
	live, liveErr := m.sys.stat(source)
	mine := map[*file]bool{}
	families := map[string]bool{}
	var members []age
	for _, f := range files {
		mine[f] = true
		families[f.m.family] = true
		members = append(
			members,
			m.ageOfFile(
				f, source, liveErr == nil && live.is(f.id, f.birth) && f.compression == none,
			),
		)
	}
	for _, family := range slices.Sorted(maps.Keys(families)) {
		members = append(members, m.referenceAges(family, mine)...)
	}
	m.sortAges(files[0].m.family, members)
	i := 0
	for _, a := range members {
		if a.file != nil {
			files[i] = a.file
			i++
		}
	}
}

// older reports whether c, which is not compared yet, was written before f.
func (m *manager) older(c, f *file) bool {
	pair := []*file{f, c}
	m.sortFiles(f.firstPath, pair)
	return pair[0] == c
}

// seenOlder is older for what was seen, and is not a file yet.
func (m *manager) seenOlder(s observation, g *file) bool {
	live, err := m.sys.stat(g.firstPath)
	c := ageOf(s.path, &s.fi)
	c.foundAt, c.observation, c.seq = s.at, &s, m.sources.seq+1
	members := []age{c, m.ageOfFile(g, g.firstPath, err == nil && live.is(g.id, g.birth))}
	members = append(members, m.referenceAges(g.m.family, map[*file]bool{g: true})...)
	m.sortAges(g.m.family, members)
	for _, a := range members {
		if a.observation != nil || a.file != nil {
			return a.observation != nil
		}
	}
	return false
}

// ageOfFile is ageOf a file of the table.
func (m *manager) ageOfFile(f *file, source string, live bool) age {
	// its name may have passed on since the last look, and those of others with it
	path := m.find(f)
	fi, err := m.sys.stat(path)
	there := err == nil && fi.is(f.id, f.birth)
	if !there && !f.m.started && f.r.h != nil {
		fi, err = m.sys.statOpen(f.r.h)
	}
	if err != nil || !fi.is(f.id, f.birth) {
		fi = fileInfo{mtime: f.m.evidence.mtime, birth: f.birth, size: f.size.Load()}
	}
	a := ageOf(path, &fi)
	if !there && !dated(a.number) {
		a.number = m.numberOfForm(f) // its own may be another's by now
	}
	a.live = live
	of := f
	if of.m.hold != nil && of.m.gz.formOf != nil {
		of = of.m.gz.formOf // it is not decided about, and has that one's place
	}
	switch { // the birth of what is in it is meant
	case f.m.evidence.rewritten:
		a.birth = max(a.birth, a.mtime+1)
	case f.m.evidence.foundEmpty && !there && f.birth < a.mtime:
		a.birth = max(a.birth, a.mtime+1) // a copy made meanwhile is older: it was truncated
	case f.m.evidence.foundEmpty:
		a.birth = max(a.birth, a.mtime)
	case a.compressed && a.timed():
		a.birth = a.mtime
	}
	if a.file, a.foundAt, a.seq = f, of.m.evidence.at, of.m.evidence.seq; of.firstPath == source {
		a.sourceSeq, a.decidedPlace = of.m.evidence.sourceSeq, of.m.evidence.decidedPlace
	}
	return a
}

// numberOfForm returns the number in the name of what f, which is gone, was compressed into: what
// has its place, or else begins as it did.
func (m *manager) numberOfForm(f *file) (number []int) {
	for _, c := range inSeq(m.gz.undecided[f.m.family]) {
		if c.m.ended || c.m.gz.formOf != f && (c.m.gz.formOf != nil || !m.beganAs(c, f)) {
			continue
		}
		path := m.find(c)
		if fi, err := m.sys.stat(path); err != nil || !fi.is(c.id, c.birth) {
			continue
		}
		n := ageOf(path, &fileInfo{}).number
		if c.m.gz.formOf == f {
			return n
		}
		number = n
	}
	return number
}

// beganAs reports whether the compressed file c begins with what f, which is still to be read,
// began with.
func (m *manager) beganAs(c, f *file) bool {
	head, begins := f.m.evidence.head, m.beginningOf(c)
	if head.N == 0 && !f.m.started && f.r.h != nil { // it was empty when it was found
		var buf [headSize]byte
		n, _ := f.r.h.ReadAt(buf[:], 0)
		head = headOf(buf[:n])
	}
	return head.N > 0 && head.N <= len(begins) && fingerprintOf(begins[:head.N]) == head
}

// sortAges sorts members of a family, the oldest first.
func (m *manager) sortAges(family string, members []age) {
	slices.SortFunc(members, byTime)
	m.pairAges(members)
	for i := range members { // what equal times leave open is decided here, and moves nothing
		members[i].at = int64(i) << 20
	}
	var numbered, found, atSource, decided []*age
	for i := range members {
		a := &members[i]
		switch {
		case a.live:
			a.at = math.MaxInt64
		case a.number != nil:
			numbered = append(numbered, a)
		}
		if a.sourceSeq > 0 && !a.live {
			atSource = append(atSource, a)
		}
		if a.decidedPlace > 0 && !a.live {
			decided = append(decided, a)
		}
		if a.foundAt.look > 0 && !a.live {
			found = append(found, a)
		}
	}
	slices.SortFunc(found, func(a, b *age) int {
		return cmp.Or(
			cmp.Compare(b.foundAt.look, a.foundAt.look),
			cmp.Compare(b.foundAt.index, a.foundAt.index),
		)
	})
	slices.SortStableFunc(
		numbered, func(a, b *age) int { return slices.Compare(a.number, b.number) },
	)
	if m.numbersGrow(family, numbered) {
		slices.Reverse(numbered)
	}
	slices.SortFunc(atSource, func(a, b *age) int { return cmp.Compare(b.sourceSeq, a.sourceSeq) })
	slices.SortFunc(
		decided, func(a, b *age) int { return cmp.Compare(b.decidedPlace, a.decidedPlace) },
	)
	// What weighs more comes later, and has its say; what it moves may have to move others.
	for moved, round := true, 0; moved && round < maxRounds; round++ {
		moved = false
		for rest := found; len(rest) > 0; {
			n := 1
			for n < len(rest) && rest[n].foundAt.look == rest[0].foundAt.look {
				n++
			}
			moved = inTurn(rest[:n]) || moved
			rest = rest[n:]
		}
		moved = inTurn(numbered) || moved
		moved = inTurn(atSource) || moved
		moved = inTurn(decided) || moved
	}
	slices.SortFunc(members, byTime)
}

// pairAges puts a generation right before the one that goes on with its content, as far as equal
// times leave that open. members are sorted by time.
func (m *manager) pairAges(members []age) {
	for _, b := range slices.Clone(members) {
		if b.file == nil {
			continue
		}
		for _, x := range b.file.m.rotation.replaces {
			from := slices.IndexFunc(members, func(a age) bool { return a.file == x })
			if from < 0 || !m.beginsWith(b.file, x) {
				continue
			}
			to := slices.IndexFunc(members, func(a age) bool { return a.file == b.file })
			for ; from+1 < to && members[from+1].at == members[from].at; from++ {
				members[from], members[from+1] = members[from+1], members[from]
			}
			for ; from > to && members[from-1].at == members[from].at; from-- {
				members[from], members[from-1] = members[from-1], members[from]
			}
		}
	}
}

func byTime(a, b age) int {
	return cmp.Or(
		cmp.Compare(a.at, b.at), cmp.Compare(a.birth, b.birth), cmp.Compare(a.seq, b.seq),
		cmp.Compare(a.path, b.path),
	)
}

// maxRounds bounds how often what is known of an order is gone through: some of it may contradict.
const maxRounds = 8

// inTurn sees to it that the times of list, the newest first, descend, and reports whether that
// changed one.
func inTurn(list []*age) (moved bool) {
	limit := int64(math.MaxInt64)
	for _, a := range list {
		if a.isReference {
			continue
		}
		if a.at >= limit {
			a.at, moved = limit-1, true
		}
		limit = a.at
	}
	return moved
}

// renumbered notes that a file of a family has got another name: numbers that count the rotations
// are told by that, whatever the times.
func (m *manager) renumbered(f *file, path string) {
	from, to := ageOf(f.where(), &fileInfo{}).number, ageOf(path, &fileInfo{}).number
	if len(from) == 1 && len(to) == 1 && from[0] < to[0] && !dated(to) &&
		familyOf(f.where()) == f.m.family && familyOf(path) == f.m.family {
		m.sources.grows[f.m.family] = math.MinInt32
	}
}

// numbersGrow reports whether a larger number means a newer file, as it does for dates and for
// loggers that count up; logrotate counts the rotations that a file has been through. numbered is
// in ascending order. Times decide; but where one of two files is compressed, and does not bear the
// time of what is in it, then that the older one is compressed first.
//
// The most that was ever to be seen of a family decides: files are removed, and lose their names.
func (m *manager) numbersGrow(family string, numbered []*age) bool {
	grow := 0
	for i, r := range numbered {
		if dated(r.number) {
			return true
		}
		for _, s := range numbered[max(0, i-50):i] {
			switch {
			case r.empty || s.empty:
			case r.timed() && s.timed() || r.compressed && s.compressed:
				grow += cmp.Compare(r.mtime, s.mtime)
			case s.compressed:
				grow++
			default:
				grow--
			}
		}
	}
	if was := m.sources.grows[family]; max(grow, -grow) <= max(was, -was) {
		return was > 0
	}
	m.sources.grows[family] = grow
	return grow > 0
}

// dated reports whether a number of a name is a date: others may be passed on from file to file.
func dated(number []int) bool { return len(number) > 1 || len(number) == 1 && number[0] > 99999 }

// timed reports whether the time of the last write is that of what is in the file.
func (a *age) timed() bool { return !a.compressed || a.mtime < a.birth }

// familyOf returns what the generations of a log have in common: their directory and their name but
// for what rotation adds.
func familyOf(path string) string { return filepath.Dir(path) + "/" + rotationStem(path) }
