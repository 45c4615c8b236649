package tail

import (
	"bytes"
	"cmp"
	"sort"
	"time"

	"github.com/penstock/penstock/inputs/ratelimit"
)

// limits are the rate limits of a run. What is over one stays in its file and is read later.
type limits struct {
	files      *ratelimit.Group[string] // by source
	pods       *ratelimit.Group[podRef] // without the container
	namespaces *ratelimit.Group[string]
}

func newLimits(c *Config) limits {
	var l limits
	if c.RateLimit != nil {
		l.files = ratelimit.NewGroup[string](*c.RateLimit)
	}
	if k := c.Kubernetes; k != nil && k.PodRateLimit != nil {
		l.pods = ratelimit.NewGroup[podRef](*k.PodRateLimit)
	}
	if k := c.Kubernetes; k != nil && k.NamespaceRateLimit != nil {
		l.namespaces = ratelimit.NewGroup[string](*k.NamespaceRateLimit)
	}
	return l
}

// limit is one that concerns a file, and its name in metrics.
type limit struct {
	name string
	*ratelimit.Limiter
}

// of appends the limits that f is under now.
func (l *limits) of(dst []limit, f *file, now time.Time) []limit {
	if l.files != nil {
		dst = append(dst, limit{"file", l.files.Of(f.firstPath, now)})
	}
	if f.pod.name == "" {
		return dst
	}
	if l.pods != nil {
		pod := f.pod
		pod.container = ""
		dst = append(dst, limit{"pod", l.pods.Of(pod, now)})
	}
	if l.namespaces != nil {
		dst = append(dst, limit{"namespace", l.namespaces.Of(f.pod.namespace, now)})
	}
	return dst
}

// limited returns when f, whose turn it is, may be read on; zero: now, and by then w.limits are
// those to be charged with what is read.
func (w *worker) limited(f *file) time.Time {
	now := w.run.tail.sys.now()
	w.limits = w.run.limits.of(w.limits[:0], f, now)
	var wait time.Duration
	name := ""
	for _, l := range w.limits {
		if d := l.Wait(now); d > wait {
			wait, name = d, l.name
		}
	}
	if wait == 0 {
		return time.Time{}
	}
	if f.r.waiting.IsZero() {
		w.run.tail.counts.rateLimited.WithLabelValues(name).Inc()
	}
	return now.Add(wait)
}

// chunk is how much is read at a time under the limits of the turn.
func (w *worker) chunk() int {
	n := w.run.tail.block
	for _, l := range w.limits {
		n = min(n, l.Chunk())
	}
	return n
}

// charge takes what was read from the limits of the turn.
func (w *worker) charge(c *charset, b *block) {
	if len(w.limits) == 0 {
		return
	}
	now, lines := w.run.tail.sys.now(), -1
	for _, l := range w.limits {
		if lines < 0 && l.CountsLines() {
			lines = bytes.Count(b.raw[:b.end], c.end)
		}
		l.Charge(now, b.end, max(lines, 0))
	}
}

// wait ends a turn in which f may not be read before until. What the turn was for is left for the
// one that may.
func (w *worker) wait(f *file, cmd command, res *result, until time.Time) {
	if f.r.waiting.IsZero() {
		f.r.waiting = w.run.tail.sys.now()
	}
	f.r.owed |= cmd &^ cmdClose
	res.outcome, res.until, res.since = waits, until, f.r.waiting
}

// waitingFile is a file that may not be read yet.
type waitingFile struct {
	f            *file
	since, until time.Time
}

// sweepWaiting wakes the files that may be read again, those that have waited longest first: files
// that share a limit take turns.
func (m *manager) sweepWaiting(now time.Time) {
	var due []waitingFile
	for f, w := range m.swept.limited {
		switch {
		case f.m.ended:
			delete(m.swept.limited, f)
		case !now.Before(w.until):
			delete(m.swept.limited, f)
			due = append(due, w)
		}
	}
	sort.Slice(due, func(i, j int) bool {
		a, b := &due[i], &due[j]
		return cmp.Or(
			a.since.Compare(b.since), cmp.Compare(a.f.m.evidence.seq, b.f.m.evidence.seq),
		) < 0
	})
	for _, w := range due {
		m.wake(w.f, cmdRead)
	}
}
