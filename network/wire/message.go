package wire

import (
	"bytes"
	"errors"
	"io"
	"math"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/msgpack"
)

// Limits bound what a peer can make the reader hold. All must be positive but Memory, which may be
// nil.
type Limits struct {
	// bytes of one message on the wire; events beyond are marked TooLarge, a compressed chunk
	// beyond is handed out raw
	Message  int64
	Inflated int64 // bytes of one chunk inflated; beyond, the compressed chunk is handed out raw
	Record   int   // bytes of one event on the wire, or of one message on a JSON connection
	Depth    int   // nesting of a record
	Memory   Budget
}

// Mode is one of the protocol's event modes.
type Mode uint8

const (
	ModeMessage Mode = iota
	ModeForward
	ModePacked
	ModeCompressed
)

var modeNames = [...]string{"message", "forward", "packed", "compressed"}

func (m Mode) String() string { return modeNames[m] }

// Reason says why an event is no ordinary record.
type Reason string

const (
	NotEvent Reason = "not_an_event"        // not [time, map]
	TooDeep  Reason = "too_deep"            // nested beyond Limits.Depth
	TooLarge Reason = "too_large"           // beyond Limits.Message or Limits.Record
	Bomb     Reason = "inflated_too_large"  // beyond Limits.Inflated
	Corrupt  Reason = "corrupt_compression" // does not inflate
	Garbage  Reason = "malformed"           // not msgpack
)

// Event is one event of a message. Its slices are valid until the next call to the Reader or the
// Message.
type Event struct {
	Time   int64  // nanoseconds since the epoch
	Now    bool   // the sender left the time to the receiver
	Meta   []byte // v1.5 metadata as JSON; nil when empty
	Record []byte // the value: JSON, or as it was given to the other penstock
	// of Record: Msgpack, which is a map as it came, only after Message.KeepMaps, and not if the
	// event is bad
	Form record.Form

	Exact   bool // from another penstock; the next three are set
	Key     []byte
	Headers []record.Header
	Origin  string // of this and later events of the message; "" when not said

	Bad Reason // not ""; the event is for the dead letter
	// what a bad event held, or one part of it; nil when Record is good but over a limit
	Raw  []byte
	Part int // of Raw, from 0
	// Count is the number of bad events that Raw holds, one after another; 1 for a part of one.
	Count int
}

// Reader reads messages from one connection. Not safe for concurrent use.
type Reader struct {
	win     window
	lim     Limits
	msg     Message
	started bool
	json    bool
	inside  bool
	first   []byte // of the connection
	ignored uint64
	clock   func() time.Time
}

// NewReader returns a Reader of src, whose first byte decides between msgpack and JSON.
func NewReader(src io.Reader, lim Limits) *Reader {
	return &Reader{win: window{src: src, budget: lim.Memory}, lim: lim, clock: time.Now}
}

// JSON reports whether the connection speaks JSON; known after the first Next.
func (r *Reader) JSON() bool { return r.json }

// Inside reports whether the reader stands within a message.
func (r *Reader) Inside() bool { return r.inside }

// First returns the first bytes of the connection, up to 16: what a peer that does not speak the
// protocol can be told by.
func (r *Reader) First() []byte { return r.first }

// Ignored returns how many values were passed over that are neither messages nor heartbeats.
func (r *Reader) Ignored() uint64 { return r.ignored }

// Close gives shared memory back. The Reader is of no use afterwards.
func (r *Reader) Close() {
	r.msg.finish()
	r.win.release()
}

// Next reads on to the next message, past heartbeats and other values that are not messages. The
// message before it must have been read to its Options. io.EOF tells that the stream ended between
// two messages.
func (r *Reader) Next() (*Message, error) {
	if !r.started {
		if err := r.need(1); err != nil {
			return nil, err
		}
		r.started = true
		r.first = append(r.first, r.win.bytes()[:min(len(r.win.bytes()), 16)]...)
		c := r.first[0]
		r.json = c == '{' || c == '['
	}
	if r.json {
		return r.nextJSON()
	}
	for {
		if err := r.need(1); err != nil {
			return nil, err
		}
		h, err := r.head()
		if err != nil {
			return nil, err
		}
		if h.Kind == msgpack.Array {
			r.inside = true
			r.win.advance(h.Size)
			return r.open(h.N)
		}
		if h.Kind != msgpack.Nil {
			r.ignored++
			r.inside = true
		}
		if err := r.skipValue(); err != nil {
			return nil, err
		}
		r.inside = false
	}
}

// need makes at least n bytes of the next value available.
func (r *Reader) need(n int) error {
	for len(r.win.bytes()) < n {
		if err := r.win.fill(r.lim.Record); err != nil {
			if err == io.EOF && (r.inside || len(r.win.bytes()) > 0) {
				return io.ErrUnexpectedEOF
			}
			return err
		}
	}
	return nil
}

// head reads the head of the next value without taking it.
func (r *Reader) head() (msgpack.Head, error) {
	for n := 1; ; n++ {
		if err := r.need(n); err != nil {
			return msgpack.Head{}, err
		}
		h, err := msgpack.ReadHead(r.win.bytes())
		if err != msgpack.ErrShort {
			return h, err
		}
		n = len(r.win.bytes())
	}
}

