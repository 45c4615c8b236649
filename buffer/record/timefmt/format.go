package timefmt

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Format says how a time is written. Safe for concurrent use.
type Format struct {
	unit    epochUnit // of numbers
	epoch   bool      // numbers only
	iso     bool      // ISO 8601 only
	rfc1123 bool
	pattern *Strftime
	loc     *time.Location
}

// Names is what New takes, for errors and documentation.
const Names = "auto, iso8601, rfc1123, epoch, epoch_s, epoch_ms, epoch_us, epoch_ns or a pattern such as \"%Y-%m-%d %H:%M:%S\""

// New returns the format of that name, or of that pattern of strftime; loc is for texts that name
// no zone.
func New(name string, loc *time.Location) (*Format, error) {
	f := &Format{loc: loc}
	switch name {
	case "", "auto":
	case "iso8601", "rfc3339":
		f.iso = true
	case "rfc1123":
		f.rfc1123 = true
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
		if !strings.Contains(name, "%") {
			return nil, fmt.Errorf("must be %s, not %q", Names, name)
		}
		var err error
		if f.pattern, err = Compile(name); err != nil {
			return nil, err
		}
		if err := f.pattern.CheckParse(); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// numeric reports whether numbers are epochs.
func (f *Format) numeric() bool { return !f.iso && !f.rfc1123 && f.pattern == nil }

// Text reads p; near is for what the text leaves out, as in Strftime.Parse. The result is in
// nanoseconds since the Unix epoch.
func (f *Format) Text(p []byte, near int64) (int64, error) {
	switch {
	case f.pattern != nil:
		return f.pattern.Parse(p, f.loc, near)
	case f.iso:
		return parseISO(p, f.loc)
	case f.rfc1123:
		return parseRFC1123(p, f.loc)
	case f.epoch:
		return parseEpoch(p, f.unit)
	}
	// 20260102 would be a small epoch number: a bare number is an epoch.
	switch {
	case len(p) > 8 && (p[4] == '-' || p[8] == 'T'):
		return parseISO(p, f.loc)
	case len(p) > 8 && ((p[0]|0x20)-'a' < 26 || p[1] == ' ' || p[2] == ' '):
		return parseRFC1123(p, f.loc)
	}
	return parseEpoch(p, 0)
}

// Integer reads a number.
func (f *Format) Integer(n, near int64) (int64, error) {
	if !f.numeric() {
		return f.Text(strconv.AppendInt(nil, n, 10), near)
	}
	return epochInt(n, f.unit)
}

// Float reads a number that need not be whole.
func (f *Format) Float(x float64) (int64, error) {
	if !f.numeric() {
		return 0, ErrNotATime
	}
	return epochFloat(x, f.unit)
}
