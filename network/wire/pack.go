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
	// Exact carries records exactly, for a server that is a penstock; Maps says that it takes maps
	// as they are.
	Exact, Maps bool
	// Metadata writes the time as [time, {}], as version 1.5 does.
	Metadata bool

	tag, origin string
	buf         []byte // the message's head, then the events
	head        int    // bytes of it
	count       int
	out         []byte // a compressed message
	gz          *gzip.Writer
	zs          *zstd.Encoder
}

// Reset begins a message.
func (p *Packer) Reset(tag, origin string) {
	p.tag, p.origin = tag, origin
	p.buf = appendHead(p.buf[:0], tag)
	p.head, p.count = len(p.buf), 0
}

// appendHead appends what comes before the chunk, whose length is filled in later.
func appendHead(dst []byte, tag string) []byte {
	return append(msgp.AppendString(msgp.AppendArrayHeader(dst, 3), tag), 0xc6, 0, 0, 0, 0)
}

// Size returns the bytes of the events so far, before compression.
func (p *Packer) Size() int { return len(p.buf) - p.head }

// Len returns the number of events so far.
func (p *Packer) Len() int { return p.count }

// TakesMaps reports whether AppendMap may be called.
func (p *Packer) TakesMaps() bool { return p.Maps || !p.Exact }

// Append adds one record. Unless Exact, a value that is a JSON object becomes a map and any other
// {"message": value}; key and headers stay behind.
func (p *Packer) Append(r *record.Record) { p.add(r, record.AsSeen) }

// AppendMap is Append for a record whose value is a map in msgpack, which goes as it is.
func (p *Packer) AppendMap(r *record.Record) { p.add(r, record.Msgpack) }

func (p *Packer) add(r *record.Record, form record.Form) {
	b := msgp.AppendArrayHeader(p.buf, 2)
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
		b = p.appendExact(b, r, form, fits)
	} else if form == record.Msgpack {
		b = append(b, r.Value...)
	} else {
		b = AppendRecord(b, r.Value)
	}
	p.buf = b
	p.count++
}

func (p *Packer) appendExact(b []byte, r *record.Record, form record.Form, fits bool) []byte {
	origin := p.count == 0 && p.origin != ""
	n := uint32(2)
	for _, more := range []bool{origin, r.Key != nil, len(r.Headers) > 0, !fits} {
		if more {
			n++
		}
	}
	b = msgp.AppendMapHeader(b, n)
	b = append(b, exactMark...)
	if b = msgp.AppendString(b, keyValue); form == record.Msgpack {
		b = append(b, r.Value...)
	} else {
		b = appendNullable(b, r.Value)
	}
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

// Message returns the whole message, valid until the next Reset, with the given chunk id; "" asks
// for no ack. Nothing may be appended to the message afterwards.
func (p *Packer) Message(chunk string) ([]byte, error) {
	b, compressed := p.buf, ""
	if p.Compression != "" && p.Compression != "none" {
		compressed = p.Compression
		var err error
		if b, err = p.compress(append(p.out[:0], p.buf[:p.head]...), p.buf[p.head:]); err != nil {
			return nil, err
		}
	}
	size := len(b) - p.head
	if size > math.MaxUint32 {
		return nil, fmt.Errorf("chunk of %d bytes", size)
	}
	binary.BigEndian.PutUint32(b[p.head-4:], uint32(size))
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
	if compressed != "" {
		p.out = b
	} else {
		p.buf = b
	}
	return b, nil
}

// sliceWriter appends what is written to it.
type sliceWriter struct{ b []byte }

func (w *sliceWriter) Write(p []byte) (int, error) {
	w.b = append(w.b, p...)
	return len(p), nil
}

func (p *Packer) compress(dst, events []byte) ([]byte, error) {
	if p.Compression == "zstd" {
		if p.zs == nil {
			var err error
			p.zs, err = zstd.NewWriter(
				nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest),
				zstd.WithWindowSize(1<<20),
			)
			if err != nil {
				return nil, err
			}
		}
		return p.zs.EncodeAll(events, dst), nil
	}
	w := &sliceWriter{b: dst}
	if p.gz == nil {
		p.gz, _ = gzip.NewWriterLevel(w, gzip.BestSpeed)
	} else {
		p.gz.Reset(w)
	}
	if _, err := p.gz.Write(events); err != nil {
		return nil, err
	}
	if err := p.gz.Close(); err != nil {
		return nil, err
	}
	return w.b, nil
}

// ChunkID returns the protocol's customary form of an id: base64 of 16 bytes.
func ChunkID(id [16]byte) string { return base64.StdEncoding.EncodeToString(id[:]) }
