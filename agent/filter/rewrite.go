package filter

import (
	"bytes"
	"iter"
	"regexp"
	"regexp/syntax"
	"slices"
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/penstock/penstock/buffer/record/jsontext"

	"github.com/penstock/penstock/network/wire"

	"github.com/tidwall/gjson"
)

// rewriter replaces what an expression finds. JSON stays JSON: the expression looks at each text,
// number and name in it by itself, as it reads without escapes. Where it finds something in JSON as
// it stands that is no part of one of these, such as a name and its value, it replaces that if JSON
// is left, and otherwise the text in which it begins, or the value next to its name.
type rewriter struct {
	*regexp.Regexp
	put func(dst, text []byte, m []int) []byte // appends what takes the place of match m
	// sure may be nil; otherwise it tells whether the first n bytes of a match are one, or that
	// there is none that begins in them.
	sure    func(found []byte) (n int, is bool)
	asText  bool // what is left of a number is text
	empty   bool // matches of nothing count, but in JSON
	apart   bool // what an escape stands before is found, too
	overlap bool // matches may share what stands between words

	anchored bool // it may match a part of what it does not match
	within   bool // it finds nothing but what lies in one text, number or name
}

func newRewriter(re *regexp.Regexp) rewriter {
	tree, err := syntax.Parse(re.String(), syntax.Perl)
	if err != nil {
		return rewriter{Regexp: re, anchored: true}
	}
	return rewriter{Regexp: re, anchored: hasAnchor(tree), within: !mayCross(tree)}
}

func hasAnchor(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpBeginText, syntax.OpEndText, syntax.OpBeginLine, syntax.OpEndLine:
		return true
	}
	return slices.ContainsFunc(re.Sub, hasAnchor)
}

// mayCross reports whether an expression can match what stands between the texts and numbers of
// JSON, or an escape.
func mayCross(re *syntax.Regexp) bool {
	const between = "\"\\,:[]{} \t\r\n"
	switch re.Op {
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return true
	case syntax.OpLiteral:
		return strings.ContainsAny(string(re.Rune), between)
	case syntax.OpCharClass:
		for i := 0; i < len(re.Rune); i += 2 {
			for _, c := range between {
				if re.Rune[i] <= c && c <= re.Rune[i+1] {
					return true
				}
			}
		}
	}
	return slices.ContainsFunc(re.Sub, mayCross)
}

// rewriters work one after the other.
type rewriters []rewriter

// value rewrites a value, JSON or not.
func (rs rewriters) value(value []byte) ([]byte, bool) {
	if mayBeDocument(value) || !jsontext.Valid(value) {
		return rs.text(value)
	}
	raw := bytes.TrimSpace(value)
	out, found := rs.scalar(raw)
	if !found {
		return value, false
	}
	at := bytes.Index(value, raw)
	return slices.Concat(value[:at], out, value[at+len(raw):]), true
}

// scalar rewrites a JSON text, number or literal.
func (rs rewriters) scalar(raw []byte) ([]byte, bool) {
	found := false
	for i := range rs {
		if out, some := rs[i].scalar(raw); some {
			raw, found = out, true
		}
	}
	return raw, found
}

// text rewrites a text, which may be a JSON object or list.
func (rs rewriters) text(text []byte) ([]byte, bool) {
	var read *reading
	if mayBeDocument(text) && hasEscape(text) && jsontext.Valid(text) {
		read = readingOf(text)
	}
	found := false
	for i := range rs {
		r := &rs[i]
		if read != nil && !r.findsIn(read, text) {
			continue
		}
		if out, some := r.text(text, r.empty); some {
			text, found = out, true
			if read != nil {
				read = readingOf(text)
			}
		}
	}
	return text, found
}

// reading is how JSON reads without the escapes in its texts.
type reading struct {
	all     []byte
	escaped []byte // those of its texts that have any
}

func readingOf(text []byte) *reading {
	r := &reading{all: make([]byte, 0, len(text))}
	for {
		i := bytes.IndexByte(text, '"')
		if i < 0 {
			r.all = append(r.all, text...)
			return r
		}
		end := skipString(text, i)
		read := unquote(text[i:end])
		if len(read) < end-i-2 {
			r.escaped = append(append(r.escaped, '"'), read...)
		}
		r.all = append(append(append(r.all, text[:i+1]...), read...), '"')
		text = text[end:]
	}
}

// findsIn reports whether there may be something to replace in JSON that reads so.
func (r *rewriter) findsIn(read *reading, text []byte) bool {
	switch {
	case r.anchored, hasEscape(read.escaped): // a text may be JSON, with escapes of its own
		return true
	case r.within:
		return r.find(read.all, false) != nil
	}
	return r.Match(read.escaped) || r.Match(text)
}

func (r *rewriter) text(text []byte, empty bool) ([]byte, bool) {
	found := r.find(text, empty)
	if mayBeDocument(text) && (found != nil || r.anchored || hasEscape(text)) &&
		jsontext.Valid(text) {
		return r.document(text, found)
	}
	some := found != nil
	if some {
		text = r.replace(text, found)
	}
	if r.apart && hasEscape(text) {
		if found = r.find(withoutEscapes(text), empty); found != nil {
			return r.replace(text, found), true
		}
	}
	return text, some
}

