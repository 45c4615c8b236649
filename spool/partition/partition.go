package partition

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/dialect"
	"github.com/penstock/penstock/buffer/record/timefmt"
)

// Input is a record and where it comes from.
type Input struct {
	Topic     string
	Tag       string
	Origin    string
	Partition int32
	Record    *record.Record
}

// Class is where a record goes.
type Class uint8

const (
	Main Class = iota
	Late
	DeadLetter
)

// Result is what is known about a record once its key is made.
type Result struct {
	Class  Class
	Time   int64 // event time in nanoseconds; valid if Timed
	Timed  bool
	Reason error // why it is a dead letter, or went to the default partition
}

var (
	// ErrTime tells that a record has no usable event time.
	ErrTime = errors.New("no usable event time")
	// ErrField tells that a record lacks something that its path is made of.
	ErrField = errors.New("no usable value for the path")
	// ErrPath tells that a record's path would be too long to be stored.
	ErrPath = errors.New("path too long")
	// ErrStop is wrapped by the error for a record that has no place when on_missing is "stop".
	ErrStop = errors.New("on_missing is \"stop\"")
)

// maxPath leaves room for a store's prefix and a file name below spool.MaxKey.
const maxPath = 600

const noTime = math.MinInt64 // the bucket of records without time

type part struct {
	literal []byte
	src     source
	topic   bool // src is the topic
	time    *timefmt.Strftime
	loc     *time.Location
}

type layout struct {
	parts    []part
	unit     time.Duration // smallest unit of time shown; 0 for none
	bucket   time.Duration // within which the path is the same, for one zone or another
	fallback []byte
}

// Partitioner makes paths. Not safe for concurrent use: each log has its own.
type Partitioner struct {
	b                *binder
	main, late, dead *layout
	eventTime        func(in *Input) (int64, error)
	earliest, latest int64
	lateAfter        int64
	defaultTime      int64 // noTime if none is configured
	onMissing        string
	memo             timefmt.Memo
	forget           func() // of a finder that keeps something of a record; or nil
	scratch          []byte
}

// New compiles the configuration. fields finds the fields of values; nil means JSON.
func New(cfg Config, agent string, fields Fields) (*Partitioner, error) {
	if fields == nil {
		fields = JSONFields
	}
	loc, err := time.LoadLocation(cfg.Timezone)
	if err != nil {
		return nil, fmt.Errorf("timezone: %w", err)
	}
	b := &binder{cfg: &cfg, agent: agent, fields: fields, loc: loc}
	p := &Partitioner{b: b, onMissing: cfg.OnMissing}
	var errs []error
	if p.main, err = b.layout("path", cfg.Path, true); err != nil {
		errs = append(errs, err)
	}
	if p.dead, err = b.layout("dead_letter_path", cfg.DeadLetterPath, false); err != nil {
		errs = append(errs, err)
	}
	if cfg.Late != nil {
		p.lateAfter = int64(cfg.Late.After)
		if p.late, err = b.layout("late.path", cfg.Late.Path, true); err != nil {
			errs = append(errs, err)
		}
	}
	if err := p.bindTime(b, &cfg.Time); err != nil {
		errs = append(errs, err)
	}
	if b.finder, err = fields(b.paths); err != nil {
		errs = append(errs, err)
	}
	if f, ok := b.finder.(interface{ forget() }); ok {
		p.forget = f.forget
	}
	return p, errors.Join(errs...)
}

func (p *Partitioner) bindTime(b *binder, cfg *TimeConfig) error {
	loc, err := time.LoadLocation(cfg.Timezone)
	if err != nil {
		return fmt.Errorf("time.timezone: %w", err)
	}
	format, err := timefmt.New(cfg.Format, loc)
	if err != nil {
		return fmt.Errorf("time.format: %w", err)
	}
	first, err := time.Parse(time.RFC3339, cfg.Earliest)
	last, err2 := time.Parse(time.RFC3339, cfg.Latest)
	if err != nil || err2 != nil {
		return fmt.Errorf("time: %w", errors.Join(err, err2))
	}
	p.defaultTime = noTime
	if cfg.Default != "" {
		at, err := time.Parse(time.RFC3339, cfg.Default)
		if err != nil {
			return fmt.Errorf("time.default: %w", err)
		}
		if p.defaultTime, err = timefmt.Nanos(at.Unix(), int64(at.Nanosecond())); err != nil {
			return fmt.Errorf("time.default: %w", err)
		}
	}
	if p.earliest, err = timefmt.Nanos(first.Unix(), 0); err != nil {
		return fmt.Errorf("time.earliest: %w", err)
	}
	if p.latest, err = timefmt.Nanos(last.Unix(), 0); err != nil {
		return fmt.Errorf("time.latest: %w", err)
	}
	var src source
	switch {
	case cfg.Field != "":
		i := b.field(dialect.SplitNames(cfg.Field))
		p.eventTime = func(in *Input) (int64, error) {
			if text, sure := b.text(in, i); sure && text != nil {
				return format.TextMemo(&p.memo, text, in.Record.Time)
			}
			v, err := b.finder.Find(in.Record, i)
			if err != nil {
				b.note(err)
				return 0, err
			}
			return readTime(format, &p.memo, &v, in.Record.Time)
		}
		return nil
	case cfg.Column != 0:
		src = column(b.cfg.Delimiter, cfg.Column)
	case cfg.Header != "":
		src = header(cfg.Header)
	case cfg.Regex != "":
		group := ""
		if src, err = regexSource(cfg.Regex, "time"); err != nil {
			if src, err = regexSource(cfg.Regex, group); err != nil {
				return fmt.Errorf("time.regex: %w", err)
			}
		}
	default:
		p.eventTime = func(in *Input) (int64, error) { return in.Record.Time, nil }
		return nil
	}
	p.eventTime = func(in *Input) (int64, error) {
		text, ok := src(p.scratch[:0], in)
		p.scratch = text[:0]
		if !ok {
			return 0, timefmt.ErrNotATime
		}
		return format.TextMemo(&p.memo, text, in.Record.Time)
	}
	return nil
}

