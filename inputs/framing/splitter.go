package framing

import (
	"bytes"
	"io"
)

// Mode says how frames are told apart in a stream.
type Mode uint8

const (
	Newline Mode = iota // a frame ends at a newline; "\r\n" counts as one
	// a frame is preceded by its length in decimal digits and a space: RFC 6587, 3.4.1
	Octets
	Auto // for each frame its length or its end: a length is digits, a space and "<"
	Text // a frame ends at a newline or a NUL
)

const firstBuffer = 4 << 10

// Splitter cuts a stream into frames of at most max bytes. It reads only when it holds no whole
// frame. Not safe for concurrent use.
type Splitter struct {
	src     io.Reader
	mode    Mode
	max     int
	buf     []byte
	r, w    int
	scanned int   // bytes from r on without an end
	rest    int64 // bytes left of a counted frame over the limit
	long    bool  // within a line over the limit
	err     error
}

// NewSplitter returns a Splitter of src.
func NewSplitter(src io.Reader, mode Mode, max int) *Splitter {
	return &Splitter{src: src, mode: mode, max: max}
}

// Next returns the next frame, valid until the next call, without its end. A frame over the limit
// comes in parts; all but the first are marked continued. What stands last in the stream without an
// end is a frame; then the error is that of the source, io.EOF mostly.
func (s *Splitter) Next() (frame []byte, continued bool, err error) {
	for {
		if frame, continued, ok := s.cut(); ok {
			if continued && len(frame) == 0 { // the line ended just where it was cut
				continue
			}
			return frame, continued, nil
		}
		if s.err != nil {
			frame = s.buf[s.r:s.w]
			continued = s.rest > 0 || s.long
			s.r, s.rest, s.long = s.w, 0, false
			if len(frame) > 0 {
				return frame, continued, nil
			}
			return nil, false, s.err
		}
		s.fill()
	}
}

// cut takes a frame, or part of one, out of the buffer if there is one.
func (s *Splitter) cut() (frame []byte, continued, ok bool) {
	data := s.buf[s.r:s.w]
	if s.rest > 0 {
		n := int(min(int64(len(data)), s.rest, int64(s.max)))
		if n == 0 || n < s.max && int64(n) < s.rest {
			return nil, false, false
		}
		s.r += n
		s.rest -= int64(n)
		return data[:n], true, true
	}
	if !s.long {
		// Some senders end counted frames with a newline as well, and empty lines say nothing.
		for len(data) > 0 && (data[0] == '\n' || data[0] == '\r' || data[0] == 0) {
			data = data[1:]
			s.r++
			s.scanned = 0
		}
		if s.mode == Octets || s.mode == Auto {
			size, head, known := s.counted(data)
			if !known {
				return nil, false, false
			}
			if head > 0 {
				return s.cutCounted(data, size, head)
			}
		}
	}
	if i := s.end(data[min(s.scanned, len(data)):]); i >= 0 {
		n := s.scanned + i
		if n <= s.max {
			continued, s.long = s.long, false
			s.r += n + 1
			s.scanned = 0
			return bytes.TrimSuffix(data[:n], []byte{'\r'}), continued, true
		}
	}
	if len(data) > s.max { // one more than the limit: the next byte may be the end
		continued, s.long = s.long, true
		s.r += s.max
		s.scanned = 0
		return data[:s.max], continued, true
	}
	s.scanned = len(data)
	return nil, false, false
}

// window is how far end looks for a newline before it looks for a NUL: many short frames are at
// hand, and each is to be found without a look at all that follow it.
const window = 512

// end returns where the frame that b begins with ends; -1 if it does not. Python's SysLogHandler
// and GELF end a message with a NUL instead of a newline.
func (s *Splitter) end(b []byte) int {
	if s.mode == Newline {
		return bytes.IndexByte(b, '\n')
	}
	for at := 0; at < len(b); at += window {
		part := b[at:min(len(b), at+window)]
		i := bytes.IndexByte(part, '\n')
		if i >= 0 {
			part = part[:i]
		}
		if z := bytes.IndexByte(part, 0); z >= 0 {
			i = z
		}
		if i >= 0 {
			return at + i
		}
	}
	return -1
}

func (s *Splitter) cutCounted(data []byte, size int64, head int) ([]byte, bool, bool) {
	if size > int64(s.max) {
		if len(data) < head+s.max {
			return nil, false, false
		}
		s.r += head + s.max
		s.rest = size - int64(s.max)
		return data[head : head+s.max], false, true
	}
	if int64(len(data)-head) < size {
		return nil, false, false
	}
	s.r += head + int(size)
	return data[head : head+int(size)], false, true
}

// maxDigits of a length: more than any frame has, and no overflow.
const maxDigits = 10

// counted reads the length of a counted frame; head is 0 when there is none, and known false when
// more bytes are needed to tell.
func (s *Splitter) counted(data []byte) (size int64, head int, known bool) {
	i := 0
	for i < len(data) && i < maxDigits && data[i] >= '0' && data[i] <= '9' {
		size = size*10 + int64(data[i]-'0')
		i++
	}
	switch {
	case i == len(data):
		return 0, 0, false
	case i == 0 || data[0] == '0' || data[i] != ' ':
		return 0, 0, true
	case s.mode == Octets:
		return size, i + 1, true
	case i+1 == len(data):
		return 0, 0, false
	case data[i+1] != '<':
		return 0, 0, true
	}
	return size, i + 1, true
}

func (s *Splitter) fill() {
	if s.r > 0 && (s.r == s.w || s.w == len(s.buf)) {
		s.w = copy(s.buf, s.buf[s.r:s.w])
		s.r = 0
	}
	if s.w == len(s.buf) {
		buf := make([]byte, max(firstBuffer, 2*len(s.buf)))
		copy(buf, s.buf[:s.w])
		s.buf = buf
	}
	for {
		n, err := s.src.Read(s.buf[s.w:])
		s.w += n
		if err != nil {
			s.err = err
		}
		if n > 0 || err != nil {
			return
		}
	}
}