// withoutEscapes returns a text that is no JSON with zeros for what may be escapes of JSON, Go and
// their like, or such that were escaped.
func withoutEscapes(text []byte) []byte {
	out := bytes.Clone(text)
	for i := 0; i < len(out); i++ {
		if out[i] != '\\' {
			continue
		}
		end := i + 1
		for end < len(out) && out[end] == '\\' {
			end++
		}
		switch {
		case end == len(out):
		case out[end] == 'x':
			end += 3
		case out[end] == 'u':
			end += 5
		default:
			end++
		}
		end = min(end, len(out))
		clear(out[i:end])
		i = end - 1
	}
	return out
}

// find returns the matches that count, in their order.
func (r *rewriter) find(text []byte, empty bool) [][]int {
	if r.sure != nil {
		return r.findSure(text)
	}
	out := r.FindAllSubmatchIndex(text, -1)
	if !empty {
		out = slices.DeleteFunc(out, func(m []int) bool { return m[0] == m[1] })
	}
	if r.overlap {
		out = r.withHidden(text, out)
	}
	return out
}

func (r *rewriter) findSure(text []byte) (out [][]int) {
	for at := 0; at < len(text); {
		m := r.FindIndex(text[at:])
		if m == nil {
			break
		}
		from := at + m[0]
		n, is := r.sure(text[from : at+m[1]])
		if at = from + n; is {
			out = append(out, []int{from, at})
		}
	}
	return out
}

// withHidden adds the matches that begin in what others end with, such as the space between two
// words: the words of those that were found are masked, and it is looked again.
func (r *rewriter) withHidden(text []byte, found [][]int) [][]int {
	for {
		var masked []byte
		for _, m := range found {
			from, to := wordsOf(text, m)
			if to == m[1] || from == to {
				continue
			}
			if masked == nil {
				masked = bytes.Clone(text)
			}
			clear(masked[from:to])
		}
		if masked == nil {
			return found
		}
		before := len(found)
		for _, m := range r.FindAllSubmatchIndex(masked, -1) {
			i := sort.Search(before, func(i int) bool { return found[i][0] >= m[0] })
			if i == 0 || i < before && found[i][0] == m[0] {
				continue
			}
			one := found[i-1]
			if _, to := wordsOf(text, one); to <= m[0] && m[0] < one[1] && one[1] < m[1] {
				found = append(found, m)
			}
		}
		if len(found) == before {
			return found
		}
		sort.Slice(found, func(i, j int) bool { return found[i][0] < found[j][0] })
	}
}

// wordsOf returns where the first word in a match begins, and where the last one ends.
func wordsOf(text []byte, m []int) (from, to int) {
	from, to = m[0], m[1]
	for from < to && !isWord(text[from]) {
		from++
	}
	for to > from && !isWord(text[to-1]) {
		to--
	}
	return from, to
}

func isWord(c byte) bool {
	return c >= utf8.RuneSelf || c == '_' || c-'0' < 10 || c|0x20-'a' < 26
}

func (r *rewriter) replace(text []byte, found [][]int) []byte {
	var out []byte
	last := 0
	for _, m := range found {
		if m[0] < last { // of what both have, and leave, one is left
			one := r.put(nil, text, m)
			if both := text[m[0]:last]; bytes.HasSuffix(out, both) {
				one = bytes.TrimPrefix(one, both)
			}
			out = append(out, one...)
		} else {
			out = r.put(append(out, text[last:m[0]]...), text, m)
		}
		last = max(last, m[1])
	}
	return append(out, text[last:]...)
}

func (r *rewriter) scalar(raw []byte) ([]byte, bool) {
	read := unquote(raw)
	if raw[0] == '"' {
		out, some := r.text(read, false)
		if !some {
			return raw, false
		}
		return r.quote(raw, out), true
	}
	found := r.find(read, false)
	if found == nil {
		return raw, false
	}
	return r.quote(raw, r.replace(read, found)), true
}

// all returns what takes the place of all of a JSON text, number or literal.
func (r *rewriter) all(raw []byte) []byte {
	read := unquote(raw)
	return r.quote(raw, r.put(nil, read, []int{0, len(read)}))
}

// quote returns what raw has become as JSON.
func (r *rewriter) quote(raw, text []byte) []byte {
	if raw[0] != '"' && !r.asText && !mayBeDocument(text) && jsontext.Valid(text) {
		return text
	}
	return wire.AppendJSONString(nil, text)
}

// document rewrites a JSON object or list in which found are the matches.
func (r *rewriter) document(text []byte, found [][]int) ([]byte, bool) {
	list, some := r.each(text, found)
	var across [][]int
	if !r.within {
		across = acrossTokens(text, list, found)
	}
	if some {
		text = spliced(text, list)
	}
	if len(across) == 0 {
		return text, some
	}
	if some {
		list = moved(text, list)
		across = acrossTokens(text, list, r.find(text, false))
	}
	if out := r.replace(text, across); jsontext.Valid(out) {
		return out, true
	}
	if !r.cover(text, list, across) {
		return text, some
	}
	return spliced(text, list), true
}

