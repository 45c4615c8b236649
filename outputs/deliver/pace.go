package deliver

import (
	"sync"
	"time"

	"github.com/penstock/penstock/buffer/record/fault"
	"github.com/penstock/penstock/outputs"
	"github.com/prometheus/client_golang/prometheus"
)

const (
	// An output spends at most about one part in commitShare of its time on commits: many agents
	// that share coordinators slow down together before these are swamped.
	commitShare = 10

	// How much of a commit's time goes into the average. With commitShare it keeps a fleet from
	// swinging: one that took over half of each would flood the coordinators, spare them, and flood
	// them again.
	commitGain = 8

	// fullTransaction is how much a transaction holds before it no longer waits for a stretched
	// interval: it bounds what is sent again after a broken one.
	fullTransaction = 64 << 20
)

// CommitPace tells how often transactions of an output are committed: at the shortest interval,
// and less often while commits take long. Safe for concurrent use.
type CommitPace struct {
	bounds outputs.CommitInterval

	mu   sync.Mutex
	took time.Duration // on the average of late

	present prometheus.Gauge
	seconds prometheus.Histogram
}

// NewCommitPace registers its metrics.
func NewCommitPace(bounds outputs.CommitInterval, r prometheus.Registerer) *CommitPace {
	p := &CommitPace{
		bounds: bounds,
		present: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "penstock_output_commit_interval_seconds",
			Help: "How far apart transactions are committed at present, with exactly_once: further while the destination is slow to commit them.",
		}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "penstock_output_commit_seconds",
			Help:    "Time that the destination takes to commit a transaction, with exactly_once.",
			Buckets: []float64{0.001, 0.005, 0.02, 0.1, 0.5, 2, 10},
		}),
	}
	r.MustRegister(p.present, p.seconds)
	p.present.Set(bounds.Shortest.Seconds())
	return p
}

// interval returns how far apart commits are to be at present.
func (p *CommitPace) interval() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.intervalLocked()
}

func (p *CommitPace) intervalLocked() time.Duration {
	return min(max(commitShare*p.took, p.bounds.Shortest), p.bounds.Longest)
}

// observe takes note of how long a commit took. One that failed says nothing unless it was slow.
func (p *CommitPace) observe(took time.Duration, failed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if failed && took < p.took {
		return
	}
	p.took += (took - p.took) / commitGain
	p.present.Set(p.intervalLocked().Seconds())
	if !failed {
		p.seconds.Observe(took.Seconds())
	}
}

// due returns when a transaction is to be cut of which something was first delivered at first,
// where the one before was cut at last. It is never before the shortest interval is over, and just
// then if nothing has been cut for long.
func (p *CommitPace) due(first, last time.Time) time.Time {
	soonest := first.Add(p.bounds.Shortest)
	interval := p.interval()
	if interval <= p.bounds.Shortest || last.IsZero() {
		return soonest
	}
	spread := min(fault.Spread(interval), p.bounds.Longest)
	if due := last.Add(spread); due.After(soonest) {
		return due
	}
	return soonest
}

// spared returns when a transaction may be committed that waits for nothing more, as at the end of
// an object, where the one before was cut at last: at once while commits are quick.
func (p *CommitPace) spared(last time.Time) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return last.Add(fault.Spread(min(commitShare*p.took, p.bounds.Longest)))
}
