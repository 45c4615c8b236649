package wasm

import (
	"encoding/binary"
	"errors"

	"github.com/penstock/penstock/buffer/record"
)

const null = 0xffffffff

// AppendBatch appends the head of a batch of n records.
func AppendBatch(dst []byte, n int, tag, origin string) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(n))
	return appendText(appendText(dst, tag), origin)
}

// AppendRecord appends a record.
func AppendRecord(dst []byte, r *record.Record) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, uint64(r.Time))
	dst = appendBytes(appendBytes(dst, r.Key), r.Value)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(r.Headers)))
	for i := range r.Headers {
		dst = appendBytes(appendText(dst, r.Headers[i].Key), r.Headers[i].Value)
	}
	return dst
}

func appendText(dst []byte, s string) []byte {
	return append(binary.LittleEndian.AppendUint32(dst, uint32(len(s))), s...)
}

func appendBytes(dst, b []byte) []byte {
	if b == nil {
		return binary.LittleEndian.AppendUint32(dst, null)
	}
	return append(binary.LittleEndian.AppendUint32(dst, uint32(len(b))), b...)
}

// What an answer says of a record.
const (
	Keep byte = iota
	Replace
	Discard
	Refuse
)

// Answer reads what a module answers, record by record. What it returns refers to its text.
type Answer struct {
	rest   []byte
	broken bool
}

// NewAnswer returns a reader of text.
func NewAnswer(text []byte) Answer { return Answer{rest: text} }

var errAnswer = errors.New("the module's answer is not as the interface wants it")

// Next returns what becomes of the next record, which r is set to if it is replaced.
func (a *Answer) Next(r *record.Record) (verdict byte, reason string, err error) {
	head := a.take(1)
	if a.broken {
		return 0, "", errAnswer
	}
	switch verdict = head[0]; verdict {
	case Keep, Discard:
	case Refuse:
		reason = string(a.bytes())
	case Replace:
		r.Time = int64(a.u64())
		r.Key, r.Value = a.bytes(), a.bytes()
		n := int(a.u32())
		if n > len(a.rest)/8 {
			return 0, "", errAnswer
		}
		r.Headers = nil
		if n > 0 {
			r.Headers = make([]record.Header, n)
		}
		for i := range r.Headers {
			r.Headers[i] = record.Header{Key: string(a.bytes()), Value: a.bytes()}
		}
	default:
		return 0, "", errAnswer
	}
	if a.broken {
		return 0, "", errAnswer
	}
	return verdict, reason, nil
}

// End reports an answer that goes on behind the last record.
func (a *Answer) End() error {
	if a.broken || len(a.rest) > 0 {
		return errAnswer
	}
	return nil
}

func (a *Answer) take(n int) []byte {
	if a.broken || n > len(a.rest) {
		a.broken = true
		return nil
	}
	out := a.rest[:n:n]
	a.rest = a.rest[n:]
	return out
}

func (a *Answer) u32() uint32 {
	b := a.take(4)
	if b == nil {
		return 0
	}
	return binary.LittleEndian.Uint32(b)
}

func (a *Answer) u64() uint64 {
	b := a.take(8)
	if b == nil {
		return 0
	}
	return binary.LittleEndian.Uint64(b)
}

func (a *Answer) bytes() []byte {
	n := a.u32()
	if n == null {
		return nil
	}
	return a.take(int(n))
}
