package record

import (
	"math"
	"testing"
	"time"
)

func TestNanosOfTimesThatTheyCannotHold(t *testing.T) {
	for _, c := range []struct {
		at   time.Time
		want int64
		ok   bool
	}{
		{time.Date(2026, 1, 1, 0, 0, 0, 5, time.UTC), 1767225600_000000005, true},
		{time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC), -2208988800_000000000, true},
		{time.Date(2262, 4, 11, 0, 0, 0, 0, time.UTC), 9223286400_000000000, true},
		{time.Date(2300, 1, 1, 0, 0, 0, 0, time.UTC), math.MaxInt64, false},
		{time.Date(1600, 1, 1, 0, 0, 0, 0, time.UTC), math.MinInt64, false},
		{time.UnixMilli(math.MaxInt64), math.MaxInt64, false},
		{time.UnixMilli(math.MinInt64), math.MinInt64, false},
	} {
		if got, ok := Nanos(c.at); got != c.want || ok != c.ok {
			t.Errorf("%v: %d %v", c.at, got, ok)
		}
	}
}
