package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"

	"github.com/penstock/penstock/spool"
)

func (r *run) batch(t *testing.T) spool.Batch {
	t.Helper()
	s, ok := r.store.(spool.Batcher)
	if !ok {
		t.Skip("the store makes no batches")
	}
	b, err := s.Batch(r.ctx)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Objects of a batch appear at Commit, all of them, as they were put; several batches do not meet.
func testBatch(t *testing.T, r *run) {
	r.put(t, "t/p=1/object", []byte("old"), spool.PutOptions{})
	b, other := r.batch(t), r.batch(t)
	defer other.Discard()
	content := func(i int) []byte { return bytes.Repeat(fmt.Appendf(nil, "object %d ", i), i*1000) }
	var wg sync.WaitGroup
	const n = 60
	common := []*spool.Common{
		nil, {Metadata: map[string]string{"kind": "b", "quote": `"\\`}},
		{Metadata: map[string]string{"kind": "c"}},
	}
	for i := range n {
		wg.Go(func() {
			opts := spool.PutOptions{
				Metadata: map[string]string{"number": fmt.Sprint(i)}, Common: common[i%len(common)],
			}
			if err := b.Put(
				r.ctx, fmt.Sprintf("t/p=%d/object", i), bytes.NewReader(content(i)),
				int64(len(content(i))), opts,
			); err != nil {
				t.Error(err)
			}
			if err := other.Put(
				r.ctx, fmt.Sprintf("t/p=%d/never", i), bytes.NewReader(nil), 0, spool.PutOptions{},
			); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if keys := r.list(t, ""); len(keys) != 1 {
		t.Fatalf("visible before Commit: %q", keys)
	}
	if err := b.Commit(r.ctx); err != nil {
		t.Fatal(err)
	}
	b.Discard()
	if keys := r.list(t, ""); len(keys) != n {
		t.Fatalf("%d objects after Commit, want %d: %q", len(keys), n, keys)
	}
	for i := range n {
		o := r.want(t, fmt.Sprintf("t/p=%d/object", i), content(i))
		want := map[string]string{"number": fmt.Sprint(i)}
		if c := common[i%len(common)]; c != nil {
			maps.Copy(want, c.Metadata)
		}
		if !r.NoMetadata && !maps.Equal(o.Metadata, want) {
			t.Fatalf("object %d has metadata %v, want %v", i, o.Metadata, want)
		}
	}
}

// A key that was taken before, or in the meantime, keeps its object; the others are put.
func testBatchIfAbsent(t *testing.T, r *run) {
	r.put(t, "a/before", []byte("mine"), spool.PutOptions{})
	b := r.batch(t)
	defer b.Discard()
	absent := spool.PutOptions{IfAbsent: true}
	if err := b.Put(r.ctx, "a/before", bytes.NewReader([]byte("no")), 2, absent); err != nil &&
		!errors.Is(err, spool.ErrExists) {
		t.Fatal(err)
	}
	for _, key := range []string{"a/meanwhile", "a/new", "b/new"} {
		if err := b.Put(
			r.ctx, key, bytes.NewReader([]byte(key)), int64(len(key)), absent,
		); err != nil {
			t.Fatal(err)
		}
	}
	r.put(t, "a/meanwhile", []byte("mine"), spool.PutOptions{})
	if err := b.Commit(r.ctx); err != nil {
		t.Fatal(err)
	}
	r.want(t, "a/before", []byte("mine"))
	r.want(t, "a/meanwhile", []byte("mine"))
	r.want(t, "a/new", []byte("a/new"))
	r.want(t, "b/new", []byte("b/new"))
}

func testBatchFails(t *testing.T, r *run) {
	b := r.batch(t)
	if err := b.Put(
		r.ctx, "short", bytes.NewReader([]byte("short")), 100, spool.PutOptions{},
	); err == nil {
		t.Error("a short reader was taken")
	}
	err := b.Put(r.ctx, "../up", bytes.NewReader(nil), 0, spool.PutOptions{})
	if !errors.Is(err, spool.ErrRefused) {
		t.Errorf("a key that leads out: %v, want ErrRefused", err)
	}
	ctx, cancel := context.WithCancel(r.ctx)
	cancel()
	if err := b.Put(
		ctx, "late", bytes.NewReader(make([]byte, 1<<20)), 1<<20, spool.PutOptions{},
	); !errors.Is(err, context.Canceled) {
		t.Errorf("put after the end: %v", err)
	}
	if err := b.Commit(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("commit after the end: %v", err)
	}
	b.Discard()
	if keys := r.list(t, ""); len(keys) != 0 {
		t.Errorf("left: %q", keys)
	}
}
