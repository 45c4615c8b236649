package record

import (
	"iter"
	"sync"
	"sync/atomic"
)

// Batch is a run of records that travel together. It is read-only once emitted, and safe for
// concurrent use from then on. Slices handed out alias the batch's memory and live as long as they
// are referenced.
//
// First and End are set by whoever places the batch in a log, before anybody else sees it.
type Batch struct {
	Tag    string // where the records came from, a name with dots; decides routing and topic
	Origin string // the source within the tag whose order is kept, such as a file or a connection
	// a destination chosen earlier, which writers use instead of choosing one; empty but for
	// replayed batches
	Topic string
	First int64 // position of the first record
	End   int64 // position after the last record; more than First+Len where the log has gaps
	// of a batch without records: positions that were never read and are gone, by retention
	Lost int64
	// Refused are records between First and End that are not in the batch, for a reader who keeps
	// them; see Refuser. They ascend by their offsets, and none is that of a record in it.
	Refused []Refusal
	Places  Places
	// which input has appended it to a buffer, as InputID tells; 0 where that is not known
	Input int64

	count int
	// length of the record section, uncompressed; an estimate for batches made of records
	bodySize int
	maxTime  int64 // nanoseconds
	form     Form

	recs []Record // set for batches made of records; otherwise body or packed is
	section
}

// Refusal is one record that a filter refuses, as it came to it, and why.
type Refusal struct {
	Record Record
	Tag    string
	Reason string
}

// section is the records of a batch in Kafka's encoding, plain or packed or both. Each is made of
// the other when somebody wants it, under mu.
type section struct {
	mu     sync.Mutex
	base   int64        // base timestamp of body, milliseconds
	body   []byte       // uncompressed record section of a Kafka record batch
	sub    []uint32     // nanoseconds below the millisecond, by record; nil when all are zero
	packed []byte       // the whole Kafka record batch, compressed
	codec  Codec        // of packed
	valid  bool         // body has been checked to parse
	missed *atomic.Bool // set when body is wanted and not there; may be nil
	free   func()       // takes body back, which was lent; see Recycle
	seen   *Batch       // what Seen has made
}

// FromRecords returns a batch over recs, which it keeps. Offsets must ascend; they may have gaps.
func FromRecords(tag, origin string, recs []Record) *Batch {
	b := &Batch{Tag: tag, Origin: origin, recs: recs, count: len(recs)}
	b.valid = true
	for i := range recs {
		r := &recs[i]
		b.bodySize += len(r.Key) + len(r.Value) + recordOverhead
		for _, h := range r.Headers {
			b.bodySize += len(h.Key) + len(h.Value) + 2
		}
		b.maxTime = max(b.maxTime, r.Time)
	}
	if len(recs) > 0 {
		b.First, b.End = recs[0].Offset, recs[len(recs)-1].Offset+1
	}
	return b
}

// Len returns the number of records.
func (b *Batch) Len() int { return b.count }

// Size returns the uncompressed size in bytes, headers and framing included, give or take a few per
// record.
func (b *Batch) Size() int { return b.bodySize }

// MaxTime returns the latest record time, in nanoseconds since the Unix epoch (to the millisecond
// for a batch read from disk).
func (b *Batch) MaxTime() int64 { return b.maxTime }

// At places the batch in a log: its first record has position first and there are no gaps.
func (b *Batch) At(first int64) { b.First, b.End = first, first+int64(b.count) }

// Records returns the records in order. The yielded Record is reused from one step to the next; its
// slices are not. The error tells of a batch that does not decompress or parse; it is found before
// the first record is yielded.
func (b *Batch) Records() (iter.Seq[*Record], error) {
	if b.form != AsSeen {
		seen, err := b.Seen()
		if err != nil {
			return nil, err
		}
		return seen.Records()
	}
	if b.recs != nil || b.count == 0 {
		return func(yield func(*Record) bool) {
			for i := range b.recs {
				r := b.recs[i]
				if !yield(&r) {
					return
				}
			}
		}, nil
	}
	body, err := b.open()
	if err != nil {
		return nil, err
	}
	return func(yield func(*Record) bool) {
		var r Record
		var slab []Header // headers handed out are not reused, and are made many at a time
		p := parser{b: body}
		for i := range b.count {
			r.Headers = slab[len(slab):]
			delta, _ := p.record(&r)
			if n := len(r.Headers); n > 0 {
				if len(slab)+n > cap(slab) { // they did not fit and stand elsewhere
					slab = make([]Header, 0, max(64, 16*n))
				} else {
					slab = slab[:len(slab)+n]
				}
				r.Headers = r.Headers[:n:n]
			} else {
				r.Headers = nil
			}
			r.Offset = b.First + int64(i)
			r.Time = (b.base + delta) * 1e6
			if b.sub != nil {
				r.Time += int64(b.sub[i])
			}
			if !yield(&r) {
				return
			}
		}
	}, nil
}

// open returns the uncompressed record section, checked.
func (b *Batch) open() ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.valid {
		return b.body, nil
	}
	if b.body == nil {
		b.noteMiss()
		body, err := decompress(nil, b.packed[batchHeaderSize:], b.codec, b.bodySize)
		if err != nil {
			return nil, err
		}
		b.body = body
	}
	p := parser{b: b.body}
	var r Record
	for range b.count {
		if _, err := p.record(&r); err != nil {
			return nil, err
		}
	}
	if len(p.b) != 0 {
		return nil, errTrailing
	}
	b.valid = true
	return b.body, nil
}

// Unpacked returns a batch with the same records that has not been packed: its compressed form is
// made anew. b must hold its records uncompressed, as a batch that was built does.
func Unpacked(b *Batch) *Batch {
	b.mu.Lock()
	defer b.mu.Unlock()
	return &Batch{
		Tag: b.Tag, Origin: b.Origin, First: b.First, End: b.End,
		count: b.count, bodySize: b.bodySize, maxTime: b.maxTime, form: b.form,
		recs:    b.recs,
		section: section{base: b.base, body: b.body, sub: b.sub, valid: b.valid},
	}
}