// Remembers reports whether what Key was called with last is remembered by the fields, which others
// may be about to ask.
func (p *Partitioner) Remembers() bool { return p.forget != nil }

// Unit returns the smallest unit of time in the path, 0 if there is none.
func (p *Partitioner) Unit() time.Duration { return p.main.unit }

// Key appends a record's key to dst, and says in res what there is to know of it: records of one
// topic have the same path if they have the same key. It allocates nothing but what regular
// expressions do. The error wraps ErrStop, or decode.ErrUnavailable: then the record is to be tried
// again.
func (p *Partitioner) Key(dst []byte, in *Input, res *Result) ([]byte, error) {
	*res = Result{}
	if p.forget != nil {
		p.forget()
	}
	t, err := p.eventTime(in)
	if err == nil && t >= p.earliest && t < p.latest {
		res.Time, res.Timed = t, true
	}
	l := p.main
	if res.Timed && p.late != nil && in.Record.Time-t > p.lateAfter {
		l, res.Class = p.late, Late
	}
	start := len(dst)
	dst, res.Reason = p.appendKey(dst, l, in, res)
	if err := p.b.unavailable; err != nil {
		p.b.unavailable = nil
		return dst, err
	}
	if res.Reason == nil || p.onMissing == "default" {
		return dst, nil
	}
	if p.onMissing == "stop" {
		return dst, fmt.Errorf(
			"record %d of %s/%d: %w, and %w: mend the configuration, or choose dead_letter or default",
			in.Record.Offset, in.Topic, in.Partition, res.Reason, ErrStop,
		)
	}
	dst = p.DeadLetterKey(dst[:start], in)
	res.Class = DeadLetter
	return dst, nil
}

// DeadLetterKey appends the key of the dead-letter object that takes a record.
func (p *Partitioner) DeadLetterKey(dst []byte, in *Input) []byte {
	dst, _ = p.appendKey(dst, p.dead, in, &Result{Class: DeadLetter})
	return dst
}

func (p *Partitioner) appendKey(
	dst []byte, l *layout, in *Input, res *Result,
) (_ []byte, missing error) {
	dst = append(dst, byte(res.Class))
	if l.bucket > 0 {
		t := res.Time
		if !res.Timed {
			t, missing = p.defaultTime, ErrTime
		}
		b := int64(noTime)
		if t != noTime {
			b = t / int64(l.bucket)
			if t < 0 && b*int64(l.bucket) != t {
				b--
			}
		}
		dst = binary.LittleEndian.AppendUint64(dst, uint64(b))
	}
	for i := range l.parts {
		src := l.parts[i].src
		if src == nil {
			continue
		}
		at := len(dst)
		dst = append(dst, 0, 0)
		var ok bool
		if dst, ok = src(dst, in); !ok || len(dst)-at-2 > maxSegment {
			dst = append(dst[:at], 0, 0)
			missing = ErrField
			continue
		}
		binary.LittleEndian.PutUint16(dst[at:], uint16(len(dst)-at-2))
	}
	return dst, missing
}

// Path renders the path of a key made by Key: segments parted by single slashes, nothing that leads
// out of the prefix.
func (p *Partitioner) Path(key []byte) (string, error) {
	class := Class(key[0])
	l := [...]*layout{p.main, p.late, p.dead}[class]
	key = key[1:]
	var bucket int64
	if l.bucket > 0 {
		bucket, key = int64(binary.LittleEndian.Uint64(key)), key[8:]
	}
	var out []byte
	for i := range l.parts {
		switch x := &l.parts[i]; {
		case x.time != nil && bucket == noTime:
			out = append(out, l.fallback...)
		case x.time != nil:
			out = x.time.Append(out, time.Unix(0, bucket*int64(l.bucket)).In(x.loc))
		case x.src != nil:
			n := binary.LittleEndian.Uint16(key)
			if n == 0 {
				out = append(out, l.fallback...)
			} else {
				out = appendEscaped(out, key[2:2+n])
			}
			key = key[2+n:]
		default:
			out = append(out, x.literal...)
		}
	}
	out = sealPath(out)
	return string(out), checkLength(out)
}

func checkLength(path []byte) error {
	seg := 0
	for _, c := range path {
		if seg++; c == '/' {
			seg = 0
		}
		if seg > maxSegment {
			return fmt.Errorf(
				"%w: a segment of more than %d bytes beginning with %.80q", ErrPath, maxSegment,
				path,
			)
		}
	}
	if len(path) > maxPath {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrPath, len(path), maxPath)
	}
	return nil
}
