package timefmt

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"
)

// shows says which parts of a date a pattern has.
type shows struct {
	year, month, day, yearDay bool
	isoYear, isoWeek          bool
	clock, epoch              bool
}

func (s *Strftime) shown() (has shows) {
	for _, v := range s.verbs {
		switch v.c {
		case 'Y', 'y':
			has.year = true
		case 'm', 'b', 'B':
			has.month = true
		case 'd', 'e':
			has.day = true
		case 'j':
			has.yearDay = true
		case 'G':
			has.isoYear = true
		case 'V':
			has.isoWeek = true
		case 'H', 'I', 'M', 'S', 'f', 'L':
			has.clock = true
		case 's':
			has.epoch = true
		}
	}
	return has
}

// CheckParse reports why the pattern cannot tell a time.
func (s *Strftime) CheckParse() error {
	has := s.shows
	bad := func(why string) error { return fmt.Errorf("time pattern %q %s", s.pattern, why) }
	switch {
	case has.epoch:
	case has.isoYear != has.isoWeek:
		return bad("has only one of %G and %V, which belong together: write %G-W%V-%u, or use %Y")
	case has.isoYear && (has.year || has.month || has.day || has.yearDay):
		return bad(
			"mixes %G and %V with other forms of a date: they are a whole date together with %u",
		)
	case has.yearDay && !has.year:
		return bad("has %j without a year: add %Y")
	case has.day && !has.month:
		return bad("has a day of the month without a month: add %m")
	case has.month && !has.day && !has.year:
		return bad("has a month without a day or a year: add %d or %Y")
	case !has.year && !has.month && !has.isoYear && !has.clock:
		return bad("shows neither a date nor a time of day")
	}
	return nil
}

var errPattern = errors.New("time does not match the pattern")

// found is what Parse has read so far.
type found struct {
	civil
	yearDay, isoYear, isoWeek int
	weekday                   int // 1 for Monday to 7; 0 if the text has none
	pm, am                    bool
	zoned, isEpoch            bool
	zone                      zone
	epoch                     int64
	before                    bool // the epoch
}

// Parse reads a time written in the pattern, and returns nanoseconds since the Unix epoch. loc is
// for texts that name no zone. A year or a date that the pattern lacks is the one that brings the
// time closest to near, nanoseconds since the Unix epoch, too. The whole of p must match.
func (s *Strftime) Parse(p []byte, loc *time.Location, near int64) (int64, error) {
	f := found{civil: civil{year: 1970, month: 1, day: 1}}
	for _, v := range s.verbs {
		var ok bool
		if p, ok = f.read(v, p); !ok {
			return 0, errPattern
		}
	}
	if len(p) != 0 {
		return 0, errPattern
	}
	if f.isEpoch && f.before {
		return Nanos(-f.epoch, -int64(f.nano))
	}
	if f.isEpoch {
		return Nanos(f.epoch, int64(f.nano))
	}
	if f.am || f.pm {
		if f.hour < 1 || f.hour > 12 {
			return 0, errPattern
		}
		f.hour %= 12
		if f.pm {
			f.hour += 12
		}
	}
	has := s.shows
	switch {
	case has.isoYear:
		if !f.isoDate() {
			return 0, errPattern
		}
	case has.yearDay:
		t := time.Date(f.year, 1, f.yearDay, 0, 0, 0, 0, time.UTC)
		if f.yearDay < 1 || t.Year() != f.year {
			return 0, errPattern
		}
		f.month, f.day = int(t.Month()), t.Day()
	case has.year:
	case has.month:
		return f.nearestYear(loc, near)
	default:
		return f.nearestDay(loc, near)
	}
	return f.at(f.civil, loc)
}

