package framing

import (
	"sync"
	"time"

	"github.com/penstock/penstock/buffer/record/fault"
	"github.com/penstock/penstock/inputs"
	"github.com/prometheus/client_golang/prometheus"
)

// dropsTold is for how long what was dropped is told.
const dropsTold = time.Minute

// KernelDrops counts the datagrams that the kernel has dropped for want of room, logs them, and
// tells of them for a minute. Safe for concurrent use.
type KernelDrops struct {
	total    prometheus.Counter
	warnings *fault.ThrottledLog

	mu     sync.Mutex
	recent []dropped // ascending, of one second each
	since  time.Time // there was always something in recent
}

type dropped struct {
	at time.Time
	n  int64
}

// NewKernelDrops returns what counts in total.
func NewKernelDrops(total prometheus.Counter, warnings *fault.ThrottledLog) *KernelDrops {
	return &KernelDrops{total: total, warnings: warnings}
}

func (d *KernelDrops) add(n uint32) {
	d.total.Add(float64(n))
	d.warnings.Warn(
		"", "the kernel dropped datagrams: raise receive_buffer, or use TCP", "datagrams", n,
	)
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	d.forget(now)
	if len(d.recent) == 0 {
		d.since = now
	}
	if i := len(d.recent) - 1; i >= 0 && now.Sub(d.recent[i].at) < time.Second {
		d.recent[i].n += int64(n)
		return
	}
	d.recent = append(d.recent, dropped{now, int64(n)})
}

func (d *KernelDrops) forget(now time.Time) {
	for len(d.recent) > 0 && now.Sub(d.recent[0].at) >= dropsTold {
		d.recent = d.recent[1:]
	}
}

// Dropped implements inputs.Dropping.
func (d *KernelDrops) Dropped() inputs.Drops {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.forget(time.Now())
	if len(d.recent) == 0 {
		return inputs.Drops{}
	}
	drops := inputs.Drops{
		Since: d.since, Of: "datagrams", Why: "the kernel had no room for them",
		Do: "raise receive_buffer and net.core.rmem_max, or use TCP; while a buffer is full nothing is read",
	}
	for _, one := range d.recent {
		drops.Count += one.n
	}
	return drops
}
