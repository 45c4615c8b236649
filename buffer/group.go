package buffer

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"

	"github.com/klauspost/compress/s2"
	"github.com/penstock/penstock/buffer/record"
)

// A group is one value in Badger:
//
//	header | meta: (records, length) of each batch, then the state changes |
//	body: the batches' envelopes
//
// Every part has a checksum (each envelope its own), and the header can be found by its magic when
// what is before it is damaged. Integers in the header are big-endian, elsewhere varints.
const (
	groupHeaderSize = 68

	flagFullState = 1 // the changes are the whole state
	// the changes begin with a length and as many bytes of others, in a snappy block
	flagPackedChanges = 2
	// what the batches bring is in no row of the books; without it all that was counted is
	flagUncounted = 4

	// packChangesFrom is the size from which that is worth it. Positions of files look much alike.
	packChangesFrom = 512
)

var groupMagic = []byte{0xf5, 'p', 'n', 's', 't', 'k', 'g', 1}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ErrCorrupt is wrapped by errors about data that did not read back as it was written.
var ErrCorrupt = record.ErrCorrupt

type groupHeader struct {
	first    int64  // position of the first record
	seq      uint64 // counts the groups of a buffer
	durable  uint64 // the last group known to be on disk when this one was written
	appended int64  // wall clock, milliseconds
	records  uint32
	batches  uint32
	metaLen  uint32
	bodyLen  uint32
	flags    uint32
	metaCRC  uint32
}

func (h *groupHeader) end() int64  { return h.first + int64(h.records) }
func (h *groupHeader) size() int64 { return groupHeaderSize + int64(h.metaLen) + int64(h.bodyLen) }

func (h *groupHeader) put(p []byte) {
	copy(p, groupMagic)
	be := binary.BigEndian
	be.PutUint64(p[8:], uint64(h.first))
	be.PutUint64(p[16:], h.seq)
	be.PutUint64(p[24:], h.durable)
	be.PutUint64(p[32:], uint64(h.appended))
	be.PutUint32(p[40:], h.records)
	be.PutUint32(p[44:], h.batches)
	be.PutUint32(p[48:], h.metaLen)
	be.PutUint32(p[52:], h.bodyLen)
	be.PutUint32(p[56:], h.flags)
	be.PutUint32(p[60:], h.metaCRC)
	be.PutUint32(p[64:], crc32.Checksum(p[:64], castagnoli))
}

var errNoGroup = fmt.Errorf("%w: no group header", ErrCorrupt)

func parseGroupHeader(p []byte) (h groupHeader, err error) {
	if len(p) < groupHeaderSize || !bytes.Equal(p[:8], groupMagic) {
		return h, errNoGroup
	}
	be := binary.BigEndian
	if crc32.Checksum(p[:64], castagnoli) != be.Uint32(p[64:]) {
		return h, fmt.Errorf("%w: group header checksum", ErrCorrupt)
	}
	h = groupHeader{
		first:    int64(be.Uint64(p[8:])),
		seq:      be.Uint64(p[16:]),
		durable:  be.Uint64(p[24:]),
		appended: int64(be.Uint64(p[32:])),
		records:  be.Uint32(p[40:]),
		batches:  be.Uint32(p[44:]),
		metaLen:  be.Uint32(p[48:]),
		bodyLen:  be.Uint32(p[52:]),
		flags:    be.Uint32(p[56:]),
		metaCRC:  be.Uint32(p[60:]),
	}
	if h.first < 0 || h.first > math.MaxInt64-math.MaxUint32 || h.size() > math.MaxUint32 {
		return h, fmt.Errorf("%w: group header out of range", ErrCorrupt)
	}
	return h, nil
}

// part is what the meta section says of one batch.
type part struct{ records, length int }

// parseMeta checks the meta section and splits it into the batch table and the encoded changes.
func parseMeta(h *groupHeader, meta []byte) (parts []part, changes []byte, err error) {
	if crc32.Checksum(meta, castagnoli) != h.metaCRC {
		return nil, nil, fmt.Errorf("%w: group meta checksum", ErrCorrupt)
	}
	if uint64(h.batches) > uint64(len(meta)) {
		return nil, nil, fmt.Errorf(
			"%w: %d batches in %d bytes of meta", ErrCorrupt, h.batches, len(meta),
		)
	}
	parts = make([]part, h.batches)
	var records, length uint64
	for i := range parts {
		r, n := binary.Uvarint(meta)
		if n <= 0 {
			return nil, nil, fmt.Errorf("%w: group meta", ErrCorrupt)
		}
		l, m := binary.Uvarint(meta[n:])
		if m <= 0 || r > math.MaxUint32 || l > math.MaxUint32 {
			return nil, nil, fmt.Errorf("%w: group meta", ErrCorrupt)
		}
		parts[i] = part{int(r), int(l)}
		records, length = records+r, length+l
		meta = meta[n+m:]
	}
	if records != uint64(h.records) || length != uint64(h.bodyLen) {
		return nil, nil, fmt.Errorf("%w: group meta does not add up", ErrCorrupt)
	}
	if h.flags&flagPackedChanges != 0 {
		if meta, err = unpackChanges(meta); err != nil {
			return nil, nil, err
		}
	}
	return parts, meta, nil
}

