package tail

import (
	"bytes"
	"time"

	"github.com/penstock/penstock/inputs/container"
	"github.com/penstock/penstock/inputs/join"
	"github.com/tidwall/gjson"
)

// The streams of a container's log, each of which has lines, parts of lines and events of its own.
const (
	stdout = iota
	stderr
	noStream // what a runtime did not write, or said no stream of
	streams
)

var streamNames = [streams][]byte{[]byte("stdout"), []byte("stderr"), nil}

// streamOffsets is, for each stream, where what has been delivered of it ends. Lines of a stream
// before that are not delivered again when reading begins before them, for the sake of another
// stream.
type streamOffsets [streams]int64

// stored returns u as the position at off wants it: nothing, mostly.
func (u streamOffsets) stored(off int64) []int64 {
	for _, end := range u {
		if end > off {
			return u[:]
		}
	}
	return nil
}

// containerRecord is a record of a container's log.
type containerRecord struct {
	text   []byte
	attrs  []byte // Docker's, as JSON
	time   int64
	off    int64 // where it begins in the file
	stream int
	// all that was made of a line of the file is here or before: where reading would go on is known
	canResume bool
	first     int64 // the first line that is not delivered with this
	upto      streamOffsets
}

// held is what has been read and waits for what it goes on with. It lies in memory; its file is
// read again from off should the agent end before it is delivered.
type held struct {
	open  bool
	at    fingerprints // of off; without fingerprints until the block has been read
	end   int64
	text  []byte
	attrs []byte
	time  int64
	over  bool // longer than allowed, and the rest is left out
}

// streamState is what is held of a stream: an event, and behind it parts of a line.
type streamState struct {
	event, line held
	lines       int // of event
	state       join.State
	since       time.Time // when the last of it was read
}

// containers is the framing of what container runtimes write: CRI and Docker's json-file, told by
// each line.
type containers struct {
	rules               *join.Rules // of events of several lines; nil for none
	maxLines, maxSize   int
	long                string
	eventWait, lineWait time.Duration
	now                 func() time.Time
	counts              *counts
}

// partWait is how long the rest of a line that a runtime has cut is waited for. The parts of a line
// are written at once, but for a program that writes more than 16 KiB and not the line's end.
const partWait = 5 * time.Second

func newContainers(c *Config, counts *counts) *containers {
	if !c.Container {
		return nil
	}
	f := &containers{
		maxSize: int(c.MaxLineSize), long: c.LongLines, lineWait: partWait, now: time.Now,
		counts: counts,
	}
	if c.PartialLine > 0 {
		f.lineWait = c.PartialLine
	}
	if m := c.Multiline; m != nil {
		f.rules, f.maxLines, f.eventWait = join.New(m.Patterns), m.MaxLines, m.Timeout
	}
	return f
}

// eventTimeout is how long a file must be quiet before its last event is complete.
func (c *Config) eventTimeout() time.Duration {
	switch {
	case c.Multiline != nil:
		return c.Multiline.Timeout
	case c.PartialLine > 0:
		return c.PartialLine
	}
	return partWait
}

// frame takes the complete lines in b.raw. eof and finish: nothing is added any more.
func (f *containers) frame(b *block, r *readState, raw []byte, full, partial, finish bool) framed {
	if r.streams == nil {
		r.streams = new([streams]streamState)
	}
	for i := range r.streams {
		for _, h := range []*held{&r.streams[i].event, &r.streams[i].line} {
			if h.open {
				b.held = append(b.held, h.at)
			}
		}
	}
	b.head = r.head
	b.held = append(b.held, r.fingerprints)
	now := f.now()
	at := b.from
	for at < b.to {
		n := bytes.IndexByte(raw[at:b.to], '\n')
		f.line(b, r, at, at+n+1, raw[at:at+n], now)
		at += n + 1
	}
	if partial && at < len(raw) {
		f.line(b, r, at, len(raw), raw[at:], now)
		at = len(raw)
	}
	b.to, b.end = at, at
	before := len(b.logged)
	for s := range r.streams {
		st := &r.streams[s]
		if quiet := now.Sub(st.since); st.line.open && (finish || quiet >= f.lineWait) {
			f.endLine(b, r, s)
		}
		if !st.line.open && st.event.open && (finish || now.Sub(st.since) >= f.eventWait) {
			f.emit(b, r, s, &st.event)
			f.counts.eventFlush.Inc()
		}
	}
	f.noteResume(b, r, before, b.base+int64(at))
	holds := f.keep(b, r)
	switch {
	case full && at == 0:
		return framed{needsMore: true}
	case holds > 0:
		return framed{pending: pendingEvent, holds: holds}
	case at < len(b.raw):
		return framed{pending: pendingLine}
	}
	return framed{}
}

