package record

import (
	"math"
	"time"
)

// HeaderTimestamp holds the time of a record that nanoseconds cannot hold, from 2262 on, as Kafka
// has it: milliseconds since the Unix epoch. The record's Time is the nearest one that there is.
const HeaderTimestamp = "penstock-timestamp"

// Nanos returns t in nanoseconds since the Unix epoch, or the nearest that there is: then ok is
// false.
func Nanos(t time.Time) (ns int64, ok bool) {
	switch s := t.Unix(); {
	case s > math.MaxInt64/int64(time.Second)-1:
		return math.MaxInt64, false
	case s < math.MinInt64/int64(time.Second)+1:
		return math.MinInt64, false
	}
	return t.UnixNano(), true
}

// Beyond returns the time of a record that nanoseconds cannot hold, in milliseconds, as the header
// says; ok is false for all others.
func (r *Record) Beyond() (ms string, ok bool) {
	if r.Time != math.MaxInt64 && r.Time != math.MinInt64 {
		return "", false
	}
	v, ok := r.Header(HeaderTimestamp)
	return string(v), ok
}