// packChanges returns the changes in p as a group with flagPackedChanges has them, or nil if that
// is not worth it.
func packChanges(p []byte) []byte {
	if len(p) < packChangesFrom {
		return nil
	}
	packed := s2.EncodeSnappy(nil, p)
	if len(packed) > len(p)*3/4 {
		return nil
	}
	return append(
		binary.AppendUvarint(
			make([]byte, 0, len(packed)+binary.MaxVarintLen32), uint64(len(packed)),
		),
		packed...)
}

func unpackChanges(p []byte) ([]byte, error) {
	size, n := binary.Uvarint(p)
	if n <= 0 || size > uint64(len(p)-n) {
		return nil, fmt.Errorf("%w: packed changes", ErrCorrupt)
	}
	packed, rest := p[n:n+int(size)], p[n+int(size):]
	if plain, err := s2.DecodedLen(packed); err != nil || plain > maxBatchBytes {
		return nil, fmt.Errorf("%w: packed changes of %d bytes: %v", ErrCorrupt, plain, err)
	}
	changes, err := s2.Decode(nil, packed)
	if err != nil {
		return nil, fmt.Errorf("%w: packed changes: %w", ErrCorrupt, err)
	}
	return append(changes, rest...), nil
}

// decodeGroup returns the batches of a group value, placed at their positions; they keep p. Batches
// that do not read back are left out; err joins why, and the others are good.
func decodeGroup(p []byte) (h groupHeader, batches []*record.Batch, changes []byte, err error) {
	if h, err = parseGroupHeader(p); err != nil {
		return h, nil, nil, err
	}
	if h.size() > int64(len(p)) {
		return h, nil, nil, fmt.Errorf(
			"%w: group of %d bytes ends after %d", ErrCorrupt, h.size(), len(p),
		)
	}
	parts, changes, err := parseMeta(&h, p[groupHeaderSize:groupHeaderSize+int(h.metaLen)])
	if err != nil {
		return h, nil, nil, err
	}
	body := p[groupHeaderSize+int(h.metaLen) : h.size()]
	pos := h.first
	var errs []error
	for i, part := range parts {
		b, rest, err := record.Decode(body[:part.length:part.length], pos)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("batch %d: %w", i, err))
		case b.Len() != part.records || len(rest) != 0:
			errs = append(
				errs,
				fmt.Errorf(
					"%w: batch %d has %d records, want %d", ErrCorrupt, i, b.Len(), part.records,
				),
			)
		default:
			batches = append(batches, b)
		}
		body = body[part.length:]
		pos += int64(part.records)
	}
	return h, batches, changes, errors.Join(errs...)
}

// groupBuilder lays out one group at the end of a shared buffer.
type groupBuilder struct {
	ops []*appendOp
	chg []change
	pad func(size int64) int64 // how many bytes to add to a group of that size; nil: none
}

// appendTo appends the group to dst. Batches were packed before, so this only copies.
func (g *groupBuilder) appendTo(dst []byte, h groupHeader, codec record.Codec) ([]byte, error) {
	start := len(dst)
	dst = append(dst, make([]byte, groupHeaderSize)...)
	// The table comes first and needs the envelopes' lengths; these are known only once written, so
	// the body is built behind a gap as wide as the meta can be.
	var meta []byte
	body := start + groupHeaderSize
	var chg []byte
	for i := range g.chg {
		chg = g.chg[i].append(chg)
	}
	if packed := packChanges(chg); packed != nil {
		chg = packed
		h.flags |= flagPackedChanges
	}
	tableMax := 0
	for _, op := range g.ops {
		if op.batch != nil {
			tableMax += 2 * binary.MaxVarintLen32
			h.batches++
			h.records += uint32(op.batch.Len())
		}
	}
	gap := tableMax + len(chg)
	if g.pad != nil {
		gap += mostPadding()
	}
	dst = append(dst, make([]byte, gap)...)
	bodyStart := len(dst)
	for _, op := range g.ops {
		if op.batch == nil {
			continue
		}
		before := len(dst)
		var err error
		if dst, err = op.batch.AppendEncoded(dst, codec); err != nil {
			return dst[:start], err
		}
		meta = binary.AppendUvarint(meta, uint64(op.batch.Len()))
		meta = binary.AppendUvarint(meta, uint64(len(dst)-before))
	}
	h.bodyLen = uint32(len(dst) - bodyStart)
	meta = append(meta, chg...)
	if g.pad != nil {
		if n := g.pad(groupHeaderSize + int64(len(meta)) + int64(h.bodyLen)); n > 0 {
			meta = appendPadding(meta, n)
		}
	}
	h.metaLen = uint32(len(meta))
	h.metaCRC = crc32.Checksum(meta, castagnoli)
	if n := gap - len(meta); n > 0 {
		copy(dst[body+len(meta):], dst[bodyStart:])
		dst = dst[:len(dst)-n]
	}
	copy(dst[body:], meta)
	h.put(dst[start:])
	return dst, nil
}
