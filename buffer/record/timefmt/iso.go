package timefmt

import "time"

// RFC3339 reads a time as RFC 3339 writes it, such as 2026-01-02T03:04:05.678+02:00, and returns
// seconds since the Unix epoch and nanoseconds. What is not quite that, time.Parse may still take.
func RFC3339(p []byte) (seconds int64, nano int, ok bool) {
	if len(p) < len("2006-01-02T15:04:05Z") || p[4] != '-' || p[7] != '-' || p[10] != 'T' ||
		p[13] != ':' ||
		p[16] != ':' {
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
	if good != [6]bool{true, true, true, true, true, true} || d.second > 59 || d.hour > 23 ||
		!d.valid() {
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
		offset, left, ok := readOffset(rest, 2)
		return d.seconds() - offset, nano, ok && len(left) == 0
	}
	return 0, 0, false
}

// parseISO reads ISO 8601 and RFC 3339: 2026-01-02, or with T or a space 03:04, 03:04:05, a
// fraction after a point or a comma; also in the basic form 20260102T030405. A zone may follow,
// after a date alone too, as XML Schema writes it. What has no zone is in loc.
func parseISO(p []byte, loc *time.Location) (int64, error) {
	var d civil
	var ok bool
	if d.year, p, ok = digits(p, 4, 4); !ok || len(p) == 0 {
		return 0, ErrNotATime
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
		return 0, ErrNotATime
	}
	if d.month, p, ok = digits(p, 2, 2); !ok || !sep('-') {
		return 0, ErrNotATime
	}
	if d.day, p, ok = digits(p, 2, 2); !ok {
		return 0, ErrNotATime
	}
	if len(p) == 0 {
		return d.nanosIn(loc)
	}
	switch p[0] {
	case 'T', 't', ' ':
	case 'Z', 'z', '+', '-':
		return inZone(&d, p, loc)
	default:
		return 0, ErrNotATime
	}
	if d.hour, p, ok = digits(p[1:], 2, 2); !ok || !sep(':') {
		return 0, ErrNotATime
	}
	if d.minute, p, ok = digits(p, 2, 2); !ok {
		return 0, ErrNotATime
	}
	if len(p) > 0 && (p[0] == ':' || !extended && p[0]-'0' <= 9) {
		if !sep(':') {
			return 0, ErrNotATime
		}
		if d.second, p, ok = digits(p, 2, 2); !ok {
			return 0, ErrNotATime
		}
		if len(p) > 0 && (p[0] == '.' || p[0] == ',') {
			if d.nano, p, ok = fraction(p[1:]); !ok {
				return 0, ErrNotATime
			}
		}
	}
	if len(p) == 0 {
		return d.nanosIn(loc)
	}
	if p[0] == ' ' {
		p = p[1:]
	}
	return inZone(&d, p, loc)
}

// inZone returns d in the zone that is all of p.
func inZone(d *civil, p []byte, loc *time.Location) (int64, error) {
	z, rest, ok := readZone(p)
	if !ok || len(rest) != 0 {
		return 0, ErrNotATime
	}
	return z.nanos(d, loc)
}