// cutLong deals with a line longer than any runtime writes, which framer.cutLong has cut. Nothing
// is held across it.
func (f *containers) cutLong(b *block, r *readState, raw []byte) {
	if r.streams == nil {
		r.streams = new([streams]streamState)
	}
	b.head, b.held = r.head, append(b.held, r.fingerprints)
	for s := range r.streams {
		f.endLine(b, r, s)
		f.emit(b, r, s, &r.streams[s].event)
	}
	if b.to > b.from {
		f.foreign(b, r, b.from, b.to, raw[b.from:b.to], f.now())
	}
	f.noteResume(b, r, 0, b.base+int64(b.end))
	f.keep(b, r)
}

// line takes the line of the file that stands from at to next.
func (f *containers) line(b *block, r *readState, at, next int, text []byte, now time.Time) {
	before := len(b.logged)
	defer f.noteResume(b, r, before, b.base+int64(next))
	off, end := b.base+int64(at), b.base+int64(next)
	p, ok := parseContainerLine(text)
	if off < r.upto[p.stream] {
		return // it was delivered, and is read again for what another stream has begun before it
	}
	if !ok {
		f.foreign(b, r, at, next, bytes.TrimSuffix(text, []byte("\r")), now)
		return
	}
	st := &r.streams[p.stream]
	st.since = now
	l := &st.line
	if l.open && len(l.text)+len(p.text) > f.maxSize {
		if f.long == "split" {
			f.counts.long.Inc()
			f.endLine(b, r, p.stream)
		} else if !l.over {
			f.counts.long.Inc()
			l.over = true
			if room := f.maxSize - len(l.text); f.long == "truncate" {
				l.text = append(l.text, p.text[:csUTF8.cut(p.text, room)]...)
			}
		}
	}
	switch {
	case l.open:
		if l.end = end; !l.over {
			l.text = append(l.text, p.text...)
		}
	case p.partial:
		*l = held{
			open: true, at: fingerprints{off: off}, end: end, time: p.time,
			text: bytes.Clone(p.text), attrs: bytes.Clone(p.attrs),
		}
	default:
		whole := held{
			open: true, at: fingerprints{off: off}, end: end, time: p.time,
			text: p.text, attrs: p.attrs,
		}
		f.join(b, r, p.stream, &whole)
		return
	}
	if !p.partial {
		f.endLine(b, r, p.stream)
	}
}

// endLine takes the line that is held of a stream as complete.
func (f *containers) endLine(b *block, r *readState, s int) {
	l := r.streams[s].line
	if !l.open {
		return
	}
	r.streams[s].line = held{}
	if l.over && f.long == "skip" {
		return
	}
	f.join(b, r, s, &l)
}

// foreign takes a line that no runtime has written as a record of its own.
func (f *containers) foreign(b *block, r *readState, at, next int, text []byte, now time.Time) {
	f.counts.notContainer.Inc()
	f.endLine(b, r, noStream)
	f.emit(b, r, noStream, &r.streams[noStream].event)
	f.emit(b, r, noStream, &held{
		open: true, at: fingerprints{off: b.base + int64(at)}, end: b.base + int64(next),
		text: text, time: now.UnixMilli() * 1e6,
	})
}

// join takes a complete line of a stream; its text is not kept.
func (f *containers) join(b *block, r *readState, s int, l *held) {
	if f.rules == nil {
		f.emit(b, r, s, l)
		return
	}
	st := &r.streams[s]
	if e := &st.event; e.open {
		belongs, whole := f.rules.Next(&st.state, l.text)
		if belongs && (st.lines >= f.maxLines || len(e.text)+1+len(l.text) > f.maxSize) {
			f.counts.eventLimit.Inc()
			belongs = false
		}
		if belongs {
			e.text = append(append(e.text, '\n'), l.text...)
			e.end = l.end
			if st.lines++; whole {
				f.emit(b, r, s, e)
			}
			return
		}
		f.emit(b, r, s, e)
	}
	if f.rules.Begin(&st.state, l.text) {
		f.emit(b, r, s, l)
		return
	}
	st.event, st.lines = *l, 1
	st.event.text, st.event.attrs = bytes.Clone(l.text), bytes.Clone(l.attrs)
}

