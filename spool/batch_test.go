package spool

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"
)

// batchStore is a memStore that makes batches; commit decides what becomes of each.
type batchStore struct {
	*memStore
	commit func(objects int) (visible int, err error)

	mu    sync.Mutex
	begun int
	ended int
}

type memBatch struct {
	s    *batchStore
	mu   sync.Mutex
	puts []func() error
}

func (s *batchStore) Batch(context.Context) (Batch, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begun++
	return &memBatch{s: s}, nil
}

func (b *memBatch) Put(
	_ context.Context, key string, r io.ReaderAt, size int64, opts PutOptions,
) error {
	data := make([]byte, size)
	if _, err := r.ReadAt(data, 0); err != nil && err != io.EOF {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.puts = append(b.puts, func() error {
		b.s.memStore.mu.Lock()
		defer b.s.memStore.mu.Unlock()
		b.s.objs[key] = memObject{data, opts.All()}
		return nil
	})
	return nil
}

func (b *memBatch) Commit(context.Context) error {
	n, err := b.s.commit(len(b.puts))
	for _, put := range b.puts[:n] {
		err = errors.Join(err, put())
	}
	return err
}

func (b *memBatch) Discard() {
	b.s.mu.Lock()
	defer b.s.mu.Unlock()
	b.s.ended++
}

// A batch that fails when half of it is visible is begun again, under the same names; and a crash
// there is mended by a successor.
func TestBatchFailsHalfway(t *testing.T) {
	t.Parallel()
	topic := newTopic("app", 0)
	topic.produce(5_000, hourly(0, 24))
	topic.seal()
	fails := 0
	s := &batchStore{memStore: newMemStore()}
	s.commit = func(n int) (int, error) {
		if fails++; fails%3 != 0 {
			return n / 2, errors.New("the disk is gone")
		}
		return n, nil
	}
	a := testArchiver(t, s, nil)
	if err := a.Drain(t.Context(), refreshLog{topic.own(77)}); err != nil {
		t.Fatal(err)
	}
	if pos, _ := topic.committed(); pos != 5_000 {
		t.Fatalf("committed %d", pos)
	}
	checkOnce(t, s.memStore, nil, topic)
	if got := value(a.metrics.objects); got != float64(len(s.keys())) {
		t.Errorf("%v objects counted, there are %d", got, len(s.keys()))
	}
	if retries := value(a.metrics.uploadRetries); retries != 10 {
		t.Errorf("%v retries counted, want 10", retries)
	}
	if s.begun != s.ended || s.begun != 15 {
		t.Errorf("%d batches begun, %d discarded, want 15", s.begun, s.ended)
	}
}

func TestCrashInsideABatch(t *testing.T) {
	t.Parallel()
	topic := newTopic("app", 0)
	topic.produce(3_000, hourly(0, 24))
	s := &batchStore{memStore: newMemStore()}
	ctx, crash := context.WithCancelCause(t.Context())
	s.commit = func(n int) (int, error) {
		crash(errCrash)
		return n / 2, errCrash
	}
	a := testArchiver(t, s, func(c *Config) { c.Roll.OnShutdown = false })
	if err := a.Drain(ctx, refreshLog{topic.own(100)}); err == nil {
		t.Fatal("no error")
	}
	if n := len(s.keys()); n != 12 {
		t.Fatalf("%d objects of the half batch, want 12", n)
	}
	s.commit = func(n int) (int, error) { return n, nil }
	b := testArchiver(t, s, nil)
	topic.seal()
	if err := b.Drain(t.Context(), refreshLog{topic.own(33)}); err != nil {
		t.Fatal(err)
	}
	if redos := value(b.metrics.redos); redos != 1 {
		t.Errorf("%v redos", redos)
	}
	checkOnce(t, s.memStore, nil, topic)
}
