package record

import "time"

// Header is one key/value pair of a record; order and repetition are kept.
type Header struct {
	Key   string
	Value []byte
}

// Record is one event. Key and Value are opaque. A nil Key or Value is Kafka's null, an empty one
// is not.
type Record struct {
	Offset  int64 // position in the log the record was read from
	Time    int64 // nanoseconds since the Unix epoch
	Key     []byte
	Value   []byte
	Headers []Header
}

// When returns the record's time in UTC.
func (r *Record) When() time.Time { return time.Unix(0, r.Time).UTC() }

// Header returns the value of the last header named key, as Kafka's clients do.
func (r *Record) Header(key string) ([]byte, bool) {
	for i := len(r.Headers) - 1; i >= 0; i-- {
		if r.Headers[i].Key == key {
			return r.Headers[i].Value, true
		}
	}
	return nil, false
}

// Clone returns a deep copy that outlives the batch the record was read from.
func (r *Record) Clone() Record {
	c := *r
	c.Key, c.Value = cloneBytes(r.Key), cloneBytes(r.Value)
	if r.Headers != nil {
		c.Headers = make([]Header, len(r.Headers))
		for i, h := range r.Headers {
			c.Headers[i] = Header{Key: string([]byte(h.Key)), Value: cloneBytes(h.Value)}
		}
	}
	return c
}

func cloneBytes(b []byte) []byte {
	if b == nil {
		return nil
	}
	return append(make([]byte, 0, len(b)), b...)
}

// Position is what an input needs to go on after a restart, by a key of its own choosing (a file,
// say). A nil Value forgets the key.
type Position struct {
	Key   string
	Value []byte
}
