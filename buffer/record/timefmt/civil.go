package timefmt

import (
	"errors"
	"math"
	"time"
)

var (
	// ErrNotATime tells that a text is no time in the expected form.
	ErrNotATime = errors.New("not a time")
	// ErrRange tells that a time cannot be told in nanoseconds of an int64: before 1677 or after
	// 2262.
	ErrRange = errors.New("time is out of the plausible range")
)

// civil is a date and a time of day, unchecked.
type civil struct{ year, month, day, hour, minute, second, nano int }

// Units longer than an hour are names, not spans: a day has 23 to 25 hours.
const (
	day   = 24 * time.Hour
	month = 30 * day
	year  = 365 * day
)

func (d *civil) valid() bool {
	if d.month < 1 || d.month > 12 || d.day < 1 || d.day > daysIn(d.year, d.month) {
		return false
	}
	if d.hour == 24 { // ISO 8601's name for the end of the day
		return d.minute == 0 && d.second == 0 && d.nano == 0
	}
	// A leap second is taken as the second after it, as time.Date does.
	return d.hour <= 23 && d.minute <= 59 && d.second <= 60
}

func daysIn(year, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// nanos returns nanoseconds since the Unix epoch for a zone that is offset seconds east of UTC.
func (d *civil) nanos(offset int64) (int64, error) {
	if !d.valid() {
		return 0, ErrNotATime
	}
	return Nanos(d.seconds()-offset, int64(d.nano))
}

// seconds returns seconds since the Unix epoch for UTC.
func (d *civil) seconds() int64 {
	// Days since the epoch, after Howard Hinnant's days_from_civil.
	y, m := int64(d.year), int64(d.month)
	if m <= 2 {
		y--
	}
	era := y / 400
	if y < 0 {
		era = (y - 399) / 400
	}
	yoe := y - era*400
	doy := (153*((m+9)%12)+2)/5 + int64(d.day) - 1
	days := era*146097 + yoe*365 + yoe/4 - yoe/100 + doy - 719468
	return days*86400 + int64(d.hour)*3600 + int64(d.minute)*60 + int64(d.second)
}

// nanosIn returns nanoseconds since the Unix epoch for a time of day in loc.
func (d *civil) nanosIn(loc *time.Location) (int64, error) {
	if loc == time.UTC {
		return d.nanos(0)
	}
	if !d.valid() {
		return 0, ErrNotATime
	}
	t := time.Date(d.year, time.Month(d.month), d.day, d.hour, d.minute, d.second, d.nano, loc)
	return Nanos(t.Unix(), int64(t.Nanosecond()))
}

// Nanos returns nanoseconds since the Unix epoch, or ErrRange.
func Nanos(s, nano int64) (int64, error) {
	if s > math.MaxInt64/1_000_000_000-1 || s < math.MinInt64/1_000_000_000+1 {
		return 0, ErrRange
	}
	return s*1e9 + nano, nil
}

// digits reads least to most decimal digits.
func digits(p []byte, least, most int) (n int, rest []byte, ok bool) {
	i := 0
	for i < len(p) && i < most && p[i]-'0' <= 9 {
		n = n*10 + int(p[i]-'0')
		i++
	}
	return n, p[i:], i >= least
}

// fraction reads digits as a fraction of a second; those past nanoseconds are cut off.
func fraction(p []byte) (nano int, rest []byte, ok bool) {
	i, scale := 0, int(1e8)
	for i < len(p) && p[i]-'0' <= 9 {
		nano += int(p[i]-'0') * scale
		scale /= 10
		i++
	}
	return nano, p[i:], i > 0
}
