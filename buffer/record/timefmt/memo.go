package timefmt

import (
	"math"
	"time"
)

// Memo remembers the minute that was read last, for texts that follow one another closely. The zero
// Memo is ready. Not safe for concurrent use; it serves one Format.
type Memo struct {
	minute [len("2006-01-02T15:04:")]byte
	base   int64 // of the minute, nanoseconds since the Unix epoch
	valid  bool
}

// TextMemo is Text, quicker for a time in UTC that is written like 2026-01-02T03:04:05.678Z and is
// of the same minute as the last one that was.
func (f *Format) TextMemo(m *Memo, p []byte, near int64) (int64, error) {
	within, ok := withinMinute(p)
	if !ok || f.pattern != nil || f.rfc1123 || f.epoch {
		return f.Text(p, near)
	}
	if minute := [len(m.minute)]byte(p); !m.valid || m.minute != minute {
		t, err := f.Text(p, near)
		// Near the ends of what can be told, a minute may be half in range.
		if err != nil || t > math.MaxInt64/2 || t < math.MinInt64/2 {
			return t, err
		}
		m.minute, m.base, m.valid = minute, t-within, true
	}
	return m.base + within, nil
}

// withinMinute returns the nanoseconds since the full minute of a text that has seconds, a fraction
// of up to nine digits or none, and Z.
func withinMinute(p []byte) (ns int64, ok bool) {
	const seconds = len("2006-01-02T15:04:")
	if len(p) < seconds+3 || p[len(p)-1] != 'Z' || p[4] != '-' || p[7] != '-' || p[13] != ':' ||
		p[seconds-1] != ':' || p[11] == '2' && p[12] == '4' { // 24:00:00 has no second after it
		return 0, false
	}
	tens, ones := p[seconds]-'0', p[seconds+1]-'0'
	if tens > 5 || ones > 9 {
		return 0, false
	}
	ns = (int64(tens)*10 + int64(ones)) * int64(time.Second)
	rest := p[seconds+2 : len(p)-1]
	if len(rest) == 0 {
		return ns, true
	}
	if rest[0] != '.' || len(rest) == 1 || len(rest) > len(".123456789") {
		return 0, false
	}
	unit := int64(time.Second) / 10
	for _, c := range rest[1:] {
		if c -= '0'; c > 9 {
			return 0, false
		}
		ns += int64(c) * unit
		unit /= 10
	}
	return ns, true
}