// each rewrites the tokens by themselves, and reports whether there was anything to do. Where the
// rest does not matter it lists only these.
func (r *rewriter) each(text []byte, found [][]int) (list []token, some bool) {
	for t := range tokens(text) {
		for len(found) > 0 && found[0][1] <= t.from {
			found = found[1:]
		}
		raw := text[t.from:t.to]
		// What is not found in all of the text is not found in a part.
		if r.anchored || len(found) > 0 && found[0][0] < t.to || hasEscape(raw) {
			if out, ok := r.scalar(raw); ok {
				t.with, t.done, some = out, true, true
			}
		}
		if t.done || !r.within {
			list = append(list, t)
		}
	}
	return list, some
}

// acrossTokens returns the matches that no token accounts for: those that lie in none, or are made
// of escapes.
func acrossTokens(text []byte, list []token, found [][]int) (out [][]int) {
	for _, m := range found {
		for len(list) > 0 && list[0].to <= m[0] {
			list = list[1:]
		}
		if m[0] == m[1] {
			continue
		}
		if t := beginsIn(text, list, m); t != nil && (t.done && !t.name ||
			m[1] <= t.end(text) && !hasEscape(text[m[0]:m[1]])) {
			continue
		}
		out = append(out, m)
	}
	return out
}

// cover overwrites what matches across tokens begin in, and the values next to the names that they
// begin with. It reports whether there was any.
func (r *rewriter) cover(text []byte, list []token, across [][]int) (some bool) {
	rest, byName := list, false
	for _, m := range across {
		for len(rest) > 0 && rest[0].to <= m[0] {
			rest = rest[1:]
		}
		if t := beginsIn(text, rest, m); t != nil && !t.name {
			t.with, some = r.all(text[t.from:t.to]), true
		} else {
			byName = true
		}
	}
	for i := 1; byName && i < len(list); i++ {
		name, t := &list[i-1], &list[i]
		if !name.name || t.name || t.done || bytes.ContainsAny(text[name.to:t.from], "}]") {
			continue
		}
		for _, m := range r.FindAllIndex(text[name.from:t.to], -1) {
			if begin := t.begin(text) - name.from; m[0] < begin && begin < m[1] {
				t.with, some = r.all(text[t.from:t.to]), true
			}
		}
	}
	return some
}

// token is a name, text, number or literal in JSON.
type token struct {
	from, to int
	name     bool
	with     []byte // what takes its place; nil for nothing
	done     bool   // it has been rewritten
}

// begin returns where the token's text begins.
func (t *token) begin(text []byte) int {
	if text[t.from] == '"' {
		return t.from + 1
	}
	return t.from
}

// end returns where the token's text ends.
func (t *token) end(text []byte) int {
	if text[t.from] == '"' {
		return t.to - 1
	}
	return t.to
}

// beginsIn returns the token in whose text a match begins: the first of the list, or nil.
func beginsIn(text []byte, list []token, m []int) *token {
	if len(list) == 0 || m[0] < list[0].begin(text) || m[0] >= list[0].end(text) {
		return nil
	}
	return &list[0]
}

// tokens yields the tokens of JSON that is well-formed.
func tokens(text []byte) iter.Seq[token] {
	return func(yield func(token) bool) {
		for i := 0; i < len(text); {
			switch text[i] {
			case ' ', '\t', '\r', '\n', ',', ':', '{', '}', '[', ']':
				i++
				continue
			}
			t := token{from: i, to: skipValue(text, i)}
			t.name = text[i] == '"' && firstByte(text[t.to:]) == ':'
			if i = t.to; !yield(t) {
				return
			}
		}
	}
}

// spliced returns text with what takes the place of its tokens.
func spliced(text []byte, list []token) []byte {
	out := make([]byte, 0, len(text)+len(text)/8)
	last := 0
	for i := range list {
		if t := &list[i]; t.with != nil {
			out = append(append(out, text[last:t.from]...), t.with...)
			last = t.to
		}
	}
	return append(out, text[last:]...)
}

// moved returns the tokens of a text that was spliced of list.
func moved(text []byte, list []token) []token {
	out := slices.Collect(tokens(text))
	for i := range out {
		out[i].done = list[i].done
	}
	return out
}

// unquote returns how a JSON text, number or literal reads.
func unquote(raw []byte) []byte {
	if raw[0] != '"' {
		return raw
	}
	if inner := raw[1 : len(raw)-1]; !hasEscape(inner) {
		return inner
	}
	return bytesOf(gjson.Parse(alias(raw)).Str)
}

func hasEscape(text []byte) bool { return bytes.IndexByte(text, '\\') >= 0 }

// mayBeDocument reports whether a text may be a JSON object or list.
func mayBeDocument(text []byte) bool {
	first := firstByte(text)
	return first == '{' || first == '['
}
