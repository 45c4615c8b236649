package partition

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Strftime is a compiled pattern of C's strftime: %Y %y %m %d %e %j %H %I %M %S %p %a %A %b %h %B %u %w %V %G %F %T %R %D %z %Z %s %f %L %n %t %%.
// %f is a fraction of a second (6 digits when formatting, any number when parsing), %L milliseconds.
type Strftime struct {
	pattern string
	verbs   []verb
}

type verb struct {
	literal string
	c       byte // 0: literal
}

var composites = map[byte]string{'F': "%Y-%m-%d", 'T': "%H:%M:%S", 'R': "%H:%M", 'D': "%m/%d/%y", 'h': "%b"}

// CompileStrftime compiles pattern.
func CompileStrftime(pattern string) (*Strftime, error) {
	s := &Strftime{pattern: pattern}
	if err := s.compile(pattern); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Strftime) compile(pattern string) error {
	for len(pattern) > 0 {
		i := strings.IndexByte(pattern, '%')
		if i != 0 {
			if i < 0 {
				i = len(pattern)
			}
			s.literal(pattern[:i])
			pattern = pattern[i:]
			continue
		}
		if len(pattern) < 2 {
			return fmt.Errorf("time pattern %q ends with a lone %%: write %%%%", s.pattern)
		}
		c := pattern[1]
		pattern = pattern[2:]
		switch {
		case composites[c] != "":
			_ = s.compile(composites[c])
		case c == '%':
			s.literal("%")
		case c == 'n':
			s.literal("\n")
		case c == 't':
			s.literal("\t")
		case strings.IndexByte("YymdejHIMSpaAbBuwVGzZsfL", c) >= 0:
			s.verbs = append(s.verbs, verb{c: c})
		default:
			return fmt.Errorf("time pattern %q: %%%c is not known", s.pattern, c)
		}
	}
	return nil
}

func (s *Strftime) literal(l string) {
	if n := len(s.verbs); n > 0 && s.verbs[n-1].c == 0 {
		s.verbs[n-1].literal += l
		return
	}
	s.verbs = append(s.verbs, verb{literal: l})
}

// Unit is the smallest unit of time that the pattern shows: a second, minute, hour, day, month or year; 0 for none.
func (s *Strftime) Unit() time.Duration {
	unit := time.Duration(0)
	for _, v := range s.verbs {
		var u time.Duration
		switch v.c {
		case 'S', 's', 'f', 'L':
			u = time.Second
		case 'M':
			u = time.Minute
		case 'H', 'I', 'p', 'z', 'Z':
			u = time.Hour
		case 'd', 'e', 'j', 'a', 'A', 'u', 'w':
			u = day
		case 'V':
			u = 7 * day
		case 'm', 'b', 'B':
			u = month
		case 'Y', 'y', 'G':
			u = year
		default:
			continue
		}
		if unit == 0 || u < unit {
			unit = u
		}
	}
	return unit
}

// Units longer than an hour are names, not spans: a day has 23 to 25 hours.
const (
	day   = 24 * time.Hour
	month = 30 * day
	year  = 365 * day
)

// Append appends t, formatted, to dst.
func (s *Strftime) Append(dst []byte, t time.Time) []byte {
	for _, v := range s.verbs {
		switch v.c {
		case 0:
			dst = append(dst, v.literal...)
		case 'Y':
			dst = pad(dst, t.Year(), 4)
		case 'y':
			dst = pad(dst, t.Year()%100, 2)
		case 'm':
			dst = pad(dst, int(t.Month()), 2)
		case 'd':
			dst = pad(dst, t.Day(), 2)
		case 'e':
			if t.Day() < 10 {
				dst = append(dst, ' ')
			}
			dst = strconv.AppendInt(dst, int64(t.Day()), 10)
		case 'j':
			dst = pad(dst, t.YearDay(), 3)
		case 'H':
			dst = pad(dst, t.Hour(), 2)
		case 'I':
			dst = pad(dst, (t.Hour()+11)%12+1, 2)
		case 'M':
			dst = pad(dst, t.Minute(), 2)
		case 'S':
			dst = pad(dst, t.Second(), 2)
		case 'p':
			dst = t.AppendFormat(dst, "PM")
		case 'a':
			dst = append(dst, t.Weekday().String()[:3]...)
		case 'A':
			dst = append(dst, t.Weekday().String()...)
		case 'b':
			dst = append(dst, t.Month().String()[:3]...)
		case 'B':
			dst = append(dst, t.Month().String()...)
		case 'u':
			dst = strconv.AppendInt(dst, int64(t.Weekday()+6)%7+1, 10)
		case 'w':
			dst = strconv.AppendInt(dst, int64(t.Weekday()), 10)
		case 'V':
			_, w := t.ISOWeek()
			dst = pad(dst, w, 2)
		case 'G':
			y, _ := t.ISOWeek()
			dst = pad(dst, y, 4)
		case 'z':
			dst = t.AppendFormat(dst, "-0700")
		case 'Z':
			dst = t.AppendFormat(dst, "MST")
		case 's':
			dst = strconv.AppendInt(dst, t.Unix(), 10)
		case 'f':
			dst = pad(dst, t.Nanosecond()/1e3, 6)
		case 'L':
			dst = pad(dst, t.Nanosecond()/1e6, 3)
		}
	}
	return dst
}

