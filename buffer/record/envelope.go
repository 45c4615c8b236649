package record

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
)

// The envelope of a batch on disk:
//
//	magic 'P' | version 1 | flags | tag | origin | size of the record section uncompressed |
//	[count, sub-millisecond times] | length of the Kafka batch | CRC32C of all before |
//	Kafka record batch
//
// Lengths are unsigned varints. Flag 1: the times follow, one unsigned varint of nanoseconds per
// record. Flag 2: the values are in the form Msgpack; format 3 of a buffer's directory stands for
// it.
const (
	envelopeMagic   = 'P'
	envelopeVersion = 1
	flagSubMilli    = 1
	flagMsgpack     = 2
)

// AppendEncoded appends the batch's form on disk to dst, compressing with codec if that was not
// done before.
func (b *Batch) AppendEncoded(dst []byte, codec Codec) ([]byte, error) {
	packed, err := b.PackedAsKept(codec)
	if err != nil {
		return dst, err
	}
	start := len(dst)
	var flags byte
	if b.sub != nil {
		flags |= flagSubMilli
	}
	if b.form == Msgpack {
		flags |= flagMsgpack
	}
	dst = append(dst, envelopeMagic, envelopeVersion, flags)
	dst = appendString(dst, b.Tag)
	dst = appendString(dst, b.Origin)
	dst = binary.AppendUvarint(dst, uint64(b.bodySize))
	if b.sub != nil {
		dst = binary.AppendUvarint(dst, uint64(len(b.sub)))
		for _, ns := range b.sub {
			dst = binary.AppendUvarint(dst, uint64(ns))
		}
	}
	dst = binary.AppendUvarint(dst, uint64(len(packed)))
	dst = binary.BigEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
	return append(dst, packed...), nil
}

// Decode reads one batch from p, whose memory the batch keeps, and returns what follows it. Both
// checksums are verified; every error wraps ErrCorrupt. The batch is placed at position first.
func Decode(p []byte, first int64) (b *Batch, rest []byte, err error) {
	d := envelopeReader{p: p}
	if len(p) < 3 || p[0] != envelopeMagic {
		return nil, nil, fmt.Errorf("%w: no envelope", ErrCorrupt)
	}
	if p[1] != envelopeVersion {
		return nil, nil, fmt.Errorf(
			"%w: envelope version %d, this program knows %d", ErrCorrupt, p[1], envelopeVersion,
		)
	}
	flags := p[2]
	if flags&^(flagSubMilli|flagMsgpack) != 0 {
		return nil, nil, fmt.Errorf("%w: envelope flags %#x", ErrCorrupt, flags)
	}
	d.at = 3
	tag, origin := d.string(), d.string()
	bodySize := d.uvarint()
	var sub []uint32
	if flags&flagSubMilli != 0 {
		n := d.uvarint()
		if n > uint64(len(p)-d.at) {
			return nil, nil, fmt.Errorf("%w: %d times in %d bytes", ErrCorrupt, n, len(p)-d.at)
		}
		sub = make([]uint32, n)
		for i := range sub {
			sub[i] = uint32(d.uvarint())
		}
	}
	n := d.uvarint()
	if d.bad || len(p)-d.at < 4 || n > uint64(len(p)-d.at-4) || bodySize > math.MaxInt32 {
		return nil, nil, fmt.Errorf("%w: envelope ends too soon", ErrCorrupt)
	}
	if want, got := binary.BigEndian.Uint32(
		p[d.at:],
	), crc32.Checksum(p[:d.at], castagnoli); want != got {
		return nil, nil, fmt.Errorf("%w: envelope checksum %08x, want %08x", ErrCorrupt, got, want)
	}
	body := p[d.at+4:]
	if b, err = unpack(body[:n:n]); err != nil {
		return nil, nil, err
	}
	if sub != nil && len(sub) != b.count {
		return nil, nil, fmt.Errorf("%w: %d times for %d records", ErrCorrupt, len(sub), b.count)
	}
	b.Tag, b.Origin, b.bodySize, b.sub = tag, origin, int(bodySize), sub
	if flags&flagMsgpack != 0 {
		b.form = Msgpack
	}
	b.At(first)
	return b, body[n:], nil
}

func appendString(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

type envelopeReader struct {
	p   []byte
	at  int
	bad bool
}

func (d *envelopeReader) uvarint() uint64 {
	v, n := binary.Uvarint(d.p[d.at:])
	if n <= 0 {
		d.bad = true
		return 0
	}
	d.at += n
	return v
}

func (d *envelopeReader) string() string {
	n := d.uvarint()
	if n > uint64(len(d.p)-d.at) {
		d.bad = true
		return ""
	}
	s := string(d.p[d.at : d.at+int(n)])
	d.at += int(n)
	return s
}
