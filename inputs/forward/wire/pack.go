package wire

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/tinylib/msgp/msgp"

	"github.com/penstock/penstock/buffer/record"
)

// Packer builds messages of the packed modes. Its buffers are reused. Not safe for concurrent use.
type Packer struct {
	// Compression is "none", "gzip" or "zstd".
	Compression string
	// Exact carries records exactly, for a server that is a penstock.
	Exact bool
	// Metadata writes the time as [time, {}], as version 1.5 does.
	Metadata bool

	tag, origin string
	events      []byte
	count       int
	out         []byte
	gz          *gzip.Writer
	zs          *zstd.Encoder
}

// Reset begins a message.
func (p *Packer) Reset(tag, origin string) {
	p.tag, p.origin = tag, origin
	p.events, p.count = p.events[:0], 0
}

// Size returns the bytes of the events so far, before compression.
func (p *Packer) Size() int { return len(p.events) }

// Len returns the number of events so far.
func (p *Packer) Len() int { return p.count }

// Append adds one record. Unless Exact, a value that is a JSON object becomes a map and any other {"message": value}; key and headers stay behind.
func (p *Packer) Append(r *record.Record) {
	b := msgp.AppendArrayHeader(p.events, 2)
	if p.Metadata {
		b = msgp.AppendArrayHeader(b, 2)
	}
	b, fits := AppendEventTime(b, r.Time)
	if !fits && !p.Exact {
		b = msgp.AppendInt64(b[:len(b)-10], r.Time/int64(time.Second))
	}
	if p.Metadata {
		b = msgp.AppendMapHeader(b, 0)
	}
	if p.Exact {
		b = p.appendExact(b, r, fits)
	} else {
		b = AppendRecord(b, r.Value)
	}
	p.events = b
	p.count++
}

func (p *Packer) appendExact(b []byte, r *record.Record, fits bool) []byte {
	origin := p.count == 0 && p.origin != ""
	n := uint32(2)
	for _, more := range []bool{origin, r.Key != nil, len(r.Headers) > 0, !fits} {
		if more {
			n++
		}
	}
	b = msgp.AppendMapHeader(b, n)
	b = append(b, exactMark...)
	b = appendNullable(msgp.AppendString(b, keyValue), r.Value)
	if origin {
		b = msgp.AppendString(msgp.AppendString(b, keyOrigin), p.origin)
	}
	if r.Key != nil {
		b = msgp.AppendBytes(msgp.AppendString(b, keyKey), r.Key)
	}
	if len(r.Headers) > 0 {
		b = msgp.AppendArrayHeader(msgp.AppendString(b, keyHeaders), uint32(len(r.Headers)))
		for i := range r.Headers {
			b = msgp.AppendString(msgp.AppendArrayHeader(b, 2), r.Headers[i].Key)
			b = appendNullable(b, r.Headers[i].Value)
		}
	}
	if !fits { // always the nine-byte form: readers need not tell signed from unsigned
		b = append(msgp.AppendString(b, keyTime), 0xd3)
		b = binary.BigEndian.AppendUint64(b, uint64(r.Time))
	}
	return b
}

func appendNullable(b, v []byte) []byte {
	if v == nil {
		return msgp.AppendNil(b)
	}
	return msgp.AppendBytes(b, v)
}

// Message returns the whole message, valid until the next Reset, with the given chunk id; "" asks for no ack.
func (p *Packer) Message(chunk string) ([]byte, error) {
	payload, compressed := p.events, ""
	b := msgp.AppendArrayHeader(p.out[:0], 3)
	b = msgp.AppendString(b, p.tag)
	switch p.Compression {
	case "", "none":
	default:
		start := len(b)
		b = append(b, 0xc6, 0, 0, 0, 0)
		var err error
		if b, err = p.compress(b); err != nil {
			return nil, err
		}
		n := len(b) - start - 5
		if n > math.MaxUint32 {
			return nil, fmt.Errorf("chunk of %d bytes", n)
		}
		binary.BigEndian.PutUint32(b[start+1:], uint32(n))
		payload, compressed = nil, p.Compression
	}
	if payload != nil || compressed == "" {
		if len(payload) > math.MaxUint32 {
			return nil, fmt.Errorf("chunk of %d bytes", len(payload))
		}
		b = msgp.AppendBytes(b, payload)
	}
	n := uint32(1)
	if chunk != "" {
		n++
	}
	if compressed != "" {
		n++
	}
	b = msgp.AppendMapHeader(b, n)
	b = msgp.AppendInt(msgp.AppendString(b, "size"), p.count)
	if chunk != "" {
		b = msgp.AppendString(msgp.AppendString(b, "chunk"), chunk)
	}
	if compressed != "" {
		b = msgp.AppendString(msgp.AppendString(b, "compressed"), compressed)
	}
	p.out = b
	return b, nil
}

// sliceWriter appends what is written to it.
type sliceWriter struct{ b []byte }

func (w *sliceWriter) Write(p []byte) (int, error) {
	w.b = append(w.b, p...)
	return len(p), nil
}

func (p *Packer) compress(dst []byte) ([]byte, error) {
	if p.Compression == "zstd" {
		if p.zs == nil {
			var err error
			p.zs, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(1<<20))
			if err != nil {
				return nil, err
			}
		}
		return p.zs.EncodeAll(p.events, dst), nil
	}
	w := &sliceWriter{b: dst}
	if p.gz == nil {
		p.gz, _ = gzip.NewWriterLevel(w, gzip.BestSpeed)
	} else {
		p.gz.Reset(w)
	}
	if _, err := p.gz.Write(p.events); err != nil {
		return nil, err
	}
	if err := p.gz.Close(); err != nil {
		return nil, err
	}
	return w.b, nil
}

// ChunkID returns the protocol's customary form of an id: base64 of 16 bytes.
func ChunkID(id [16]byte) string { return base64.StdEncoding.EncodeToString(id[:]) }
