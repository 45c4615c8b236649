package buffer

import (
	"fmt"
	"math"
	"testing"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/tally"
)

// countedCommits returns what counts a commit each time that it is called: files have got a batch
// each, and those of the commit before are delivered.
func countedCommits(t testing.TB, files, lines int) (commit func()) {
	opt := DefaultOptions()
	opt.Sync = false
	b, err := Open(t.TempDir(), opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	c, err := b.Cursor("output.kafka.events")
	if err != nil {
		t.Fatal(err)
	}
	k := newBookkeeper(b) // another one than the writer's, which has nothing to do
	ops := make([]*appendOp, files)
	for i := range ops {
		var bb record.Builder
		bb.Reset("app", fmt.Sprintf("/var/log/app/service-%d.log", i), 200*lines)
		for range lines {
			bb.Append(1, nil, []byte("2026-11-28T10:00:00Z INFO request"), nil)
		}
		ops[i] = &appendOp{batch: bb.Build()}
	}
	moved := &stateOp{changes: []change{{kind: changeCursor, name: c.name}}}
	var pos int64
	var chg []change
	return func() {
		moved.changes[0].pos = pos
		k.begin(groupCommit{ops: ops, states: []*stateOp{moved}})
		for _, op := range ops {
			op.batch.At(pos)
			op.read = tally.Count{Records: int64(lines), Bytes: int64(op.batch.Size())}
			b.mu.Lock()
			b.books.placed(pos, b.opt.clock())
			b.mu.Unlock()
			pos = op.batch.End
		}
		k.group(ops)
		k.last()
		chg, _ = k.changes(chg[:0])
		b.mu.Lock()
		k.published()
		b.state.apply(&moved.changes[0])
		b.mu.Unlock()
		for _, op := range ops {
			noteDelivered(c, op.batch)
		}
	}
}

// Where the same files are written to all the time, counting takes nothing from the heap.
func TestCountingACommitAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	commit := countedCommits(t, 20, 10)
	// One is of groupCommit. Once a minute all rows are encoded, and tables grow at the beginning.
	least := math.Inf(1)
	for range 5 {
		least = min(least, testing.AllocsPerRun(300, commit))
	}
	if least >= 2 {
		t.Errorf("%.1f allocations for each commit", least)
	}
}

// What counting takes of a commit, and of what is noted for it.
func BenchmarkCount(b *testing.B) {
	for _, load := range []struct{ files, lines int }{{7, 1}, {20, 3}, {20, 300}, {1, 4000}} {
		b.Run(fmt.Sprintf("files=%d/lines=%d", load.files, load.lines), func(b *testing.B) {
			commit := countedCommits(b, load.files, load.lines)
			b.ReportAllocs()
			for b.Loop() {
				commit()
			}
		})
	}
}
