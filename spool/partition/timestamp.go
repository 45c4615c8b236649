package partition

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"
	"unsafe"
)

var (
	errNotATime = errors.New("not a time")
	errRange    = errors.New("time is out of the plausible range")
)

// civil is a date and a time of day, unchecked.
type civil struct{ year, month, day, hour, minute, second, nano int }

func (d *civil) valid() bool {
	// A leap second is taken as the second after it, as time.Date does.
	return d.month >= 1 && d.month <= 12 && d.day >= 1 && d.day <= daysIn(d.year, d.month) && d.hour <= 23 && d.minute <= 59 && d.second <= 60
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
		return 0, errNotATime
	}
	return secondsToNano(d.seconds()-offset, int64(d.nano))
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

// RFC3339 reads a time as RFC 3339 writes it, such as 2026-01-02T03:04:05.678+02:00, and returns seconds since the Unix epoch and nanoseconds. What
// is not quite that, time.Parse may still take.
func RFC3339(p []byte) (seconds int64, nano int, ok bool) {
	if len(p) < len("2006-01-02T15:04:05Z") || p[4] != '-' || p[7] != '-' || p[10] != 'T' || p[13] != ':' || p[16] != ':' {
		return 0, 0, false
	}
	var d civil
	var good [6]bool
	d.year, _, good[0] = digits(p[:4], 4, 4)
	d.month, _, good[1] = digits(p[5:7], 2, 2)
	d.day, _, good[2] = digits(p[8:10], 2, 2)
	d.hour, _, good[3] = digits(p[11:13], 2, 2)
	d.minute, _, good[4] = digits(p[14:16], 2, 2)
	d.second, _, good[5] = digits(p[17:19], 2, 2)
	if good != [6]bool{true, true, true, true, true, true} || d.second > 59 || !d.valid() {
		return 0, 0, false
	}
	rest := p[19:]
	if rest[0] == '.' {
		if nano, rest, ok = fraction(rest[1:]); !ok {
			return 0, 0, false
		}
	}
	switch {
	case len(rest) == 1 && rest[0] == 'Z':
		return d.seconds(), nano, true
	case len(rest) == len("+00:00") && (rest[0] == '+' || rest[0] == '-') && rest[3] == ':':
		offset, left, ok := zone(rest)
		return d.seconds() - offset, nano, ok && len(left) == 0
	}
	return 0, 0, false
}

func (d *civil) nanosIn(loc *time.Location) (int64, error) {
	if loc == time.UTC {
		return d.nanos(0)
	}
	if !d.valid() {
		return 0, errNotATime
	}
	t := time.Date(d.year, time.Month(d.month), d.day, d.hour, d.minute, d.second, d.nano, loc)
	return secondsToNano(t.Unix(), int64(t.Nanosecond()))
}

