package tail

import (
	"bytes"

	"github.com/penstock/penstock/buffer/record"
)

// block is a run of complete lines, or of multiline events, ready to be encoded by anybody.
type block struct {
	raw   []byte // as read, from the file's offset base on
	base  int64
	from  int         // the lines begin here in raw
	to    int         // and end here; the last one's line end may be missing
	spans []span      // the events, if lines are joined; within raw
	end   int         // what has been dealt with, to's line end and skipped bytes included
	head  fingerprint // of the file at base+end
	skip  bool        // the position at end is inside a line whose rest is to be skipped
	done  bool        // the position at end is that of a compressed file read to its end

	headers []record.Header // of the records; nil: those of the file

	// of the logs of containers
	logged []containerRecord
	held   []fingerprints // where what was held before begins
	first  int64          // the first line that is not delivered with this
	upto   streamOffsets
}

type span struct{ from, to int }

// framer cuts what was read into blocks. It keeps no state; what has to be known lies in the file's
// readState.
type framer struct {
	maxLine   int
	long      string // long_lines
	multiline *joiner
	box       *containers // instead of multiline; nil if lines are lines
	most      int         // bytes of a line that are read before it is cut
	counts    *counts
}

func newFramer(r *run) framer {
	c := &r.tail.cfg
	fr := framer{
		maxLine: int(c.MaxLineSize),
		long:    c.LongLines,
		box:     newContainers(c, r.tail.counts),
		most:    int(c.MaxLineSize),
		counts:  r.tail.counts,
	}
	if fr.box == nil {
		fr.multiline = newJoiner(c.Multiline)
	} else {
		fr.most = r.tail.bufferSize() - 64 // the text of a line is shorter, of Docker by far
	}
	return fr
}

// framed is what frame has found.
type framed struct {
	pending   pending
	holds     int  // events that wait for more lines, or parts of one
	needsMore bool // no line end within what was read: read more at once
}

// frame finds the complete lines in b.raw, which begins at r.off. eof: nothing follows at present.
// events and partial: a last event, or line, that is not known to be complete is taken as it is.
func (fr *framer) frame(b *block, r *readState, full, events, partial bool) framed {
	c := r.charset
	raw := b.raw
	if c.unit == 2 && !partial {
		raw = raw[:len(raw)&^1]
	}
	start := 0
	if b.base == 0 && len(c.bom) > 0 && bytes.HasPrefix(raw, c.bom) {
		start = len(c.bom)
	}
	b.skip = r.skip
	if r.skip {
		i := c.newline(raw[start:])
		if i < 0 {
			return b.skipped(c, raw, start, full, partial)
		}
		start += i + len(c.end)
		b.skip = false
	}
	b.from, b.to, b.end = start, start, start
	last := c.lastNewline(raw[start:])
	if last >= 0 {
		b.to = start + last + len(c.end)
		b.end = b.to
	}
	rest := len(raw) - b.end
	if last < 0 && rest-c.begun(raw[b.end:]) > fr.most {
		// One line, or one event, may be all there is.
		out := fr.cutLong(b, c, raw)
		if fr.box != nil {
			fr.box.cutLong(b, r, raw)
		}
		return out
	}
	if fr.box != nil {
		return fr.box.frame(b, r, raw, full, partial, events && r.finish)
	}
	if fr.multiline != nil {
		return fr.multiline.frame(b, c, raw, fr.maxLine, full, events, partial, fr.counts)
	}
	switch {
	case rest == 0 && len(raw) == len(b.raw):
	case partial:
		b.to, b.end = len(raw), len(raw)
	case full && b.end == 0:
		return framed{needsMore: true}
	default:
		return framed{pending: pendingLine}
	}
	return framed{}
}

// cutLong deals with a line that is longer than allowed and whose end is not in sight.
func (fr *framer) cutLong(b *block, c *charset, raw []byte) framed {
	cut := b.from + c.cut(raw[b.from:], fr.maxLine)
	switch fr.long {
	case "split":
		b.to, b.end = cut, cut
		if fr.multiline != nil {
			b.spans = append(b.spans, span{b.from, cut})
		}
	case "truncate":
		b.to, b.end, b.skip = cut, len(raw)-c.begun(raw[b.from:]), true
		if fr.multiline != nil {
			b.spans = append(b.spans, span{b.from, cut})
		}
	default:
		b.to, b.end, b.skip = b.from, len(raw)-c.begun(raw[b.from:]), true
	}
	fr.counts.long.Inc()
	if b.skip && b.end < len(raw) {
		return framed{pending: pendingLine}
	}
	return framed{}
}

// skipped deals with what is left from start on of a line that is skipped, whose end is not in raw.
func (b *block) skipped(c *charset, raw []byte, start int, full, partial bool) framed {
	to := len(raw)
	if b.skip = !partial; b.skip {
		to -= c.begun(raw[start:])
	}
	b.from, b.to, b.end = to, to, to
	switch {
	case to == len(raw):
		return framed{}
	case full && to == 0:
		return framed{needsMore: true}
	}
	return framed{pending: pendingLine}
}

// pending says what waits at a file's end for more to come.
type pending uint8

const (
	pendingNone pending = iota
	pendingLine
	pendingEvent
)
