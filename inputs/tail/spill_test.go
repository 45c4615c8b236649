package tail

import (
	"context"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/inputs"
	"github.com/penstock/penstock/inputs/inputstest"
)

// spillSink counts what came since it was last asked to write everything to disk.
type spillSink struct {
	*inputstest.MemSink
	inMemory, spills atomic.Int64
}

func (s *spillSink) Append(
	ctx context.Context, b *record.Batch, pos []inputs.Position, done func(error),
) error {
	if b != nil {
		s.inMemory.Add(int64(b.Len()))
	}
	return s.MemSink.Append(ctx, b, pos, done)
}

func (s *spillSink) Spill(string) {
	s.inMemory.Store(0)
	s.spills.Add(1)
}

// What is read of a file that would not be found again is not left in memory, however long it is
// written to: it has no name, or one that no start would look for.
func TestSpillsWhatIsReadOfAFileThatHasGone(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		leave func(r *rig)
		again func(r *rig) // once that was seen, and something was read
		found bool         // it is found again
	}{
		"deleted": {leave: func(r *rig) { r.remove("app.log") }},
		"deleted, with a name elsewhere": {leave: func(r *rig) {
			if err := os.Link(r.path("app.log"), r.path("old/app.log")); err != nil {
				r.t.Fatal(err)
			}
			r.remove("app.log")
		}},
		"renamed out of reach": {leave: func(r *rig) { r.rename("app.log", "old/app.log") }},
		"renamed": {
			leave: func(r *rig) { r.rename("app.log", "app.log.1") },
			found: true,
		},
		"renamed, then deleted": {
			leave: func(r *rig) { r.rename("app.log", "app.log.1") },
			again: func(r *rig) { r.remove("app.log.1") },
		},
		"renamed, then out of reach": {
			leave: func(r *rig) { r.rename("app.log", "app.log.1") },
			again: func(r *rig) { r.rename("app.log.1", "old/app.log.1") },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(c *Config) { c.RotateWait = time.Minute })
			sink := &spillSink{MemSink: r.sink}
			r.into = sink
			r.mkdir("old")
			k := newKeeper(r, "app.log")
			k.write("1\n")
			r.start()
			r.wants("1")
			if n := sink.spills.Load(); n != 0 {
				t.Errorf("%d spills of a file that is there", n)
			}
			goes := func(how func(r *rig)) {
				t.Helper()
				had := sink.spills.Load()
				how(r)
				r.eventually("that is seen", func() bool { return sink.spills.Load() > had })
			}
			goes(c.leave)
			k.write("2\n")
			r.wants("1", "2")
			if c.again != nil {
				goes(c.again)
			}
			k.write("3\n")
			r.wants("1", "2", "3")
			if !c.found {
				r.eventually("nothing is in memory alone", func() bool {
					return sink.inMemory.Load() == 0
				})
			}
			r.halt()
			if n := sink.inMemory.Load(); c.found && n != 2 {
				t.Errorf("%d of 2 lines are in memory", n)
			}
		})
	}
}
