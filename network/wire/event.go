package wire

import (
	"bytes"
	"errors"
	"io"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/msgpack"
)

// rawPart is the size of the parts in which bad events are handed out.
const rawPart = record.TargetSize

// leastText is how long an event's JSON may be, however short it is on the wire.
const leastText = 1 << 20

// smallPart is what there must be of a bad event that arrives in crumbs before a part of it is
// handed out.
const smallPart = 4 << 10

// Message is one message being read: all its events, then its Options.
type Message struct {
	Tag  string
	Mode Mode

	r     *Reader
	win   *window // what the events are read from: the connection's, or one over the inflated chunk
	begin int64   // of the message in the connection
	after uint64  // elements of the message after the events
	left  uint64  // events (message, forward) or bytes (packed) not yet read
	over  bool    // the chunk is over Limits.Message from the start
	maps  bool    // are handed out as they came

	compressed
	scanning
	unusable

	json    *jsonMessage
	ev      Event
	scratch []byte
	headers []record.Header
}

// compressed is the chunk, if it is compressed.
type compressed struct {
	codec    string
	payload  []byte
	inflater *inflater
}

// scanning looks for the end of an event that is not at hand as a whole.
type scanning struct {
	scan    skipper
	scanned int // one more than the bytes of it that scan has seen; 0 when not scanning
}

// unusable is what is handed out raw, in parts.
type unusable struct {
	bad  Reason  // of the event that is being skipped; "" when none is
	skip skipper // in it
	rest Reason  // why all that is left of the chunk is handed out raw; "" when it is not
	dead []byte  // what is left of a payload handed out raw
	part int
}

// Codec returns "gzip" or "zstd" for a compressed chunk, else "".
func (m *Message) Codec() string { return m.codec }

// Event returns the next event, or io.EOF after the last one. Other errors end the connection.
func (m *Message) Event() (*Event, error) {
	if m.json != nil {
		return m.jsonEvent()
	}
	for {
		switch {
		case m.dead != nil:
			return m.deadPart()
		case m.rest != "":
			return m.restPart()
		case m.bad != "":
			ev, err := m.skipPart()
			if ev != nil || err != nil {
				return ev, err
			}
		case m.left == 0:
			return nil, io.EOF
		default:
			ev, err := m.event()
			if ev != nil || err != nil {
				return ev, err
			}
		}
	}
}

// KeepMaps has the maps of the events handed out as they came rather than as JSON, where they are
// msgpack. What cannot become JSON is bad all the same.
func (m *Message) KeepMaps() { m.maps = true }

// Left returns the bytes of events that are still to come, by the sender's word; 0 where it is not
// known. Never allocate as much.
func (m *Message) Left() uint64 {
	if m.Mode == ModePacked && m.json == nil {
		return m.left
	}
	return 0
}

// at returns the bytes at hand that belong to the events, and whether no more will come.
func (m *Message) at() (b []byte, last bool) {
	b = m.win.bytes()
	if m.Mode == ModePacked && uint64(len(b)) >= m.left {
		return b[:m.left], true
	}
	return b, false
}

func (m *Message) took(n int) {
	m.win.advance(n)
	if m.Mode == ModePacked {
		m.left -= uint64(n)
	}
}

// more reads on. Done tells that the chunk has ended.
func (m *Message) more() (done bool, err error) {
	err = m.win.fill(m.r.lim.Record)
	if err == nil || err == errWindowFull {
		return false, err
	}
	if m.inflater == nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return false, err
	}
	switch {
	case err == io.EOF:
		return true, nil
	case errors.Is(err, errBomb):
		m.dump(Bomb)
	case errors.Is(err, errCorrupt):
		m.dump(Corrupt)
	default:
		return false, err
	}
	return false, nil
}

