package spool

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/spool/partition"
)

// What doc.go says of the memory that a path takes, beside its buffer: that is within spool.memory.
func TestPathTakesLessThanAKilobyte(t *testing.T) {
	const paths = 20_000
	a := testArchiver(t, newMemStore(), nil)
	if err := a.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	c := a.newCut(a.budget.join(), 0)
	p := &placement{a: a, id: &identity{topic: "bench"}}
	var err error
	cfg := a.cfg.Config
	cfg.Path = mustTemplate("${topic}/user=${key}")
	if p.part, err = partition.New(cfg, "agent", a.codec.fields); err != nil {
		t.Fatal(err)
	}
	p.in.Topic = "bench"
	live := func() int64 {
		var s runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&s)
		return int64(s.HeapAlloc)
	}
	before := live()
	for i := range paths {
		r := record.Record{Offset: int64(i), Key: fmt.Appendf(nil, "u%06d", i), Value: []byte("{}")}
		p.look(&r)
		if err := p.add(c, &p.looked[0]); err != nil {
			t.Fatal(err)
		}
		p.n = 0
	}
	each := (live() - before - c.buffers) / paths
	t.Logf("%d bytes for each of %d paths", each, paths)
	if len(c.byPath) != paths || each > 1<<10 {
		t.Errorf("%d bytes for each of %d paths", each, len(c.byPath))
	}
	c.release()
}
