package timefmt

import "time"

// parseRFC1123 reads the dates of mail and HTTP (RFC 1123, section 5.2.14; RFC 5322, section 3.3):
// Mon, 02 Jan 2006 15:04:05 GMT. The weekday and the seconds may be missing, and a year has two
// digits or four.
func parseRFC1123(p []byte, loc *time.Location) (int64, error) {
	var d civil
	if _, rest, ok := weekday(p); ok {
		if p = rest; len(p) > 0 && p[0] == ',' {
			p = p[1:]
		}
	}
	var ok bool
	year := p
	for _, step := range [...]func(){
		func() { d.day, p, ok = digits(spaces(p), 1, 2) },
		func() { d.month, p, ok = monthName(spaces(p)) },
		func() { year = spaces(p); d.year, p, ok = digits(year, 2, 4) },
		func() { d.hour, p, ok = digits(spaces(p), 1, 2) },
		func() { d.minute, p, ok = afterColon(p) },
	} {
		if step(); !ok {
			return 0, ErrNotATime
		}
	}
	if year[2]-'0' > 9 {
		d.year = fullYear(d.year)
	}
	if len(p) > 0 && p[0] == ':' {
		if d.second, p, ok = afterColon(p); !ok {
			return 0, ErrNotATime
		}
	}
	if p = spaces(p); len(p) == 0 {
		return d.nanosIn(loc)
	}
	return inZone(&d, p, loc)
}

func spaces(p []byte) []byte {
	for len(p) > 0 && p[0] == ' ' {
		p = p[1:]
	}
	return p
}

func afterColon(p []byte) (n int, rest []byte, ok bool) {
	if len(p) == 0 || p[0] != ':' {
		return 0, p, false
	}
	return digits(p[1:], 2, 2)
}

// fullYear completes a year of two digits as POSIX does: 69 to 99 lie in the twentieth century.
func fullYear(n int) int {
	if n >= 69 {
		return n + 1900
	}
	return n + 2000
}
