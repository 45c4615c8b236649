package tail

import (
	"bytes"
	"strconv"
	"time"

	"github.com/penstock/penstock/buffer/record"
)

// encoder builds batches from blocks. It has no state that outlives a block.
type encoder struct {
	maxLine        int
	long           string
	skipEmpty      bool
	pathHeader     string
	offsetHeader   string
	joined         bool // blocks have spans
	isContainerLog bool // blocks have records of containers' logs
	counts         *counts

	builder record.Builder
	headers []record.Header
	offset  []byte // scratch for the offset header
	text    []byte // scratch for decoded lines
	out     []encoded
}

func newEncoder(r *run) encoder {
	c := &r.tail.cfg
	return encoder{
		maxLine: int(
			c.MaxLineSize,
		),
		long:           c.LongLines,
		skipEmpty:      c.EmptyLines == "skip",
		joined:         c.Multiline != nil && !c.Container,
		isContainerLog: c.Container,
		pathHeader:     c.PathHeader,
		offsetHeader:   c.OffsetHeader,
		counts:         r.tail.counts,
	}
}

// encoded is a batch and the position after it. batch is nil when only the position has moved.
type encoded struct {
	batch *record.Batch
	fingerprints
	skip bool
	upto streamOffsets
}

// encode builds b's batches. The result is valid until the next call; the batches do not refer to
// b.
func (e *encoder) encode(f *file, path string, c *charset, b *block) []encoded {
	e.out = e.out[:0]
	e.begin(f, b, path)
	// Milliseconds are what the batch keeps without extra cost.
	now := time.Now().UnixMilli() * 1e6
	// Room for lines of 128 bytes and more; shorter ones make the builder grow.
	room := b.to - b.from
	room = min(room+room/10+64, record.TargetSize+record.TargetSize/8)
	e.builder.Reset(f.tag, f.origin, room)
	switch {
	case e.isContainerLog:
		return e.containers(f, b, room)
	case e.joined:
		for _, s := range b.spans {
			e.event(b, c, s, now)
			e.cut(f, b, s.to, room)
		}
	case c.unit == 1 && c.enc == nil && len(e.headers) == 0:
		e.plain(f, c, b, now, room)
	default:
		for at := b.from; at < b.to; {
			end, next := b.to, b.to
			if i := c.newline(b.raw[at:b.to]); i >= 0 {
				end, next = at+i, at+i+len(c.end)
			}
			line := b.raw[at:end]
			if next > end {
				line = c.trimCR(line)
			}
			e.line(c, b.base+int64(at), line, now)
			at = next
			e.cut(f, b, at, room)
		}
	}
	at := fingerprints{b.base + int64(b.end), b.head, tailOf(b.raw[:b.end])}
	if batch := e.builder.Build(); batch != nil || len(e.out) == 0 || b.end > b.to || b.skip {
		e.out = append(e.out, encoded{batch: batch, fingerprints: at, skip: b.skip})
	} else { // what follows the last batch became no record
		e.out[len(e.out)-1].fingerprints = at
	}
	return e.out
}

// containers builds the batches of a container's log. A batch ends where all that was made of a
// line of the file is in it.
func (e *encoder) containers(f *file, b *block, room int) []encoded {
	fixed := len(e.headers)
	if e.offsetHeader != "" {
		fixed-- // it stays the last
	}
	for i := range b.logged {
		l := &b.logged[i]
		e.headers = e.headers[:fixed]
		if name := streamNames[l.stream]; name != nil {
			e.headers = append(e.headers, record.Header{Key: "stream", Value: name})
		}
		if len(l.attrs) > 0 {
			e.headers = append(e.headers, record.Header{Key: "attrs", Value: l.attrs})
		}
		if e.offsetHeader != "" {
			e.headers = append(e.headers, record.Header{Key: e.offsetHeader})
		}
		e.line(csUTF8, l.off, l.text, l.time)
		if l.canResume && e.builder.Size() >= record.TargetSize {
			first := b.fingerprintsAt(l.first)
			e.out = append(e.out, encoded{e.builder.Build(), first, false, l.upto})
			e.builder.Reset(f.tag, f.origin, room)
		}
	}
	e.out = append(e.out, encoded{e.builder.Build(), b.fingerprintsAt(b.first), b.skip, b.upto})
	clear(b.logged) // it refers to what was held
	return e.out
}

