package formats

import (
	"bytes"
	"regexp/syntax"
	"slices"
	"unicode"
)

// matcher finds in texts of ASCII what package regexp does, several times faster: the first match
// of a backtracking search, for expressions that repeat nothing but single characters. It stops
// when a text would take it more than time linear in its length.
type matcher struct {
	start *node
	slots int
}

// node is a part of an expression, with what is behind it.
type node struct {
	op        matchOp
	next      *node
	set       *charSet // opRepeat
	least     int      // opRepeat
	most      int      // opRepeat; -1 for any number
	lazy      bool     // opRepeat
	text      []byte   // opText
	slot      int      // opSlot
	branches  []*node  // opChoice, each with all that is behind it
	inner     [][2]int // opChoice: from which slot to which each branch has its own
	first     *charSet // with which a match begins; nil for anything, and for nothing at all
	wantsWord bool     // opBoundary
}

type matchOp byte

const (
	opEnd matchOp = iota
	opSlot
	opBegin
	opLast
	opBoundary
	opText
	opRepeat
	opChoice
)

type charSet [256]bool

// Limits of expressions: slots are two for the whole match, and for each group.
const (
	mostSlots = 64
	mostText  = 16 << 10
)

// newMatcher returns a matcher of an expression that regexp.Compile takes; nil where it has none.
func newMatcher(expr string) *matcher {
	re, err := syntax.Parse(expr, syntax.Perl)
	if err != nil || len(expr) > mostText {
		return nil
	}
	m := &matcher{slots: 2 * (re.MaxCap() + 1)}
	if m.slots > mostSlots {
		return nil
	}
	if m.start = compileNode(re, &node{op: opEnd}); m.start == nil {
		return nil
	}
	return m
}

// compileNode returns re with next behind it, nil if either is nil or there is none.
func compileNode(re *syntax.Regexp, next *node) *node {
	if next == nil {
		return nil
	}
	switch re.Op {
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL, syntax.OpCharClass:
		return repeated(charSetOf(re), 1, 1, false, next)
	case syntax.OpEmptyMatch:
		return next
	case syntax.OpBeginText:
		return &node{op: opBegin, next: next, first: next.first}
	case syntax.OpEndText:
		return &node{op: opLast, next: next}
	case syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		word := re.Op == syntax.OpWordBoundary
		return &node{op: opBoundary, next: next, first: next.first, wantsWord: word}
	case syntax.OpLiteral:
		return literal(re, next)
	case syntax.OpConcat:
		for _, sub := range slices.Backward(re.Sub) {
			next = compileNode(sub, next)
		}
		return next
	case syntax.OpCapture:
		end := &node{op: opSlot, slot: 2*re.Cap + 1, next: next, first: next.first}
		inside := compileNode(re.Sub[0], end)
		if inside == nil {
			return nil
		}
		return &node{op: opSlot, slot: 2 * re.Cap, next: inside, first: inside.first}
	case syntax.OpAlternate:
		return choice(next, re.Sub...)
	case syntax.OpStar, syntax.OpPlus, syntax.OpQuest, syntax.OpRepeat:
		return repetition(re, next)
	}
	return nil
}

func literal(re *syntax.Regexp, next *node) *node {
	if re.Flags&syntax.FoldCase == 0 {
		n := &node{op: opText, text: []byte(string(re.Rune)), next: next, first: &charSet{}}
		n.first[n.text[0]] = true
		return n
	}
	for _, r := range slices.Backward(re.Rune) {
		set := &charSet{}
		set.add(r, r)
		for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
			set.add(other, other)
		}
		next = repeated(set, 1, 1, false, next)
	}
	return next
}

// choice is one of several, the first that leads to a match; an empty one is nil.
func choice(next *node, of ...*syntax.Regexp) *node {
	n := &node{op: opChoice, first: &charSet{}}
	for _, re := range of {
		branch, inner := next, [2]int{}
		if re != nil {
			branch, inner = compileNode(re, next), slotsOf(re)
		}
		if branch == nil {
			return nil
		}
		n.branches, n.inner = append(n.branches, branch), append(n.inner, inner)
		n.first = n.first.or(branch.first)
	}
	return n
}

// slotsOf returns from which slot to which the groups of re have theirs: they are numbered as they
// come.
func slotsOf(re *syntax.Regexp) (s [2]int) {
	if re.Op == syntax.OpCapture {
		s = [2]int{2 * re.Cap, 2*re.Cap + 2}
	}
	for _, sub := range re.Sub {
		if of := slotsOf(sub); of[1] > 0 {
			if s[1] == 0 {
				s[0] = of[0]
			}
			s[1] = of[1]
		}
	}
	return s
}

func repetition(re *syntax.Regexp, next *node) *node {
	least, most := re.Min, re.Max
	switch re.Op {
	case syntax.OpStar:
		least, most = 0, -1
	case syntax.OpPlus:
		least, most = 1, -1
	case syntax.OpQuest:
		least, most = 0, 1
	}
	lazy := re.Flags&syntax.NonGreedy != 0
	switch set := charSetOf(re.Sub[0]); {
	case set != nil:
		return repeated(set, least, most, lazy, next)
	case least != 0 || most != 1:
		return nil
	case lazy:
		return choice(next, nil, re.Sub[0])
	}
	return choice(next, re.Sub[0], nil)
}

