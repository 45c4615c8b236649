package overflow

import (
	"context"
	"time"
)

// activity is a goroutine that the controller started and waits for.
type activity struct {
	kind   string
	quit   context.CancelFunc // asks it to finish what it has begun
	cancel context.CancelFunc // makes it stop
	done   chan struct{}
	err    error // valid once done is closed
}

func (f *Controller) start(
	ctx context.Context, kind string, do func(ctx, quit context.Context) error,
) *activity {
	ctx, cancel := context.WithCancel(ctx)
	quit, q := context.WithCancel(ctx)
	a := &activity{kind: kind, quit: q, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(a.done)
		defer cancel()
		a.err = do(ctx, quit)
	}()
	return a
}

// stop asks a to finish and, if it has not within patience, makes it.
func (a *activity) stop(patience time.Duration) {
	if a == nil {
		return
	}
	a.quit()
	t := time.AfterFunc(patience, a.cancel)
	defer t.Stop()
	<-a.done
}

func (a *activity) over() bool {
	if a == nil {
		return false
	}
	select {
	case <-a.done:
		return true
	default:
		return false
	}
}

func (a *activity) ended() <-chan struct{} {
	if a == nil {
		return nil
	}
	return a.done
}

func (f *Controller) stopAll() {
	for _, a := range []*activity{f.onLog, f.onObjects, f.onRecovery, f.onReconcile, f.onAsking} {
		if a != nil {
			a.cancel()
			<-a.done
		}
	}
}