// begin sets the headers of what comes from f, which is at path now.
func (e *encoder) begin(f *file, b *block, path string) {
	headers := f.headers
	if b.headers != nil {
		headers = b.headers
	}
	e.headers = append(e.headers[:0], headers...)
	if e.pathHeader != "" {
		e.headers = append(e.headers, record.Header{Key: e.pathHeader, Value: []byte(path)})
	}
	if e.offsetHeader != "" {
		e.headers = append(e.headers, record.Header{Key: e.offsetHeader})
	}
}

// plain is encode's loop for the common case: bytes as they are, no headers.
func (e *encoder) plain(f *file, c *charset, b *block, now int64, room int) {
	rest := b.raw[b.from:b.to]
	for len(rest) > 0 {
		line := rest
		if i := c.newline(rest); i >= 0 {
			line, rest = rest[:i], rest[i+len(c.end):]
			if i > 0 && line[i-1] == '\r' && c.crlf {
				line = line[:i-1]
			}
		} else {
			rest = nil
		}
		switch {
		case len(line) > e.maxLine:
			e.tooLong(csUTF8, 0, line, now)
		case len(line) == 0 && e.skipEmpty:
			continue
		default:
			e.builder.Append(now, nil, line, nil)
		}
		if e.builder.Size() >= record.TargetSize {
			e.cut(f, b, b.to-len(rest), room)
		}
	}
}

// cut ends the batch at the offset at of b if it is large enough.
func (e *encoder) cut(f *file, b *block, at, room int) {
	if e.builder.Size() < record.TargetSize {
		return
	}
	after := fingerprints{b.base + int64(at), b.head, tailOf(b.raw[:at])}
	e.out = append(e.out, encoded{batch: e.builder.Build(), fingerprints: after})
	e.builder.Reset(f.tag, f.origin, min(room, b.to-at+(b.to-at)/2+64))
}

func (e *encoder) event(b *block, c *charset, s span, now int64) {
	e.line(c, b.base+int64(s.from), c.trimEnd(b.raw[s.from:s.to]), now)
}

// line appends the line that begins at off, still encoded.
func (e *encoder) line(c *charset, off int64, line []byte, now int64) {
	switch {
	case len(line) > e.maxLine:
		e.tooLong(c, off, line, now)
	case len(line) == 0 && e.skipEmpty:
	default:
		e.add(c, off, line, now)
	}
}

// tooLong deals with a line over max_line_size that was read whole.
func (e *encoder) tooLong(c *charset, off int64, line []byte, now int64) {
	e.counts.long.Inc()
	switch e.long {
	case "truncate":
		e.add(c, off, line[:c.cut(line, e.maxLine)], now)
	case "split":
		for len(line) > 0 {
			n := len(line)
			if n > e.maxLine {
				n = c.cut(line, e.maxLine)
			}
			e.add(c, off, line[:n], now)
			line = line[n:]
			off += int64(n)
		}
	}
}

func (e *encoder) add(c *charset, off int64, line []byte, now int64) {
	if c.decodes() {
		e.text = c.decode(e.text[:0], line)
		line = e.text
	}
	switch {
	case !e.joined:
	case !c.crlf:
		line = bytes.ReplaceAll(line, c.text, []byte("\n"))
	case bytes.Contains(line, []byte("\r\n")):
		line = bytes.ReplaceAll(line, []byte("\r\n"), []byte("\n"))
	}
	if e.offsetHeader != "" {
		e.offset = strconv.AppendInt(e.offset[:0], off, 10)
		e.headers[len(e.headers)-1].Value = e.offset
	}
	if line == nil {
		line = []byte{}
	}
	e.builder.Append(now, nil, line, e.headers)
}
