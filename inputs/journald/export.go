package journald

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/penstock/penstock/network/wire"
)

const (
	fieldCursor = "__CURSOR"
	fieldTime   = "__REALTIME_TIMESTAMP"
	maxName     = 256 // the journal allows 64
	maxFields   = 4096
)

var errFormat = errors.New("not the journal export format")

// field is one field of an entry; cut is how many bytes of its value were left out.
type field struct {
	name  string
	value []byte
	cut   uint64
}

// entry is one entry of the journal, reused from one to the next.
type entry struct {
	fields []field
	cursor string
	time   int64 // nanoseconds since the epoch; 0 when not said
	cut    uint64
}

// exportReader reads entries. What one holds is bounded: values are cut once the entry has max
// bytes.
type exportReader struct {
	r   *bufio.Reader
	max int
}

// next reads an entry. io.EOF tells that the stream ended between two.
func (x *exportReader) next(e *entry) error {
	*e = entry{fields: e.fields[:0]}
	left := x.max
	for {
		name, sep, err := x.name()
		if err != nil {
			if err == io.EOF && len(e.fields) > 0 {
				return io.ErrUnexpectedEOF
			}
			return err
		}
		if sep == '\n' && name == "" {
			if len(e.fields) > 0 {
				return nil
			}
			continue
		}
		f := field{name: name}
		if sep == '=' {
			err = x.text(&f, left)
		} else {
			err = x.binary(&f, left)
		}
		if err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
		left -= len(f.value)
		e.cut += f.cut
		switch name {
		case fieldCursor:
			e.cursor = string(f.value)
		case fieldTime:
			if us, err := strconv.ParseInt(string(f.value), 10, 64); err == nil && us < 1<<62/1000 {
				e.time = us * 1000
			}
		}
		if len(e.fields) >= maxFields {
			return fmt.Errorf("%w: entry of more than %d fields", errFormat, maxFields)
		}
		e.fields = append(e.fields, f)
	}
}

// name reads a field's name and what follows it: '=' before text, a newline before binary data.
func (x *exportReader) name() (string, byte, error) {
	var b []byte
	for {
		c, err := x.r.ReadByte()
		if err != nil {
			if err == io.EOF && len(b) > 0 {
				err = io.ErrUnexpectedEOF
			}
			return "", 0, err
		}
		if c == '=' && len(b) > 0 || c == '\n' {
			return string(b), c, nil
		}
		if b = append(b, c); len(b) > maxName || c == '=' {
			return "", 0, fmt.Errorf("%w: field name %.40q", errFormat, b)
		}
	}
}

func (x *exportReader) text(f *field, left int) error {
	for {
		part, err := x.r.ReadSlice('\n')
		whole := err == nil
		if whole {
			part = part[:len(part)-1]
		} else if err != bufio.ErrBufferFull {
			return err
		}
		f.take(part, left)
		if whole {
			return nil
		}
	}
}

func (f *field) take(p []byte, left int) {
	n := min(len(p), max(left-len(f.value), 0))
	f.value = append(f.value, p[:n]...)
	f.cut += uint64(len(p) - n)
}

func (x *exportReader) binary(f *field, left int) error {
	var size [8]byte
	if _, err := io.ReadFull(x.r, size[:]); err != nil {
		return err
	}
	for n := binary.LittleEndian.Uint64(size[:]); n > 0; {
		if _, err := x.r.Peek(1); err != nil {
			return err
		}
		part, _ := x.r.Peek(int(min(n, uint64(x.r.Buffered()))))
		f.take(part, left)
		n -= uint64(len(part))
		_, _ = x.r.Discard(len(part)) // they are buffered
	}
	c, err := x.r.ReadByte()
	if err == nil && c != '\n' {
		err = fmt.Errorf("%w: no newline after the data of %s", errFormat, f.name)
	}
	return err
}

// appendJSON appends the entry as a JSON object.
func (e *entry) appendJSON(dst []byte) []byte {
	dst = append(dst, '{')
	for i := range e.fields {
		f := &e.fields[i]
		first, again := true, false
		for j := range e.fields {
			if j != i && e.fields[j].name == f.name {
				if j < i {
					first = false
					break
				}
				again = true
			}
		}
		if !first {
			continue
		}
		if dst[len(dst)-1] != '{' {
			dst = append(dst, ',')
		}
		dst = append(wire.AppendJSONString(dst, []byte(f.name)), ':')
		if !again {
			dst = wire.AppendJSONString(dst, f.value)
			continue
		}
		dst = wire.AppendJSONString(append(dst, '['), f.value)
		for _, other := range e.fields[i+1:] {
			if other.name == f.name {
				dst = wire.AppendJSONString(append(dst, ','), other.value)
			}
		}
		dst = append(dst, ']')
	}
	return append(dst, '}')
}