// read takes what one verb stands for off p.
func (f *found) read(v verb, p []byte) (_ []byte, ok bool) {
	switch v.c {
	case 0:
		return skip(p, v.literal)
	case 'Y':
		f.year, p, ok = digits(p, 1, 4)
	case 'G':
		f.isoYear, p, ok = digits(p, 1, 4)
	case 'y':
		f.year, p, ok = digits(p, 1, 2)
		f.year = fullYear(f.year)
	case 'm':
		f.month, p, ok = digits(p, 1, 2)
	case 'e':
		if len(p) > 0 && p[0] == ' ' {
			p = p[1:]
		}
		f.day, p, ok = digits(p, 1, 2)
	case 'd':
		f.day, p, ok = digits(p, 1, 2)
	case 'j':
		f.yearDay, p, ok = digits(p, 1, 3)
	case 'H', 'I':
		f.hour, p, ok = digits(p, 1, 2)
	case 'M':
		f.minute, p, ok = digits(p, 1, 2)
	case 'S':
		f.second, p, ok = digits(p, 1, 2)
	case 'p':
		if ok = len(p) >= 2 && p[1]|0x20 == 'm'; ok {
			f.am, f.pm = p[0]|0x20 == 'a', p[0]|0x20 == 'p'
			ok, p = f.am || f.pm, p[2:]
		}
	case 'b', 'B':
		f.month, p, ok = monthName(p)
	case 'a', 'A':
		f.weekday, p, ok = weekday(p)
	case 'u', 'w':
		f.weekday, p, ok = digits(p, 1, 1)
		if v.c == 'w' && f.weekday == 0 {
			f.weekday = 7
		}
		ok = ok && f.weekday >= 1 && f.weekday <= 7
	case 'V':
		f.isoWeek, p, ok = digits(p, 1, 2)
	case 'z', 'Z':
		f.zone, p, ok = readZone(p)
		f.zoned = true
	case 's':
		p, f.before = bytes.CutPrefix(p, []byte("-"))
		var n int
		n, p, ok = digits(p, 1, 18)
		f.epoch, f.isEpoch = int64(n), true
	case 'f', 'L':
		f.nano, p, ok = fraction(p)
	}
	return p, ok
}

func skip(p []byte, literal string) ([]byte, bool) {
	if len(p) < len(literal) || string(p[:len(literal)]) != literal {
		return p, false
	}
	return p[len(literal):], true
}

// isoDate sets the date from the ISO week, whose first day is Monday, and reports whether there is
// one.
func (f *found) isoDate() bool {
	if f.isoWeek < 1 || f.isoWeek > 53 {
		return false
	}
	weekday := max(f.weekday, 1)
	// The fourth of January lies in the first week.
	jan4 := time.Date(f.isoYear, 1, 4, 0, 0, 0, 0, time.UTC)
	t := jan4.AddDate(0, 0, (f.isoWeek-1)*7+weekday-1-int(jan4.Weekday()+6)%7)
	if y, w := t.ISOWeek(); y != f.isoYear || w != f.isoWeek {
		return false
	}
	f.year, f.month, f.day = t.Year(), int(t.Month()), t.Day()
	return true
}

// at returns d in the zone of the text, or in loc.
func (f *found) at(d civil, loc *time.Location) (int64, error) {
	if f.zoned {
		return f.zone.nanos(&d, loc)
	}
	return d.nanosIn(loc)
}

func (f *found) nearestYear(loc *time.Location, near int64) (int64, error) {
	year := time.Unix(0, near).UTC().Year()
	return f.nearest(loc, near, func(i int) civil {
		d := f.civil
		d.year = year + i
		return d
	})
}

func (f *found) nearestDay(loc *time.Location, near int64) (int64, error) {
	today := time.Unix(0, near).UTC()
	return f.nearest(loc, near, func(i int) civil {
		t := today.AddDate(0, 0, i)
		d := f.civil
		d.year, d.month, d.day = t.Year(), int(t.Month()), t.Day()
		return d
	})
}

// nearest returns whichever of the candidates -1, 0 and 1 comes closest to near; others may be no
// dates at all, as 29 February is in most years.
func (f *found) nearest(
	loc *time.Location, near int64, candidate func(i int) civil,
) (best int64, err error) {
	err = errPattern
	for i := -1; i <= 1; i++ {
		t, e := f.at(candidate(i), loc)
		if e == nil && (err != nil || distance(t, near) < distance(best, near)) {
			best, err = t, nil
		}
	}
	return best, err
}

func distance(a, b int64) uint64 { return uint64(max(a, b)) - uint64(min(a, b)) }

func monthName(p []byte) (int, []byte, bool) {
	for m := time.January; m <= time.December; m++ {
		if rest, ok := name(p, m.String()); ok {
			return int(m), rest, true
		}
	}
	return 0, p, false
}

// weekday reads the name of a day of the week, and returns 1 for Monday to 7.
func weekday(p []byte) (int, []byte, bool) {
	for d := time.Sunday; d <= time.Saturday; d++ {
		if rest, ok := name(p, d.String()); ok {
			return int(d+6)%7 + 1, rest, true
		}
	}
	return 0, p, false
}

// name strips full, or its first three letters, from p.
func name(p []byte, full string) ([]byte, bool) {
	for _, s := range []string{full, full[:3]} {
		if len(p) >= len(s) && strings.EqualFold(string(p[:len(s)]), s) {
			return p[len(s):], true
		}
	}
	return p, false
}