func secondsToNano(s, nano int64) (int64, error) {
	if s > math.MaxInt64/1_000_000_000-1 || s < math.MinInt64/1_000_000_000+1 {
		return 0, errRange
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

// zone reads Z, UTC, GMT, +hh, +hhmm or +hh:mm, and returns seconds east of UTC.
func zone(p []byte) (offset int64, rest []byte, ok bool) {
	if len(p) == 0 {
		return 0, p, false
	}
	switch p[0] {
	case 'Z', 'z':
		return 0, p[1:], true
	case 'U', 'G':
		if bytes.HasPrefix(p, []byte("UTC")) || bytes.HasPrefix(p, []byte("GMT")) {
			return 0, p[3:], true
		}
		return 0, p, false
	case '+', '-':
	default:
		return 0, p, false
	}
	h, rest, ok := digits(p[1:], 2, 2)
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

// parseISO reads ISO 8601 and RFC 3339: 2026-01-02, or with T or a space 03:04, 03:04:05, a fraction after a point or a comma, and
// a zone; also in the basic form 20260102T030405Z. A time without zone is in loc.
func parseISO(p []byte, loc *time.Location) (int64, error) {
	var d civil
	var ok bool
	if d.year, p, ok = digits(p, 4, 4); !ok || len(p) == 0 {
		return 0, errNotATime
	}
	extended := p[0] == '-'
	sep := func(c byte) bool {
		if !extended {
			return true
		}
		if len(p) == 0 || p[0] != c {
			return false
		}
		p = p[1:]
		return true
	}
	if !sep('-') {
		return 0, errNotATime
	}
	if d.month, p, ok = digits(p, 2, 2); !ok || !sep('-') {
		return 0, errNotATime
	}
	if d.day, p, ok = digits(p, 2, 2); !ok {
		return 0, errNotATime
	}
	if len(p) == 0 {
		return d.nanosIn(loc)
	}
	if c := p[0]; c != 'T' && c != 't' && c != ' ' {
		return 0, errNotATime
	}
	if d.hour, p, ok = digits(p[1:], 2, 2); !ok || !sep(':') {
		return 0, errNotATime
	}
	if d.minute, p, ok = digits(p, 2, 2); !ok {
		return 0, errNotATime
	}
	if len(p) > 0 && (p[0] == ':' || !extended && p[0]-'0' <= 9) {
		if !sep(':') {
			return 0, errNotATime
		}
		if d.second, p, ok = digits(p, 2, 2); !ok {
			return 0, errNotATime
		}
		if len(p) > 0 && (p[0] == '.' || p[0] == ',') {
			if d.nano, p, ok = fraction(p[1:]); !ok {
				return 0, errNotATime
			}
		}
	}
	if len(p) == 0 {
		return d.nanosIn(loc)
	}
	if p[0] == ' ' {
		p = p[1:]
	}
	offset, p, ok := zone(p)
	if !ok || len(p) != 0 {
		return 0, errNotATime
	}
	return d.nanos(offset)
}

// epochUnit is how many nanoseconds one unit of an epoch number is; 0 means told by magnitude.
type epochUnit int64

// parseEpoch reads a decimal number, with a fraction or not. With unit 0, numbers below 10^11 are seconds, below 10^14
// milliseconds, below 10^17 microseconds, others nanoseconds: right for times from 1973 to 5138.
func parseEpoch(p []byte, unit epochUnit) (int64, error) {
	if len(p) == 0 || len(p) > 40 {
		return 0, errNotATime
	}
	q := p
	if q[0] == '-' {
		q = q[1:]
	}
	if len(q) == 0 || q[0]-'0' > 9 {
		return 0, errNotATime // ParseFloat would take Inf and 0x
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
	if i := bytes.IndexByte(p, '.'); i > 0 && i < 19 && !bytes.ContainsAny(p, "eE-") {
		n, err := strconv.ParseInt(string(p[:i]), 10, 64)
		if err == nil && (unit == epochUnit(time.Second) || unit == 0 && n < 1e11) {
			nano, rest, ok := fraction(p[i+1:])
			if !ok || len(rest) != 0 {
				return 0, errNotATime
			}
			return secondsToNano(n, int64(nano))
		}
	}
	f, err := strconv.ParseFloat(unsafe.String(unsafe.SliceData(p), len(p)), 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		return 0, errNotATime
	}
	return epochFloat(f, unit)
}

func epochFloat(f float64, unit epochUnit) (int64, error) {
	if unit == 0 {
		unit = magnitude(math.Abs(f))
	}
	if f *= float64(unit); !(math.Abs(f) < 9e18) {
		return 0, errRange
	}
	return int64(f), nil
}

func epochInt(n int64, unit epochUnit) (int64, error) {
	if unit == 0 {
		unit = magnitude(math.Abs(float64(n)))
	}
	if n > math.MaxInt64/int64(unit) || n < math.MinInt64/int64(unit) {
		return 0, errRange
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

// timeFormat says how an event time is written.
type timeFormat struct {
	unit    epochUnit // of numbers
	epoch   bool      // numbers only
	iso     bool      // ISO 8601 only
	pattern *Strftime
	loc     *time.Location
}

func newTimeFormat(name string, loc *time.Location) (*timeFormat, error) {
	f := &timeFormat{loc: loc}
	switch name {
	case "", "auto":
	case "iso8601", "rfc3339":
		f.iso = true
	case "epoch":
		f.epoch = true
	case "epoch_s":
		f.epoch, f.unit = true, epochUnit(time.Second)
	case "epoch_ms":
		f.epoch, f.unit = true, epochUnit(time.Millisecond)
	case "epoch_us":
		f.epoch, f.unit = true, epochUnit(time.Microsecond)
	case "epoch_ns":
		f.epoch, f.unit = true, 1
	default:
		if !bytes.ContainsRune([]byte(name), '%') {
			return nil, fmt.Errorf("must be auto, iso8601, epoch, epoch_s, epoch_ms, epoch_us, epoch_ns or a pattern such as \"%%Y-%%m-%%d %%H:%%M:%%S\", not %q", name)
		}
		var err error
		if f.pattern, err = CompileStrftime(name); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// parse reads the value of a time field.
func (f *timeFormat) parse(v *Value) (int64, error) {
	switch v.Kind {
	case Instant:
		return v.Int, nil
	case Integer:
		if f.iso || f.pattern != nil {
			return f.text(v.AppendTo(nil))
		}
		return epochInt(v.Int, f.unit)
	case Float:
		if f.iso || f.pattern != nil {
			return 0, errNotATime
		}
		return epochFloat(v.Float, f.unit)
	case Number, Text:
		return f.text(v.Text)
	}
	return 0, errNotATime
}

func (f *timeFormat) text(p []byte) (int64, error) {
	switch {
	case f.pattern != nil:
		return f.pattern.Parse(p, f.loc)
	case f.iso:
		return parseISO(p, f.loc)
	case f.epoch:
		return parseEpoch(p, f.unit)
	}
	// 20260102 would be a small epoch number: a bare number is an epoch.
	if len(p) > 8 && (p[4] == '-' || p[8] == 'T') {
		return parseISO(p, f.loc)
	}
	return parseEpoch(p, 0)
}
