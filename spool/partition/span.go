package partition

import (
	"regexp"
	"strings"
	"time"
)

// Span returns the time partition that holds t: the longest stretch around t for which all of the
// path's time parts stay the same. An hour that the end of daylight saving repeats is one span of
// two hours. ok is false for a path without time.
func (p *Partitioner) Span(t time.Time) (start, end time.Time, ok bool) {
	step := p.main.bucket
	if step == 0 {
		return t, t, false
	}
	shown := p.main.times(t)
	start = t.UTC().Truncate(step)
	end = start.Add(step)
	// Spans longer than two years would be a mistake of this loop.
	limit := start.AddDate(-2, 0, 0)
	for start.After(limit) && p.main.times(start.Add(-step)) == shown {
		start = start.Add(-step)
	}
	for limit := end.AddDate(2, 0, 0); end.Before(limit) && p.main.times(end) == shown; {
		end = end.Add(step)
	}
	return start, end, true
}

func (l *layout) times(t time.Time) string {
	var out []byte
	for i := range l.parts {
		if x := &l.parts[i]; x.time != nil {
			out = append(x.time.Append(out, t.In(x.loc)), 0)
		}
	}
	return string(out)
}

// Match returns what the paths of a topic's records of time t look like: all begin with prefix, and
// re matches them whole.
func (p *Partitioner) Match(topic string, t time.Time) (prefix string, re *regexp.Regexp) {
	return p.match(&topic, t)
}

// MatchAny is Match for any topic.
func (p *Partitioner) MatchAny(t time.Time) (prefix string, re *regexp.Regexp) {
	return p.match(nil, t)
}

func (p *Partitioner) match(topic *string, t time.Time) (prefix string, re *regexp.Regexp) {
	var path []byte
	for i := range p.main.parts {
		switch x := &p.main.parts[i]; {
		case x.time != nil:
			path = x.time.Append(path, t.In(x.loc))
		case x.topic && topic != nil:
			path = appendEscaped(path, []byte(*topic))
		case x.src != nil:
			path = append(path, variable)
		default:
			path = append(path, x.literal...)
		}
	}
	fixed, expr := untilVariable(path)
	expr = strings.ReplaceAll(regexp.QuoteMeta(expr), string(variable), "[^/]+")
	return fixed, regexp.MustCompile("^" + expr + "$")
}

// variable stands in a path for what is different from record to record.
const variable = '\x00'

// untilVariable seals a path, and returns it and what it begins with before the first variable.
func untilVariable(path []byte) (fixed, sealed string) {
	sealed = string(sealPath(path))
	fixed, _, _ = strings.Cut(sealed, string(variable))
	return fixed, sealed
}

// Values returns the name=value segments of a path, as Hive reads them, in order.
func Values(path string) (names, values []string) {
	for seg := range strings.SplitSeq(path, "/") {
		if name, value, ok := strings.Cut(seg, "="); ok {
			names, values = append(names, unescape(name)), append(values, unescape(value))
		}
	}
	return names, values
}

func unescape(s string) string {
	var out []byte
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			hi, lo := strings.IndexByte(upperHex, s[i+1]), strings.IndexByte(upperHex, s[i+2])
			if hi >= 0 && lo >= 0 {
				out = append(out, byte(hi<<4|lo))
				i += 2
				continue
			}
		}
		out = append(out, s[i])
	}
	return string(out)
}
