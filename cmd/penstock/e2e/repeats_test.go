package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidwall/gjson"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// repeats holds the lines that arrive more than once against what interrupted the way there, by the
// broker's clock: samples of the partitions' ends tell when a record came. Safe for concurrent use.
type repeats struct {
	mu      sync.Mutex
	last    map[line]place
	again   []repeat
	late    []repeat // before is the place of the latest line of the source then
	newest  map[string]line
	events  []time.Time // kills of the agent, the broker going away
	samples map[int32][]sample
}

type line struct {
	source string
	seq    int64
}

type place struct {
	partition int32
	offset    int64
	read      time.Time // by the agent
}

// repeat is a line that came again, where it was before and where it is now.
type repeat struct {
	line
	before, now place
}

// sample says that a partition ended at end at some time between asked and told.
type sample struct {
	end         int64
	asked, told time.Time
}

func newRepeats() *repeats {
	return &repeats{
		last:    map[line]place{},
		newest:  map[string]line{},
		samples: map[int32][]sample{},
	}
}

// interrupted is called immediately before the agent is killed or the broker goes.
func (r *repeats) interrupted() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, time.Now())
}

func (r *repeats) see(rec *kgo.Record) {
	f := gjson.GetManyBytes(rec.Value, "source", "seq")
	l, at := line{f[0].String(), f[1].Int()}, place{rec.Partition, rec.Offset, rec.Timestamp}
	r.mu.Lock()
	defer r.mu.Unlock()
	newest, any := r.newest[l.source]
	switch before, seen := r.last[l]; {
	case seen:
		r.again = append(r.again, repeat{l, before, at})
	case any && l.seq < newest.seq:
		r.late = append(r.late, repeat{l, r.last[newest], at})
	default:
		r.newest[l.source] = l
	}
	r.last[l] = at
}

// tell logs which lines came again, or late, run by run.
func (r *repeats) tell(t *testing.T) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for what, list := range map[string][]repeat{"came again: first": r.again, "came late: the one before": r.late} {
		for i := 0; i < len(list); {
			first, last := list[i], list[i]
			for i++; i < len(list) && list[i].source == last.source && list[i].seq == last.seq+1 && list[i].now.partition == last.now.partition; i++ {
				last = list[i]
			}
			t.Logf(
				"%s %d to %d %s at %d/%d, read at %s, and this at %d/%d, read from %s to %s",
				first.source, first.seq, last.seq, what, first.before.partition,
				first.before.offset, first.before.read.Format(time.StampMilli), first.now.partition,
				first.now.offset, first.now.read.Format(time.StampMilli),
				last.now.read.Format(time.StampMilli),
			)
		}
	}
}

// watch samples the ends of the topic's partitions until ctx ends.
func (r *repeats) watch(ctx context.Context, addr string) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.RetryTimeout(time.Second))
	if err != nil {
		return err
	}
	defer cl.Close()
	for tick := time.NewTicker(25 * time.Millisecond); ; {
		select {
		case <-ctx.Done():
			tick.Stop()
			return nil
		case <-tick.C:
		}
		asked := time.Now()
		ends, err := kadm.NewClient(cl).ListEndOffsets(ctx, topic)
		if err != nil {
			continue // the broker is away; nothing comes to it
		}
		told := time.Now()
		r.mu.Lock()
		ends.Each(func(o kadm.ListedOffset) {
			if s := r.samples[o.Partition]; o.Err == nil &&
				(len(s) == 0 || s[len(s)-1].end != o.Offset) {
				r.samples[o.Partition] = append(s, sample{o.Offset, asked, told})
			} else if o.Err == nil {
				s[len(s)-1].asked = asked // it had not grown by then
			}
		})
		r.mu.Unlock()
	}
}

// came tells between which times the record at p was appended.
func (r *repeats) came(p place) (from, to time.Time) {
	s := r.samples[p.partition]
	i := sort.Search(len(s), func(i int) bool { return s[i].end > p.offset })
	if i > 0 {
		from = s[i-1].asked
	}
	if i == len(s) {
		return from, time.Now()
	}
	return from, s[i].told
}

// failovers enters what the agent's log tells: what is unanswered when the overflow takes over goes
// there as well.
func (r *repeats) failovers(t *testing.T, log string) {
	t.Helper()
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for l := range strings.Lines(string(text)) {
		if strings.Contains(gjson.Get(l, "msg").String(), "go to the overflow") {
			r.events = append(r.events, gjson.Get(l, "time").Time())
		}
	}
	slices.SortFunc(r.events, time.Time.Compare)
}

// check fails if lines came again that had come too long before an interruption to have been
// unacknowledged or uncommitted by then, but for one object of the overflow each time. It may have
// been delivered and not deleted yet. worst is how long a sync to disk took at most.
func (r *repeats) check(t *testing.T, worst time.Duration, object int64) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	patience := time.Second + 3*worst
	late := map[time.Time]int64{}
	example := map[time.Time]repeat{}
	for _, d := range r.again {
		from, to := r.came(d.before)
		var next time.Time
		excused := false
		for _, e := range r.events {
			switch {
			case to.After(e.Add(-patience)) && from.Before(e.Add(patience)):
				excused = true
			case e.After(to) && next.IsZero():
				next = e
			}
		}
		if !excused {
			late[next]++
			example[next] = d
		}
	}
	for at, n := range late {
		d := example[at]
		from, to := r.came(d.before)
		switch when := fmt.Sprintf("between %s and %s", from.Format(time.StampMilli), to.Format(time.StampMilli)); {
		case at.IsZero():
			t.Errorf(
				"%d lines were sent again although nothing was interrupted after they had arrived, such as %s %d, %s",
				n, d.source, d.seq, when,
			)
		case n > object:
			t.Errorf(
				"%d lines were sent again although they had long arrived, such as %s %d, %s; the next interruption was at %s",
				n, d.source, d.seq, when, at.Format(time.StampMilli),
			)
		}
	}
	t.Logf(
		"%d lines came again over %d events; a sync took %v at most, the largest object held %d lines, and %d times lines came late",
		len(r.again), len(r.events), worst, object, len(late),
	)
}

// slowest measures how long the disk and the scheduler make one wait, until stop returns the
// longest time seen.
func slowest(t *testing.T) (stop func() time.Duration) {
	f, err := os.Create(filepath.Join(t.TempDir(), "sync"))
	if err != nil {
		t.Fatal(err)
	}
	quit, done := make(chan struct{}), make(chan time.Duration)
	go func() {
		defer f.Close()
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		var worst time.Duration
		for {
			select {
			case at := <-tick.C:
				_, _ = f.WriteAt(make([]byte, 4096), 0)
				_ = f.Sync()
				worst = max(worst, time.Since(at))
			case <-quit:
				done <- worst
				return
			}
		}
	}()
	return sync.OnceValue(func() time.Duration { close(quit); return <-done })
}
