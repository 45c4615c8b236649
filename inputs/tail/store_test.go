package tail

import (
	"context"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/inputs"
	"github.com/penstock/penstock/inputs/inputstest"
)

// stalledSink stores positions, and takes no batch: what the outputs do not take in spill mode is
// on no disk.
type stalledSink struct {
	*inputstest.MemSink
	stalled chan struct{} // closed once a batch has come
}

func (s *stalledSink) Append(
	ctx context.Context, b *record.Batch, pos []inputs.Position, done func(error),
) error {
	if b == nil {
		return s.MemSink.Append(ctx, nil, pos, done)
	}
	select {
	case <-s.stalled:
	default:
		close(s.stalled)
	}
	<-ctx.Done()
	return ctx.Err()
}

// logrotate#286: the copy that copytruncate makes where no glob leads to is found and begun; a
// crash before the first of its lines is anywhere does not lose them.
func TestLogrotate286_CrashAfterACopyWasFound(t *testing.T) {
	t.Parallel()
	for name, down := range map[string]bool{"found while running": false, "found at the start": true} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, nil)
			r.cfg.Paths = []string{r.path("app.log")}
			r.write("app.log", "1\n")
			r.start()
			r.wants("1")
			truncate := func() {
				r.write("app.log", "2\n")
				r.copyTruncate("app.log", "app.log.1")
				r.write("app.log", "3\n")
			}
			r.halt()
			if down {
				truncate()
			}
			// Nothing is taken any more, and then the agent is killed.
			tl, err := New(r.cfg, inputstest.Env("input.tail.app", t.TempDir()))
			if err != nil {
				t.Fatal(err)
			}
			sink := &stalledSink{r.sink, make(chan struct{})}
			ctx, kill := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- tl.Run(ctx, sink) }()
			if !down {
				r.tail = tl
				r.eventually("the file is followed", func() bool { return len(tl.Status()) == 1 })
				truncate()
			}
			select {
			case <-sink.stalled:
			case <-time.After(10 * time.Second):
				t.Fatal("nothing was read")
			}
			kill()
			<-ended
			r.start()
			r.wants("1", "2", "3")
			r.wantsNoMore(quiet, "1", "2", "3")
		})
	}
}