// event reads one event. It returns nothing when the state has changed and the caller is to look
// again.
func (m *Message) event() (*Event, error) {
	b, last := m.at()
	if len(b) > 0 && m.whole(b, last) {
		n, err := m.parse(b)
		switch {
		case err == nil && n > m.r.lim.Record:
			m.startSkip(TooLarge)
			return nil, nil
		case err == nil:
			m.took(n)
			m.scanned = 0
			if m.Mode == ModeMessage || m.Mode == ModeForward {
				m.left--
			}
			if m.over || m.win == &m.r.win && m.win.gone-m.begin > m.r.lim.Message {
				m.bury(TooLarge)
			}
			return &m.ev, nil
		case err == msgpack.ErrShort && !last:
			m.startScan() // and read on
		case err == msgpack.ErrShort:
			m.rest = Garbage
			return nil, nil
		case errors.Is(err, ErrMalformed):
			if m.Mode == ModePacked || m.Mode == ModeCompressed {
				m.rest = Garbage
				return nil, nil
			}
			return nil, err
		case err == ErrDepth:
			m.startSkip(TooDeep)
			return nil, nil
		case err == msgpack.ErrLong && m.scanned == 0 && !last: // may be in proportion to all of it
			m.startScan()
		case err == msgpack.ErrLong:
			m.startSkip(TooLarge)
			return nil, nil
		default:
			m.startSkip(NotEvent)
			return nil, nil
		}
	}
	done, err := m.more()
	if err == errWindowFull {
		m.startSkip(TooLarge)
		return nil, nil
	}
	if done {
		if len(b) > 0 {
			m.rest = Garbage
		} else {
			m.left = 0
		}
	}
	return nil, err
}

// whole reports whether it is worth while to parse the event that b begins with. An event that
// arrives in crumbs is parsed once, not once per crumb.
func (m *Message) whole(b []byte, last bool) bool {
	if m.scanned == 0 || last {
		return true
	}
	n, done, err := m.scan.step(b[m.scanned-1:])
	m.scanned += n
	return done || err != nil
}

func (m *Message) startScan() {
	m.scanned = 1
	m.scan = skipper{left: 1}
	if m.Mode == ModeMessage {
		m.scan.left = 2
	}
}

var errNotEvent = errors.New("not an event")

// parse reads the event that b begins with into m.ev and returns its length.
func (m *Message) parse(b []byte) (int, error) {
	at := 0
	if m.Mode != ModeMessage && len(b) > 0 && b[0] == 0x92 {
		at = 1
	} else if m.Mode != ModeMessage {
		h, err := msgpack.ReadHead(b)
		if err != nil {
			return 0, err
		}
		if h.Kind != msgpack.Array || h.N != 2 {
			return 0, errNotEvent
		}
		at = h.Size
	}
	ns, now, meta, n, err := readTime(b[at:])
	if err != nil {
		return 0, err
	}
	at += n
	h, err := msgpack.ReadHead(b[at:])
	if err != nil {
		return 0, err
	}
	if h.Kind != msgpack.Map {
		return 0, errNotEvent
	}
	m.ev = Event{Time: ns, Now: now}
	if now {
		m.ev.Time = m.r.clock().UnixNano()
	}
	if meta != nil && !msgpack.IsEmptyMap(meta) {
		if m.ev.Meta, _, err = msgpack.AppendJSON(nil, meta, m.r.lim.Depth); err != nil {
			return 0, err
		}
	}
	if bytes.HasPrefix(b[at+h.Size:], exactMark) {
		n, err := m.exact(b[at:], h)
		if err != errNotExact {
			return at + n, err
		}
	}
	return m.record(&m.ev, b, at)
}

// record reads the map at a place in b into ev and returns where it ends.
func (m *Message) record(ev *Event, b []byte, at int) (end int, err error) {
	// An event that becomes much longer as JSON would cost many times what it is: it counts as too
	// large.
	most := len(b) + len(b)/4 + leastText
	if len(b) > leastText && cap(m.scratch) < most && !m.maps { // at once, not by growing
		m.scratch = make([]byte, 0, most+64) // and what one number may be over
	}
	var text []byte
	if m.maps {
		text, end, err = msgpack.Check(m.scratch, b, at, m.r.lim.Depth, most)
	} else {
		text, end, err = msgpack.Transcode(m.scratch[:0], b, at, m.r.lim.Depth, most)
	}
	if cap(text) <= quietWindow || err == nil {
		m.scratch = text
	}
	if ev.Record = text; m.maps && err == nil {
		ev.Record, ev.Form = b[at:end:end], record.Msgpack
	}
	return end, err
}

