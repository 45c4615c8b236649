package timefmt

import (
	"bytes"
	"time"
)

// zones are the abbreviations that mean one thing everywhere, in seconds east of UTC: those of
// RFC 822, section 5.1, and others that no two regions share. BST, IST and the like are not among
// them: they are understood where the configured location uses them.
var zones = map[string]int64{
	"UT": 0, "UTC": 0, "GMT": 0, "Z": 0, "z": 0, "WET": 0, "WEST": 3600,
	"EST": -5 * 3600, "EDT": -4 * 3600, "CST": -6 * 3600, "CDT": -5 * 3600,
	"MST": -7 * 3600, "MDT": -6 * 3600, "PST": -8 * 3600, "PDT": -7 * 3600,
	"AKST": -9 * 3600, "AKDT": -8 * 3600, "HST": -10 * 3600,
	"CET": 3600, "CEST": 2 * 3600, "EET": 2 * 3600, "EEST": 3 * 3600, "MSK": 3 * 3600,
	"JST": 9 * 3600, "KST": 9 * 3600, "AEST": 10 * 3600, "AEDT": 11 * 3600,
	"NZST": 12 * 3600, "NZDT": 13 * 3600,
}

// zone is what a text says about its zone: an offset, or an abbreviation that only a location
// knows.
type zone struct {
	offset int64 // seconds east of UTC
	known  bool
	abbrev []byte // set if not known
}

// readZone reads Z, +hh, +hhmm, +hh:mm, an abbreviation, or UTC or GMT with an offset such as
// GMT+5:30.
func readZone(p []byte) (z zone, rest []byte, ok bool) {
	n := 0
	for n < len(p) && (p[n]|0x20)-'a' < 26 {
		n++
	}
	name := p[:n]
	if n > 0 {
		offset, known := zones[string(name)]
		if known && (string(name) == "UTC" || string(name) == "GMT") && n < len(p) &&
			(p[n] == '+' || p[n] == '-') {
			offset, rest, ok = readOffset(p[n:], 1)
			return zone{offset: offset, known: true}, rest, ok
		}
		if !known && n > 5 {
			return zone{}, p, false
		}
		return zone{offset: offset, known: known, abbrev: name}, p[n:], true
	}
	offset, rest, ok := readOffset(p, 2)
	return zone{offset: offset, known: true}, rest, ok
}

// readOffset reads a sign, hours of at least the given number of digits, and minutes or none.
func readOffset(p []byte, least int) (offset int64, rest []byte, ok bool) {
	if len(p) == 0 || p[0] != '+' && p[0] != '-' {
		return 0, p, false
	}
	h, rest, ok := digits(p[1:], least, 2)
	if !ok {
		return 0, p, false
	}
	m := 0
	if len(rest) > 0 && rest[0] == ':' {
		if m, rest, ok = digits(rest[1:], 2, 2); !ok {
			return 0, p, false
		}
	} else if n, r, good := digits(rest, 2, 2); good {
		m, rest = n, r
	}
	if h > 23 || m > 59 {
		return 0, p, false
	}
	offset = int64(h)*3600 + int64(m)*60
	if p[0] == '-' {
		offset = -offset
	}
	return offset, rest, true
}

// nanos returns d in the zone as nanoseconds since the Unix epoch. loc is asked about
// abbreviations.
func (z zone) nanos(d *civil, loc *time.Location) (int64, error) {
	if z.known {
		return d.nanos(z.offset)
	}
	if !d.valid() {
		return 0, ErrNotATime
	}
	t := time.Date(d.year, time.Month(d.month), d.day, d.hour, d.minute, d.second, d.nano, loc)
	// Where the clock is set back, the same time of day has two names.
	for _, c := range [...]time.Time{t, t.Add(time.Hour), t.Add(-time.Hour)} {
		if name, _ := c.Zone(); bytes.EqualFold(z.abbrev, []byte(name)) && c.Hour() == t.Hour() &&
			c.Minute() == t.Minute() {
			return Nanos(c.Unix(), int64(c.Nanosecond()))
		}
	}
	return 0, ErrNotATime
}