// skipValue takes one value of any size.
func (r *Reader) skipValue() error {
	s := skipper{left: 1}
	for {
		n, done, err := s.step(r.win.bytes())
		r.win.advance(n)
		if done || err != nil {
			return err
		}
		if err := r.need(len(r.win.bytes()) + 1); err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
	}
}

// open begins the message whose array head, of n elements, was taken.
func (r *Reader) open(n uint64) (*Message, error) {
	m := &r.msg
	*m = Message{r: r, win: &r.win, begin: r.win.gone, scratch: m.scratch, headers: m.headers}
	if n < 2 {
		return nil, msgpack.Malformed("message of %d elements", n)
	}
	tag, err := r.string(maxTag)
	if err != nil {
		return nil, err
	}
	m.Tag = string(tag)
	h, err := r.head()
	if err != nil {
		return nil, err
	}
	switch h.Kind {
	case msgpack.Str, msgpack.Bin:
		r.win.advance(h.Size)
		m.Mode, m.after, m.left = ModePacked, n-2, h.N
		return m, m.sniff()
	case msgpack.Array:
		forward, err := r.isForward(h)
		if err != nil {
			return nil, err
		}
		if forward {
			r.win.advance(h.Size)
			m.Mode, m.after, m.left = ModeForward, n-2, h.N
			return m, nil
		}
	}
	if n < 3 {
		return nil, msgpack.Malformed("message of %d elements without a record", n)
	}
	m.Mode, m.after, m.left = ModeMessage, n-3, 1
	return m, nil
}

const maxTag = 64 << 10

// string takes a str or bin of at most limit bytes; it is valid until the next read.
func (r *Reader) string(limit int) ([]byte, error) {
	for {
		s, size, err := msgpack.ReadString(r.win.bytes())
		if err == nil {
			r.win.advance(size)
			return s, nil
		}
		if err != msgpack.ErrShort {
			return nil, err
		}
		if len(r.win.bytes()) > limit {
			return nil, msgpack.Malformed("name of more than %d bytes", limit)
		}
		if err := r.need(len(r.win.bytes()) + 1); err != nil {
			return nil, err
		}
	}
}

// isForward tells a list of events from the [time, metadata] of a single one, h being the head of
// either.
func (r *Reader) isForward(h msgpack.Head) (bool, error) {
	if h.N != 2 {
		return true, nil
	}
	if err := r.need(h.Size + 1); err != nil {
		return false, err
	}
	switch c := r.win.bytes()[h.Size]; {
	case c < 0x80, c >= 0xe0, c == 0xc0, c >= 0xc7 && c <= 0xd8:
		return false, nil
	}
	return true, nil
}

var (
	gzipMagic = []byte{0x1f, 0x8b}
	zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}
)

// sniff finds out whether a packed chunk is compressed: the option that says so comes only after
// it, but neither magic number can begin an event.
func (m *Message) sniff() error {
	n := int(min(m.left, uint64(len(zstdMagic))))
	if err := m.r.need(n); err != nil {
		return err
	}
	b := m.win.bytes()[:n]
	switch {
	case bytes.HasPrefix(b, gzipMagic):
		m.codec = "gzip"
	case bytes.HasPrefix(b, zstdMagic):
		m.codec = "zstd"
	default:
		m.over = m.left > uint64(m.r.lim.Message)
		return nil
	}
	m.Mode = ModeCompressed
	if m.left > uint64(m.r.lim.Message) {
		m.rest = TooLarge
		return nil
	}
	// The chunk is held whole, so that it can go to the dead letter whole if it does not inflate as
	// it should.
	var err error
	if m.payload, err = m.win.take(nil, int(m.left), m.r.lim.Memory); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	m.inflater, err = newInflater(m.codec, m.payload, m.r.lim.Inflated)
	if err != nil {
		m.dump(Corrupt)
		return nil
	}
	m.win = &window{src: m.inflater, budget: m.r.lim.Memory}
	m.left = math.MaxUint64
	return nil
}

// skipper finds the end of a value that is not at hand as a whole, in constant memory.
type skipper struct{ left, body uint64 }

// step takes what it can of b, and reports whether the value ends there.
func (s *skipper) step(b []byte) (n int, done bool, err error) {
	for {
		if s.body > 0 {
			m := int(min(s.body, uint64(len(b)-n)))
			n += m
			if s.body -= uint64(m); s.body > 0 {
				return n, false, nil
			}
		}
		if s.left == 0 {
			return n, true, nil
		}
		h, err := msgpack.ReadHead(b[n:])
		if errors.Is(err, msgpack.ErrShort) {
			return n, false, nil
		}
		if err != nil {
			return n, false, err
		}
		n += h.Size
		s.left--
		s.body = h.Body()
		switch h.Kind {
		case msgpack.Array:
			s.left += h.N
		case msgpack.Map:
			s.left += 2 * h.N
		}
	}
}