// bury marks the event at hand as bad. It was read as a good one.
func (m *Message) bury(why Reason) {
	if m.ev.Form == record.Msgpack {
		m.scratch, _, _ = msgpack.AppendJSON(m.scratch[:0], m.ev.Record, m.r.lim.Depth)
		m.ev.Record, m.ev.Form = m.scratch, record.AsSeen
	}
	m.ev.Bad = why
}

func (m *Message) startSkip(why Reason) {
	m.bad, m.part, m.scanned = why, 0, 0
	m.skip = skipper{left: 1}
	if m.Mode == ModeMessage {
		m.skip.left = 2
	}
}

// skipPart hands out the next part of a bad event.
func (m *Message) skipPart() (*Event, error) {
	var b []byte
	n, done := 0, false
	for {
		var last bool
		b, last = m.at()
		b = b[:min(len(b), rawPart)]
		var more int
		var err error
		if more, done, err = m.skip.step(b[n:]); err != nil {
			if m.Mode == ModePacked || m.Mode == ModeCompressed {
				m.bad, m.rest = "", Garbage
				return nil, nil
			}
			return nil, err
		}
		if n += more; done || n >= smallPart {
			break
		}
		if last {
			m.bad, m.rest = "", Garbage
			return nil, nil
		}
		ended, err := m.more()
		if err == errWindowFull && n > 0 {
			break
		}
		if ended || m.dead != nil {
			m.bad = ""
			if ended && len(b) > 0 {
				m.rest = Garbage
			} else if ended {
				m.left = 0
			}
		}
		if ended || m.dead != nil || err != nil {
			return nil, err
		}
	}
	count := uint64(1)
	if done && m.bad == NotEvent && m.Mode != ModeMessage {
		more, events := m.run(b[n:])
		n += more
		count += events
	}
	ev := m.badEvent(m.bad, b[:n])
	ev.Count = int(count)
	m.took(n)
	if done {
		m.bad = ""
		if m.Mode == ModeMessage || m.Mode == ModeForward {
			m.left -= count
		}
	}
	return ev, nil
}

// run returns the length and number of the values at the beginning of b that are no events either:
// garbage of single bytes would otherwise become a record for each.
func (m *Message) run(b []byte) (n int, events uint64) {
	for n < len(b) && (m.Mode != ModeForward || events+1 < m.left) {
		if _, err := m.parse(
			b[n:],
		); err == nil || err == msgpack.ErrShort || err == ErrDepth || err == msgpack.ErrLong ||
			errors.Is(err, ErrMalformed) {
			break
		}
		s := skipper{left: 1}
		size, done, err := s.step(b[n:])
		if !done || err != nil {
			break
		}
		n += size
		events++
	}
	return n, events
}

func (m *Message) badEvent(why Reason, raw []byte) *Event {
	m.ev = Event{Bad: why, Raw: raw, Part: m.part, Count: 1, Time: m.r.clock().UnixNano()}
	m.part++
	return &m.ev
}

// restPart hands out the next part of a chunk that cannot be read on.
func (m *Message) restPart() (*Event, error) {
	if m.inflater != nil {
		m.dump(m.rest)
		m.rest = ""
		return m.deadPart()
	}
	if m.left == 0 {
		m.rest = ""
		return nil, io.EOF
	}
	n := int(min(m.left, rawPart))
	p, err := m.win.take(m.scratch[:0], n, nil)
	if err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	m.scratch = p
	m.left -= uint64(n)
	return m.badEvent(m.rest, p), nil
}

// dump hands out the compressed chunk as it came. Events that were read before are in it a second
// time.
func (m *Message) dump(why Reason) {
	m.bad, m.left, m.part = why, 0, 0
	m.dead = m.payload
}

func (m *Message) deadPart() (*Event, error) {
	if len(m.dead) == 0 {
		m.dead, m.bad = nil, ""
		return nil, io.EOF
	}
	n := min(len(m.dead), rawPart)
	p := m.dead[:n]
	m.dead = m.dead[n:]
	return m.badEvent(m.bad, p), nil
}

// finish gives back what the message held.
func (m *Message) finish() {
	if m.inflater != nil {
		m.inflater.close()
		m.inflater = nil
		m.win.release()
	}
	if m.payload != nil {
		_ = charge(m.r.lim.Memory, cap(m.payload), 0)
		m.payload, m.dead = nil, nil
	}
	if cap(m.scratch) > quietWindow {
		m.scratch = nil
	}
}
