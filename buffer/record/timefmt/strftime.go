package timefmt

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Strftime is a compiled pattern of C's strftime: %Y %y %m %d %e %j %H %I %M %S %p %a %A %b %h %B
// %u %w %V %G %F %T %R %D %z %Z %s %f %L %n %t %%. %f is a fraction of a second (6 digits when
// formatting, any number when parsing), %L milliseconds.
type Strftime struct {
	pattern string
	verbs   []verb
	shows   shows // for Parse
}

type verb struct {
	literal string
	c       byte // 0: literal
}

var composites = map[byte]string{
	'F': "%Y-%m-%d",
	'T': "%H:%M:%S",
	'R': "%H:%M",
	'D': "%m/%d/%y",
	'h': "%b",
}

// Compile compiles pattern.
func Compile(pattern string) (*Strftime, error) {
	s := &Strftime{pattern: pattern}
	if err := s.compile(pattern); err != nil {
		return nil, err
	}
	s.shows = s.shown()
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

// Unit is the smallest unit of time that the pattern shows: a second, minute, hour, day, month or
// year; 0 for none.
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