func repeated(set *charSet, least, most int, lazy bool, next *node) *node {
	n := &node{op: opRepeat, set: set, least: least, most: most, lazy: lazy, next: next, first: set}
	if least == 0 {
		n.first = set.or(next.first)
	}
	return n
}

// charSetOf returns what re takes, if that is always one character.
func charSetOf(re *syntax.Regexp) *charSet {
	set := &charSet{}
	switch re.Op {
	case syntax.OpAnyChar:
		set.add(0, unicode.MaxASCII)
	case syntax.OpAnyCharNotNL:
		set.add(0, unicode.MaxASCII)
		set['\n'] = false
	case syntax.OpCharClass:
		for i := 0; i < len(re.Rune); i += 2 {
			set.add(re.Rune[i], re.Rune[i+1])
		}
	case syntax.OpLiteral:
		if len(re.Rune) != 1 || re.Flags&syntax.FoldCase != 0 {
			return nil
		}
		set.add(re.Rune[0], re.Rune[0])
	default:
		return nil
	}
	return set
}

// add adds the characters from lo to hi; those that are no ASCII are in no text.
func (s *charSet) add(lo, hi rune) {
	for r := lo; r <= min(hi, unicode.MaxASCII); r++ {
		s[r] = true
	}
}

// or returns what is in either; nil if one of them is.
func (s *charSet) or(t *charSet) *charSet {
	if s == nil || t == nil {
		return nil
	}
	out := *s
	for i, in := range t {
		out[i] = out[i] || in
	}
	return &out
}

// search is one use of a matcher.
type search struct {
	text  []byte
	left  int // steps that it may still take
	slots [mostSlots]int
}

// find returns where a match and its groups are, as FindSubmatchIndex does: in s. It cannot tell
// where sure is false.
func (m *matcher) find(text []byte, s *search) (slots []int, sure bool) {
	if m == nil || !isASCII(text) {
		return nil, false
	}
	s.text, s.left = text, 16*len(text)+1000
	for i := range m.slots {
		s.slots[i] = -1
	}
	for at := range len(text) + 1 {
		if m.start.mayBe(text, at) && s.run(m.start, at) {
			s.slots[0] = at
			return s.slots[:m.slots], true
		}
		if s.left < 0 {
			return nil, false
		}
		if m.start.op == opBegin {
			break
		}
		s.left--
	}
	return nil, true
}

func isASCII(text []byte) bool {
	for _, c := range text {
		if c > unicode.MaxASCII {
			return false
		}
	}
	return true
}

// mayBe reports whether n may be at a place, by the character there.
func (n *node) mayBe(text []byte, at int) bool {
	return n.first == nil || at < len(text) && n.first[text[at]]
}

// run reports whether n is at a place, with all that is behind it. If it is not, the slots of
// groups in branches are as they were.
func (s *search) run(n *node, at int) bool {
	for ; ; n = n.next {
		if s.left--; s.left < 0 {
			return false
		}
		switch n.op {
		case opEnd:
			s.slots[1] = at
			return true
		case opSlot:
			s.slots[n.slot] = at
		case opBegin:
			if at != 0 {
				return false
			}
		case opLast:
			if at != len(s.text) {
				return false
			}
		case opBoundary:
			before := at > 0 && isWordByte(s.text[at-1])
			behind := at < len(s.text) && isWordByte(s.text[at])
			if (before != behind) != n.wantsWord {
				return false
			}
		case opText:
			if !bytes.HasPrefix(s.text[at:], n.text) {
				return false
			}
			at += len(n.text)
		case opRepeat:
			switch {
			case n.least == n.most:
				for range n.most {
					if at == len(s.text) || !n.set[s.text[at]] {
						return false
					}
					at++
				}
				s.left -= n.most
			case n.lazy:
				return s.lazy(n, at)
			default:
				return s.greedy(n, at)
			}
		case opChoice:
			for i, branch := range n.branches {
				if branch.mayBe(s.text, at) && s.run(branch, at) {
					return true
				}
				for slot := n.inner[i][0]; slot < n.inner[i][1]; slot++ {
					s.slots[slot] = -1
				}
			}
			return false
		}
	}
}

// greedy takes as many characters as there are, and then fewer.
func (s *search) greedy(n *node, at int) bool {
	end, k := len(s.text), at
	if n.most >= 0 {
		end = min(end, at+n.most)
	}
	for k < end && n.set[s.text[k]] {
		k++
	}
	s.left -= k - at
	for ; k >= at+n.least && s.left >= 0; k-- {
		if n.next.mayBe(s.text, k) && s.run(n.next, k) {
			return true
		}
		s.left--
	}
	return false
}

// lazy takes as few as are needed, and then more.
func (s *search) lazy(n *node, at int) bool {
	end := len(s.text)
	if n.most >= 0 {
		end = min(end, at+n.most)
	}
	for k := at; s.left >= 0; k++ {
		if k >= at+n.least && n.next.mayBe(s.text, k) && s.run(n.next, k) {
			return true
		}
		if k == end || !n.set[s.text[k]] {
			break
		}
		s.left--
	}
	return false
}

func isWordByte(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}
