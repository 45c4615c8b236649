package admin

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/penstock/penstock/buffer/record"
)

// tapQueue is how many batches may wait for a viewer; what comes while they do is dropped for this
// viewer.
const tapQueue = 16

// Tap lets viewers watch the batches of a pipeline. Publishing never blocks, and costs nothing
// while nobody watches. A nil Tap takes everything and shows it to nobody.
type Tap struct {
	mu      sync.Mutex
	viewers atomic.Pointer[[]*Viewer]
}

// Viewer is one subscription.
type Viewer struct {
	C       <-chan *record.Batch
	c       chan *record.Batch
	dropped atomic.Int64 // records
}

// Dropped returns how many records this viewer has missed.
func (v *Viewer) Dropped() int64 { return v.dropped.Load() }

// Publish shows b to all viewers that keep up.
func (t *Tap) Publish(b *record.Batch) {
	if t == nil {
		return
	}
	viewers := t.viewers.Load()
	if viewers == nil {
		return
	}
	b.Keep()
	for _, v := range *viewers {
		select {
		case v.c <- b:
		default:
			v.dropped.Add(int64(b.Len()))
		}
	}
}

// Watch adds a viewer; leave removes it.
func (t *Tap) Watch() (v *Viewer, leave func()) {
	c := make(chan *record.Batch, tapQueue)
	v = &Viewer{C: c, c: c}
	t.update(func(all []*Viewer) []*Viewer { return append(all, v) })
	return v, func() {
		t.update(
			func(all []*Viewer) []*Viewer {
				return slices.DeleteFunc(all, func(o *Viewer) bool { return o == v })
			},
		)
	}
}

func (t *Tap) update(f func([]*Viewer) []*Viewer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var now []*Viewer
	if old := t.viewers.Load(); old != nil {
		now = slices.Clone(*old)
	}
	if now = f(now); len(now) == 0 {
		t.viewers.Store(nil)
		return
	}
	t.viewers.Store(&now)
}
