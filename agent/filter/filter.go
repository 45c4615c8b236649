package filter

import (
	"errors"

	"log/slog"

	"github.com/penstock/penstock/buffer/record"
	"github.com/prometheus/client_golang/prometheus"
)

// Filter changes records, one at a time. Safe for concurrent use.
type Filter interface {
	// Tag returns the tag that a batch tagged tag leaves with.
	Tag(tag string) string
	// BatchVerdict says what becomes of all records of a batch where that needs no look at them:
	// Kept, Discarded, or Skipped. Otherwise it returns PerRecord, and Edit is called for each.
	// Only tag, origin and topic of b count.
	BatchVerdict(b *record.Batch) Verdict
	// Edit does the filter's work on one record. It says Changed only after an edit of v.
	Edit(v *View) Verdict

	meters() *meters
}

// Stateful is implemented by filters that remember records from one to the next. What such a filter
// decides must be the same when a record is delivered again while the agent runs.
type Stateful interface {
	Filter
	// ForLog returns the filter with a memory of its own, for one log of one output, which log
	// names. It is not safe for concurrent use.
	ForLog(log string) Filter
}

// unrepeatable is implemented by filters that an archive cannot follow: it makes the same objects
// again after a crash, from the records of the same positions alone.
type unrepeatable interface {
	// whyUnrepeatable ends a sentence: "makes several records of one".
	whyUnrepeatable() string
}

// WhyNoArchive tells why a filter cannot stand before an archive; "" if it can.
func WhyNoArchive(f Filter) string {
	if c, ok := f.(*conditional); ok {
		f = c.Filter
	}
	if u, ok := f.(unrepeatable); ok {
		return u.whyUnrepeatable()
	}
	return ""
}

// Env is what the agent lends to a filter.
type Env struct {
	Name    string // "filter.grep.errors"
	Agent   string // its name
	Metrics prometheus.Registerer
	Log     *slog.Logger // nil for none
	Dir     string       // for what a filter has to remember over a restart; "" for nowhere
}

// warn logs what has to be told, with a "do" that says what to do.
func (env Env) warn(text string, args ...any) {
	if env.Log != nil {
		env.Log.Warn(text, args...)
	}
}

// Verdict is what becomes of one record.
type Verdict int

const (
	Kept      Verdict = iota
	Changed           // the record that was passed has been modified
	Discarded         // as configured
	Unhandled         // passed on as it is, for it is not what the filter works on
	Refused           // to the dead letter
	Split             // other records stand in its place
	Skipped           // its condition does not hold
	PerRecord         // of BatchVerdict alone: each record has to be looked at

	verdicts = int(PerRecord)
)

var verdictNames = [verdicts]string{
	"kept",
	"changed",
	"discarded",
	"unhandled",
	"refused",
	"split",
	"skipped",
}

// base is what filters have in common: the tag stays, every record is looked at, and all is
// counted.
type base struct{ m meters }

func newBase(env Env) base { return base{newMeters(env)} }

// Tag implements Filter.
func (b *base) Tag(tag string) string { return tag }

// BatchVerdict implements Filter.
func (b *base) BatchVerdict(*record.Batch) Verdict { return PerRecord }

func (b *base) meters() *meters { return &b.m }

// counter returns a further counter of a filter.
func (env Env) counter(name, help string) prometheus.Counter {
	c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	if env.Metrics == nil {
		return c
	}
	// A filter with a condition of its own and an if counts the failures of both in one.
	if err := env.Metrics.Register(c); err != nil {
		if known, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); ok {
			return known.ExistingCollector.(prometheus.Counter)
		}
		panic(err)
	}
	return c
}

// counters returns a further counter of a filter with one label.
func (env Env) counters(name, help, label string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
	if env.Metrics != nil {
		env.Metrics.MustRegister(c)
	}
	return c
}
