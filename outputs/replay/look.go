package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sort"
	"strings"
	"time"

	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/deadletter"
	"github.com/penstock/penstock/outputs/recordline"
)

const (
	// maxReasons bounds the groups; what comes after them is counted together.
	maxReasons = 100
	// maxSample bounds what is shown of a value.
	maxSample = 2 << 10
)

// Overview is what waits as dead letters, grouped by who refused it and why.
type Overview struct {
	Reasons []Reason `json:"reasons"`
	// Unreadable are lines that are no record; replay leaves or moves them aside.
	Unreadable int64 `json:"unreadable,omitempty"`
	// Archives are outputs that have theirs among their objects, where nobody has looked.
	Archives []Archive `json:"archives,omitempty"`

	samples int
	find    map[[2]string]int
}

// Archive is an output that has its dead letters among its objects, under keys that begin with
// Prefix, if they begin alike.
type Archive struct {
	Output string `json:"output"`
	Prefix string `json:"prefix,omitempty"`
}

// Reason is a group: reasons that differ in numbers only are one.
type Reason struct {
	Output  string    `json:"output"`
	Reason  string    `json:"reason"` // of the first
	Records int64     `json:"records"`
	Bytes   int64     `json:"bytes"`
	First   time.Time `json:"first"` // refusal
	Last    time.Time `json:"last"`
	Samples []Sample  `json:"samples,omitempty"`
}

// Sample is a dead letter, its value cut.
type Sample struct {
	Refused time.Time `json:"refused"`
	Reason  string    `json:"reason"`
	Tag     string    `json:"tag"`
	Origin  string    `json:"origin"`
	Time    time.Time `json:"time"`
	Value   string    `json:"value"`
}

// NewOverview returns one that keeps so many samples of each reason.
func NewOverview(samples int) *Overview {
	return &Overview{samples: samples, find: map[[2]string]int{}, Reasons: []Reason{}}
}

// AddDir adds what a dead letter directory holds, also while an agent writes there.
func (o *Overview) AddDir(ctx context.Context, dir string, f *Filter) error {
	names, err := deadletter.Waiting(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		file, err := os.Open(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue // it was replayed
		}
		if err != nil {
			return err
		}
		err = o.read(ctx, file, f)
		if err := errors.Join(err, file.Close()); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func (o *Overview) read(ctx context.Context, r io.Reader, f *Filter) error {
	lines, err := recordline.NewLineReader(r, nil)
	if err != nil {
		return err
	}
	defer lines.Close()
	for {
		p, err := lines.ReadLine()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF): // torn, or being written
			return nil
		case err != nil:
			return err
		case len(p) == 0:
			continue
		}
		l, err := recordline.ParseLine(p)
		if err != nil {
			o.Unreadable++
		} else if f.Wants(&l) {
			o.add(&l, int64(len(p)))
		}
	}
}

func (o *Overview) add(l *outputs.DeadRecord, size int64) {
	key := [2]string{l.Output, withoutNumbers(l.Reason)}
	at, ok := o.find[key]
	if !ok {
		g := Reason{Output: l.Output, Reason: l.Reason, First: l.Time}
		if len(o.Reasons) >= maxReasons {
			key = [2]string{}
			g.Output, g.Reason = "", "other reasons"
			at, ok = o.find[key]
		}
		if !ok {
			at = len(o.Reasons)
			o.find[key] = at
			o.Reasons = append(o.Reasons, g)
		}
	}
	g := &o.Reasons[at]
	g.Records++
	g.Bytes += size
	if l.Time.Before(g.First) {
		g.First = l.Time
	}
	if l.Time.After(g.Last) {
		g.Last = l.Time
	}
	if len(g.Samples) < o.samples {
		value := l.Record.Value
		if l.Raw != nil {
			value = l.Raw
		}
		g.Samples = append(g.Samples, Sample{
			Refused: l.Time, Reason: l.Reason, Tag: l.Tag, Origin: l.Origin,
			Time:  l.Record.When(),
			Value: strings.ToValidUTF8(string(value[:min(len(value), maxSample)]), "\ufffd"),
		})
	}
}

// Sort brings the largest groups to the front.
func (o *Overview) Sort() {
	sort.SliceStable(o.Reasons, func(i, j int) bool {
		return o.Reasons[i].Records > o.Reasons[j].Records
	})
	o.find = nil
}

// withoutNumbers returns s with each run of digits as one #.
func withoutNumbers(s string) string {
	out := make([]byte, 0, len(s))
	for i := range len(s) {
		switch digit := s[i] >= '0' && s[i] <= '9'; {
		case !digit:
			out = append(out, s[i])
		case i == 0 || s[i-1] < '0' || s[i-1] > '9':
			out = append(out, '#')
		}
	}
	return string(out)
}
