package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/agent/filter"
	"github.com/penstock/penstock/buffer/record"
	"github.com/prometheus/client_golang/prometheus"
)

// memLog is a log in memory.
type memLog struct {
	batches chan *record.Batch
	pos     atomic.Int64
	broken  atomic.Bool
}

func (l *memLog) Name() string { return "mem" }
func (l *memLog) Next(ctx context.Context) (*record.Batch, error) {
	if l.broken.Load() {
		return nil, errors.New("the log is broken")
	}
	select {
	case b, ok := <-l.batches:
		if !ok {
			return nil, io.EOF
		}
		return b, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
func (l *memLog) SeekTo(int64) error         { return nil }
func (l *memLog) Committed() (int64, string) { return l.pos.Load(), "" }

func (l *memLog) Commit(_ context.Context, p int64, _ string) error {
	l.pos.Store(p)
	return nil
}

type fullLog struct{ memLog }

func (l *fullLog) Fill() float64 { return 0.5 }
func (l *fullLog) End() int64    { return 7 }

type partitionLog struct{ memLog }

func (l *partitionLog) Refresh(context.Context) (int64, string, error)  { return 0, "r", nil }
func (l *partitionLog) Partition() (string, int32)                      { return "t", 3 }
func (l *partitionLog) Notes(context.Context) (map[int32]string, error) { return nil, nil }

func newMemLog(batches ...*record.Batch) *memLog {
	l := &memLog{batches: make(chan *record.Batch, 100)}
	for _, b := range batches {
		l.batches <- b
	}
	return l
}

func testBatch(first int64, tag string, values ...string) *record.Batch {
	out := batchOf(0, tag, values...)
	out.At(first)
	return out
}

// batchOf returns a batch of records of a time.
func batchOf(at int64, tag string, values ...string) *record.Batch {
	var b record.Builder
	b.Reset(tag, "origin", 0)
	for _, v := range values {
		b.Append(at, nil, []byte(v), nil)
	}
	return b.Build()
}

func describe(t *testing.T, b *record.Batch) string {
	t.Helper()
	var s []string
	seq, err := b.Records()
	if err != nil {
		t.Fatal(err)
	}
	for r := range seq {
		s = append(s, fmt.Sprintf("%d=%s", r.Offset, r.Value))
	}
	return fmt.Sprintf("[%d,%d) %s", b.First, b.End, strings.Join(s, " "))
}

func grep(t *testing.T, exclude string) filter.Chain {
	t.Helper()
	f, err := filter.NewGrep(
		filter.GrepConfig{Exclude: []string{exclude}},
		filter.Env{Metrics: prometheus.NewRegistry()},
	)
	if err != nil {
		t.Fatal(err)
	}
	return filter.Chain{f}
}

func TestViewLeavesOutButKeepsPositions(t *testing.T) {
	t.Parallel()
	log := newMemLog(
		testBatch(0, "a", "keep", "drop", "keep"), testBatch(3, "b", "keep"),
		testBatch(4, "a", "drop", "drop"), testBatch(6, "a", "keep"), testBatch(7, "b", "keep"),
	)
	close(log.batches)
	v := &view{
		Log:     log,
		name:    "n",
		chain:   grep(t, "drop"),
		matches: func(tag string) bool { return tag == "a" },
	}
	var got []string
	for {
		b, err := v.Next(t.Context())
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, describe(t, b))
	}
	want := []string{"[0,3) 0=keep 2=keep", "[6,7) 6=keep", "[7,8) "}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got %q, want %q", got, want)
	}
	if _, err := v.Next(t.Context()); err != io.EOF {
		t.Errorf("after the end: %v", err)
	}
}

// A reader of a route that nothing takes would otherwise hold the buffer's disk for ever.
// What a filter has seen is not given back: it may have kept something of it.
func TestViewKeepsWhatAFilterHasSeen(t *testing.T) {
	t.Parallel()
	for _, chain := range []filter.Chain{nil, grep(t, "drop")} {
		body := []byte{14, 0, 0, 0, 1, 2, 'x', 0} // one record, "x"
		given := false
		lent := record.Over("a", "o", body, 0, 0, 1, func() { given = true })
		v := &view{Log: newMemLog(lent), chain: chain}
		if _, err := v.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
		if lent.Recycle(); given == (chain != nil) {
			t.Errorf("with %d filters: given back %v", len(chain), given)
		}
	}
}

func TestViewTellsOfGapsOnAnIdleLog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := newMemLog(testBatch(0, "b", "x"), testBatch(1, "b", "y"))
		v := &view{Log: log, matches: func(string) bool { return false }}
		start := time.Now()
		b, err := v.Next(t.Context())
		if err != nil || describe(t, b) != "[0,2) " {
			t.Fatalf("%v, %v", b, err)
		}
		if waited := time.Since(start); waited != skipTime {
			t.Errorf("told after %v", waited)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if b, err := v.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, %v: the gap is told twice", b, err)
		}
	})
}

func TestViewEndsWhereItIsTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := newMemLog(testBatch(0, "a", "x"))
		end, stop := context.WithCancel(t.Context())
		v := &view{Log: log, end: end}
		if b, err := v.Next(t.Context()); err != nil || b.End != 1 {
			t.Fatal(b, err)
		}
		go func() {
			time.Sleep(time.Minute)
			stop()
		}()
		if _, err := v.Next(t.Context()); err != io.EOF {
			t.Errorf("%v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		v = &view{Log: log, end: t.Context()}
		if _, err := v.Next(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	})
}

func TestViewHasTheAbilitiesOfItsLog(t *testing.T) {
	t.Parallel()
	plain := &view{Log: newMemLog()}
	if _, ok := record.As[record.Filler](plain); ok {
		t.Error("a log without bounds has a fill")
	}
	full := &view{Log: &fullLog{}}
	if f, ok := record.As[record.Filler](full); !ok || f.Fill() != 0.5 {
		t.Error("no fill")
	}
	if e, ok := record.As[record.Ender](full); !ok || e.End() != 7 {
		t.Error("no end")
	}
	part := &view{Log: &partitionLog{}, fingerprint: "p"}
	if f, ok := record.As[record.Fingerprinter](part); !ok || f.Fingerprint() != "p" {
		t.Error("no fingerprint")
	}
	if p, ok := record.As[record.Partitioned](part); !ok {
		t.Error("no partition")
	} else if topic, n := p.Partition(); topic != "t" || n != 3 {
		t.Error(topic, n)
	}
	if _, ok := record.As[record.Refresher](part); !ok {
		t.Error("no refresh")
	}
	if _, ok := record.As[record.Noter](part); !ok {
		t.Error("no notes")
	}
}
