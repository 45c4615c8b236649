package timefmt

import (
	"bytes"
	"math"
	"strconv"
	"time"
	"unsafe"
)

// epochUnit is how many nanoseconds one unit of an epoch number is; 0 means told by magnitude.
type epochUnit int64

// parseEpoch reads a decimal number, with a fraction or not. With unit 0, numbers below 10^11 are
// seconds, below 10^14 milliseconds, below 10^17 microseconds, others nanoseconds: right for times
// from 1973 to 5138.
func parseEpoch(p []byte, unit epochUnit) (int64, error) {
	if len(p) == 0 || len(p) > 40 {
		return 0, ErrNotATime
	}
	q := p
	if q[0] == '-' {
		q = q[1:]
	}
	if len(q) == 0 || q[0]-'0' > 9 {
		return 0, ErrNotATime // ParseFloat would take Inf and 0x
	}
	n, whole := int64(0), true
	for _, c := range q {
		if c-'0' > 9 || n > (math.MaxInt64-9)/10 {
			whole = false
			break
		}
		n = n*10 + int64(c-'0')
	}
	if !whole {
		return parseEpochFraction(p, unit)
	}
	if len(q) != len(p) {
		n = -n
	}
	return epochInt(n, unit)
}

// parseEpochFraction keeps all digits of 1700000000.123456789, which a float64 would not.
func parseEpochFraction(p []byte, unit epochUnit) (int64, error) {
	if bytes.ContainsAny(p, "eE") {
		f, err := strconv.ParseFloat(unsafe.String(unsafe.SliceData(p), len(p)), 64)
		if err != nil {
			return 0, ErrNotATime
		}
		return epochFloat(f, unit)
	}
	abs, negative := bytes.CutPrefix(p, []byte("-"))
	whole, part, _ := bytes.Cut(abs, []byte("."))
	n, err := strconv.ParseInt(string(whole), 10, 64)
	if err != nil {
		return 0, ErrNotATime
	}
	nano := 0 // of the unit
	if len(part) > 0 {
		rest, ok := part, false
		if nano, rest, ok = fraction(part); !ok || len(rest) != 0 {
			return 0, ErrNotATime
		}
	}
	if unit == 0 {
		unit = magnitude(float64(n))
	}
	t, err := epochInt(n, unit)
	if err != nil || t > math.MaxInt64-int64(unit) {
		return 0, ErrRange
	}
	if t += int64(nano) * int64(unit) / 1e9; negative {
		t = -t
	}
	return t, nil
}

// epochFloat takes a number for what it is written like: 1700000000.123 is no .12299990.
func epochFloat(f float64, unit epochUnit) (int64, error) {
	if !(math.Abs(f) < 9e18) {
		return 0, ErrRange
	}
	return parseEpochFraction(strconv.AppendFloat(nil, f, 'f', -1, 64), unit)
}

func epochInt(n int64, unit epochUnit) (int64, error) {
	if unit == 0 {
		unit = magnitude(math.Abs(float64(n)))
	}
	if n > math.MaxInt64/int64(unit) || n < math.MinInt64/int64(unit) {
		return 0, ErrRange
	}
	return n * int64(unit), nil
}

func magnitude(f float64) epochUnit {
	switch {
	case f < 1e11:
		return epochUnit(time.Second)
	case f < 1e14:
		return epochUnit(time.Millisecond)
	case f < 1e17:
		return epochUnit(time.Microsecond)
	}
	return 1
}
