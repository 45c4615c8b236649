package formats

import (
	"time"

	"github.com/penstock/penstock/inputs/syslog"
)

// NewSyslog returns a parser of lines of RFC 3164 and RFC 5424, with their priority or, as in
// files, without it. Times of the old format are in loc.
func NewSyslog(loc *time.Location) Parser { return &syslogLines{loc} }

type syslogLines struct{ loc *time.Location }

// Parse implements Parser.
func (p *syslogLines) Parse(text []byte, near int64, out *Fields) error {
	object, at, err := syslog.AppendLine(out.room[:0], text, time.Unix(0, near).In(p.loc))
	if err != nil {
		return &Error{"not_syslog", err.Error()}
	}
	out.room, out.Object = object, object
	out.Nanos, out.HasNanos = at.UnixNano(), at.Year() > 1678 && at.Year() < 2262
	return nil
}
