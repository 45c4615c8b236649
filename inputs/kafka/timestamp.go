package kafka

import (
	"math"
	"strconv"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/twmb/franz-go/pkg/kgo"
)

// timestamp returns a record's time in nanoseconds, or the nearest that there is: then ok is false,
// and beyond is the header that keeps what Kafka has.
func timestamp(r *kgo.Record) (ns int64, beyond record.Header, ok bool) {
	ns = r.Timestamp.UnixNano()
	ms, ok := millis(ns)
	switch {
	case ok:
		return ns, record.Header{}, true
	case ms < 0:
		ns = math.MinInt64
	default:
		ns = math.MaxInt64
	}
	return ns, record.Header{
		Key:   record.HeaderTimestamp,
		Value: strconv.AppendInt(nil, ms, 10),
	}, false
}

const (
	// factors of two in 1e6: so many of the highest bits leave no trace
	lost   = 6
	odd    = 15625          // 1e6 without them
	period = int64(1) << 58 // timestamps so far apart look the same
	sane   = 1e16           // microseconds taken for milliseconds are below
	// 2030: what nanoseconds taken for milliseconds are near to, in milliseconds
	nowadays = int64(1893456000_000)
)

// millis undoes what the client library does to a timestamp: it multiplies it by 1e6 and lets that
// overflow. ok tells that it did not. What overflowed is nearly never a whole number of
// milliseconds, and it is known but for multiples of period. Those choose between a number of
// microseconds and one of nanoseconds, which are the mistakes that make such timestamps.
func millis(ns int64) (ms int64, ok bool) {
	if ns%1e6 == 0 {
		return ns / 1e6, true
	}
	inverse := uint64(odd) // of odd, modulo 2^64: each step doubles the bits that are right
	for range 6 {
		inverse *= 2 - odd*inverse
	}
	ms = int64(uint64(ns)>>lost*inverse<<lost) >> lost // the sign of what is left
	if ms > -sane && ms < sane {
		return ms, false
	}
	near := nowadays * int64(time.Millisecond)
	return ms + (near-ms+period/2)/period*period, false
}
