package kafka

import (
	"encoding/binary"
	"unsafe"

	"github.com/penstock/penstock/buffer/record"
	"github.com/twmb/franz-go/pkg/kgo"
)

// What Kafka calls a batch is laid out as ours is. One of usual size, without gaps, is not copied
// but adopted: its inflated bytes become the batch, and come back to the pool when the reader of
// the log is done with them. The client is not told that its records are not needed any more
// (Recycle), for it would wipe the bytes: their memory is taken back without it.
const (
	leastAdopted = 32 << 10 // smaller ones are better packed together
	mostAdopted  = 2 * record.TargetSize
)

// adopt returns the batch that in begins with, and how many records it has; nil if it is one that
// has to be copied, of which n records belong together.
func (l *Lease) adopt(in []*kgo.Record) (b *record.Batch, held int64, n int) {
	head := in[0]
	for n = 1; n < len(in) && in[n].Context == head.Context; n++ {
	}
	if l.s == nil || l.s.inflater == nil || head.Context == nil || head.Attrs.TimestampType() != 0 {
		return nil, 0, n
	}
	last := in[n-1]
	if uintptr(unsafe.Pointer(last))-uintptr(unsafe.Pointer(head)) != uintptr(n-1)*recordBytes {
		return nil, 0, n
	}
	for i, r := range in[:n] {
		if r.Offset != head.Offset+int64(i) || r.Attrs.IsControl() ||
			r.Timestamp.UnixNano()%1e6 != 0 {
			return nil, 0, n
		}
	}
	f := l.s.inflater
	section := f.section(head)
	delta, ok := opens(section, head)
	if !ok || !closes(section, last) || len(section) < leastAdopted || len(section) > mostAdopted ||
		cap(section) > 2*len(section) {
		return nil, 0, n
	}
	f.disown(section)
	b = record.Over(
		l.part.topic, l.name, section, head.Offset, head.Timestamp.UnixMilli()-delta, n,
		func() { f.pools.PutDecompressBytes(section) },
	)
	f.pools.putUnused(head, n) // the client may write to all of them from here on
	return b, int64(cap(section)), n
}

const recordBytes = unsafe.Sizeof(kgo.Record{})

// opens reports whether a section begins with a record, and returns the delta of its time.
func opens(section []byte, r *kgo.Record) (delta int64, ok bool) {
	p := section
	number := func() (v int64) {
		v, n := binary.Varint(p)
		if ok = ok && n > 0; ok {
			p = p[n:]
		}
		return v
	}
	ok = true
	number() // its size
	if ok = ok && len(p) > 0; ok {
		p = p[1:] // its attributes
	}
	delta = number()
	number() // the delta of its offset
	n := number()
	if !ok || r.Key != nil && n != int64(len(r.Key)) || len(p) < len(r.Key) {
		return 0, false
	}
	p = p[len(r.Key):]
	n = number()
	return delta, ok && len(r.Value) > 0 && n == int64(len(r.Value)) && len(p) > 0 &&
		&p[0] == &r.Value[0]
}

// closes reports whether a section ends with a record.
func closes(section []byte, r *kgo.Record) bool {
	end, rest := r.Value, 1 // no headers
	if n := len(r.Headers); n > 0 {
		end, rest = r.Headers[n-1].Value, 0
	}
	if len(end) == 0 || len(section) <= rest {
		return false
	}
	return &section[len(section)-1-rest] == &end[len(end)-1]
}

// section returns the inflated batch that a record lies in; nil if that is not known.
func (f *inflater) section(r *kgo.Record) []byte {
	if len(r.Value) == 0 {
		return nil
	}
	at := address(r.Value)
	f.mu.Lock()
	defer f.mu.Unlock()
	for from, c := range f.charges {
		if back := at - from; from <= at && back < uintptr(c.length) {
			first := (*byte)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(r.Value)), -int(back)))
			return unsafe.Slice(first, c.capacity)[:c.length]
		}
	}
	return nil
}

// disown takes the cost of an inflated batch off, which is somebody else's from now on.
func (f *inflater) disown(b []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c := f.charges[address(b)]; c != nil {
		delete(f.charges, address(b))
		c.cleanup.Stop()
		f.free(c)
	}
}
