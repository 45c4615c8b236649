package tail

import (
	"testing"
	"time"
)

// Whole generations come into being while nobody looks, and the older one is compressed: it is read first, also when rotation gives it another name
// while it waits to be compared.
func TestCompressedGenerationGoesFirst(t *testing.T) {
	for name, renamed := range map[string]bool{"in its place": false, "renamed while it waits": true} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, nil)
			r.start()
			r.halt()
			r.write("app.log", "one\n")
			r.rename("app.log", "app.log.1")
			r.compress("app.log.1", ".gz")
			r.write("app.log", "two\n")
			r.start()
			if renamed {
				r.eventuallyKnown("app.log.1.gz")
				r.rename("app.log.1.gz", "app.log.2.gz")
			}
			r.wants("one", "two")
		})
	}
}

// eventuallyKnown waits until the tail knows of a file.
func (r *rig) eventuallyKnown(name string) {
	r.t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		for _, s := range r.tail.Status() {
			if s.Path == r.path(name) {
				return
			}
		}
		select {
		case <-tick.C:
		case <-deadline:
			r.t.Fatalf("%s is not found: %s", name, r.state())
		}
	}
}