// emit makes a record of h, if it is open.
func (f *containers) emit(b *block, r *readState, s int, h *held) {
	if !h.open {
		return
	}
	b.logged = append(b.logged, containerRecord{
		text: h.text, attrs: h.attrs, time: h.time, off: h.at.off, stream: s,
	})
	r.upto[s] = max(r.upto[s], h.end)
	*h = held{}
}

// noteResume notes where reading would go on after the records from before on, with all before end
// taken.
func (f *containers) noteResume(b *block, r *readState, before int, end int64) {
	if len(b.logged) == before {
		return
	}
	last := &b.logged[len(b.logged)-1]
	last.canResume, last.first, last.upto = true, r.first(end), r.upto
}

// first returns where the first line that is not delivered begins, if all before end is taken.
func (r *readState) first(end int64) int64 {
	for s := range r.streams {
		st := &r.streams[s]
		if st.event.open {
			end = min(end, st.event.at.off)
		}
		if st.line.open {
			end = min(end, st.line.at.off)
		}
	}
	return end
}

// keep gives what is held its fingerprints, while its bytes are at hand. It returns of how many
// streams something is.
func (f *containers) keep(b *block, r *readState) (holds int) {
	for s := range r.streams {
		for _, h := range []*held{&r.streams[s].event, &r.streams[s].line} {
			if h.open && h.at.off >= b.base {
				h.at = b.fingerprintsAt(h.at.off)
			}
		}
		if st := &r.streams[s]; st.event.open || st.line.open {
			holds++
		}
	}
	b.first, b.upto = r.first(b.base+int64(b.end)), r.upto
	return holds
}

// fingerprintsAt returns the fingerprints at off, which is in the block or held.
func (b *block) fingerprintsAt(off int64) fingerprints {
	for _, p := range b.held {
		if p.off == off {
			return p
		}
	}
	n := int(off - b.base)
	p := fingerprints{off: off, head: b.head, tail: tailOf(b.raw[:n])}
	if b.base == 0 {
		p.head = headOf(b.raw[:n])
	}
	return p
}

// containerPart is what a line of a container's log says.
type containerPart struct {
	stream  int
	time    int64
	text    []byte
	attrs   []byte
	partial bool // the line that the container has written goes on in the next of its stream
}

// parseContainerLine reads a line of a CRI runtime or of Docker's json-file. Where it is neither,
// ok is false, and the stream is noStream.
func parseContainerLine(line []byte) (p containerPart, ok bool) {
	if len(line) > 0 && line[0] == '{' {
		p, ok = parseDocker(line)
	} else {
		p, ok = parseCRI(line)
	}
	if !ok {
		return containerPart{stream: noStream}, false
	}
	if !p.partial {
		p.text = bytes.TrimSuffix(p.text, []byte("\r"))
	}
	return p, true
}

func parseCRI(line []byte) (p containerPart, ok bool) {
	l, ok := container.ParseCRI(line)
	if !ok {
		return p, false
	}
	t, err := time.Parse(time.RFC3339Nano, string(l.Time))
	if err != nil {
		return p, false
	}
	return containerPart{
		stream: streamOf(string(l.Stream)), time: t.UnixNano(), text: l.Text, partial: l.IsPartial,
	}, true
}

func parseDocker(line []byte) (p containerPart, ok bool) {
	p.stream = noStream
	ok = container.ParseDocker(line, func(text []byte, isPartial bool) {
		p.text, p.partial = text, isPartial
	}, func(name string, v gjson.Result) {
		switch name {
		case "stream":
			p.stream = streamOf(v.Str)
		case "time":
			if t, err := time.Parse(time.RFC3339Nano, v.Str); err == nil {
				p.time = t.UnixNano()
			}
		case "attrs":
			p.attrs = []byte(v.Raw)
		}
	})
	return p, ok && p.time != 0
}

func streamOf(name string) int {
	switch name {
	case "stdout":
		return stdout
	case "stderr":
		return stderr
	}
	return noStream
}