func pad(dst []byte, n, width int) []byte {
	var b [20]byte
	i := len(b)
	for n > 0 || len(b)-i < width {
		i--
		b[i] = byte('0' + n%10)
		n /= 10
	}
	return append(dst, b[i:]...)
}

var errTimePattern = errors.New("time does not match the pattern")

// Parse reads a time written in the pattern; loc is for those that name no zone. The whole of p must match.
func (s *Strftime) Parse(p []byte, loc *time.Location) (nano int64, err error) {
	d := civil{year: 1970, month: 1, day: 1}
	var offset, epoch int64
	var zoned, isEpoch, pm, am bool
	yday := 0
	ok := true
	num := func(width int) int {
		n, rest, good := digits(p, 1, width)
		ok = ok && good
		p = rest
		return n
	}
	for _, v := range s.verbs {
		if !ok {
			break
		}
		switch v.c {
		case 0:
			if len(p) < len(v.literal) || string(p[:len(v.literal)]) != v.literal {
				return 0, errTimePattern
			}
			p = p[len(v.literal):]
		case 'Y', 'G':
			d.year = num(4)
		case 'y':
			if d.year = num(2) + 2000; d.year >= 2069 {
				d.year -= 100
			}
		case 'm':
			d.month = num(2)
		case 'e':
			if len(p) > 0 && p[0] == ' ' {
				p = p[1:]
			}
			d.day = num(2)
		case 'd':
			d.day = num(2)
		case 'j':
			yday = num(3)
		case 'H', 'I':
			d.hour = num(2)
		case 'M':
			d.minute = num(2)
		case 'S':
			d.second = num(2)
		case 'p':
			if ok = len(p) >= 2 && (p[1] == 'M' || p[1] == 'm'); ok {
				am, pm = p[0] == 'A' || p[0] == 'a', p[0] == 'P' || p[0] == 'p'
				ok, p = am || pm, p[2:]
			}
		case 'b', 'B':
			d.month, p, ok = monthName(p)
		case 'a', 'A':
			p, ok = weekdayName(p)
		case 'u', 'w':
			num(1)
		case 'V':
			num(2)
		case 'z', 'Z':
			offset, p, ok = zone(p)
			zoned = true
		case 's':
			neg := len(p) > 0 && p[0] == '-'
			if neg {
				p = p[1:]
			}
			epoch, isEpoch = int64(num(18)), true
			if neg {
				epoch = -epoch
			}
		case 'f', 'L':
			d.nano, p, ok = fraction(p)
		}
	}
	if !ok || len(p) != 0 {
		return 0, errTimePattern
	}
	if isEpoch {
		return secondsToNano(epoch, int64(d.nano))
	}
	if am || pm {
		if d.hour < 1 || d.hour > 12 {
			return 0, errTimePattern
		}
		d.hour %= 12
		if pm {
			d.hour += 12
		}
	}
	if yday > 0 {
		t := time.Date(d.year, 1, yday, 0, 0, 0, 0, time.UTC)
		if t.Year() != d.year {
			return 0, errTimePattern
		}
		d.month, d.day = int(t.Month()), t.Day()
	}
	if zoned {
		return d.nanos(offset)
	}
	return d.nanosIn(loc)
}

func monthName(p []byte) (int, []byte, bool) {
	for m := time.January; m <= time.December; m++ {
		if rest, ok := name(p, m.String()); ok {
			return int(m), rest, true
		}
	}
	return 0, p, false
}

func weekdayName(p []byte) ([]byte, bool) {
	for d := time.Sunday; d <= time.Saturday; d++ {
		if rest, ok := name(p, d.String()); ok {
			return rest, true
		}
	}
	return p, false
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
