package agent

import (
	"log/slog"
	"maps"
	"strings"
	"time"

	"github.com/penstock/penstock/agent/state"
)

const (
	// watchEvery is how often states are looked at for the log and the service manager. What has
	// changed is looked at again after confirmAfter, and told if it is so still.
	watchEvery   = 4 * time.Second
	confirmAfter = time.Second
	// statusEvery is how often the service manager is told other figures of the same states.
	statusEvery = 10 * time.Second
)

// stateWatch has the log say when an input or output comes to do something else, and the service
// manager what the page says at its top.
type stateWatch struct {
	states   func() []state.PipelineState // with secrets
	sentence func([]state.PipelineState) string
	mask     func(string) string
	notify   func(string)
	log      *slog.Logger

	logged  map[string]string // by pipeline and component: what the log says that it is doing
	seen    map[string]string // at the look before
	status  string            // what the service manager was told
	askedAt time.Time         // when it was made
}

// run looks until stop is called.
func (w *stateWatch) run() (stop func()) {
	w.logged = map[string]string{}
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		timer := time.NewTimer(watchEvery)
		defer timer.Stop()
		for {
			select {
			case now := <-timer.C:
				next := watchEvery
				if w.look(now) {
					next = confirmAfter
				}
				timer.Reset(next)
			case <-quit:
				return
			}
		}
	}()
	return func() {
		close(quit)
		<-done
	}
}

// look reports whether there is something to be confirmed.
func (w *stateWatch) look(now time.Time) (open bool) {
	all, seen := w.states(), map[string]string{}
	for _, p := range all {
		for _, in := range p.Inputs {
			w.one(seen, p.Name, state.Following, in.ID, in.Kind, in.Text, in.Do)
		}
		for _, o := range p.Outputs {
			w.one(seen, p.Name, state.Delivering, o.ID, o.Kind, o.Text, o.Do)
		}
	}
	if now.Sub(w.askedAt) >= statusEvery || !maps.Equal(seen, w.seen) {
		w.askedAt = now
		status := w.mask(strings.ReplaceAll(w.sentence(all), "\n", " "))
		if status != w.status {
			w.status = status
			w.notify("STATUS=" + status)
		}
	}
	w.seen = seen
	maps.DeleteFunc(w.logged, func(key, _ string) bool { return seen[key] == "" })
	return !maps.Equal(seen, w.logged)
}

// one looks at a component. What it does at one look alone is not worth a line.
func (w *stateWatch) one(seen map[string]string, pipeline, usual, id, kind, text, do string) {
	key := pipeline + " " + id
	seen[key] = kind
	was, ok := w.logged[key]
	if !ok {
		was = usual
	}
	if w.logged[key] = was; kind == was || kind != w.seen[key] {
		return
	}
	w.logged[key] = kind
	attrs := []any{
		"component", id, "pipeline", pipeline, "state", kind, "was", was, "text", w.mask(text),
	}
	if do != "" {
		attrs = append(attrs, "do", w.mask(do))
	}
	w.log.Info("the state has changed", attrs...)
}
