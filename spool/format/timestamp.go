package format

import (
	"bytes"
	"math"
	"time"

	"github.com/penstock/penstock/buffer/record/timefmt"
)

// timestamp returns a time in RFC 3339 in the unit of a column, if it can be told in whole units.
func timestamp(text []byte, t ctype) (int64, bool) {
	perSecond := int64(1e9)
	switch t {
	case tTimestampMS:
		perSecond = 1e3
	case tTimestampUS:
		perSecond = 1e6
	}
	seconds, nano, ok := timefmt.RFC3339(text)
	if !ok {
		when, err := time.Parse(time.RFC3339Nano, view(text))
		if err != nil {
			return 0, false
		}
		seconds, nano = when.Unix(), when.Nanosecond()
	}
	unit := int64(1e9) / perSecond
	if int64(nano)%unit != 0 || !wholeNanos(text) {
		return 0, false
	}
	if seconds > math.MaxInt64/perSecond-1 || seconds < math.MinInt64/perSecond+1 {
		return 0, false
	}
	return seconds*perSecond + int64(nano)/unit, true
}

// wholeNanos reports whether a time has no digits of worth past the ninth after its point.
func wholeNanos(text []byte) bool {
	i := bytes.IndexAny(text, ".,")
	if i < 0 {
		return true
	}
	for n, c := range text[i+1:] {
		if c-'0' > 9 {
			break
		}
		if n >= 9 && c != '0' {
			return false
		}
	}
	return true
}
