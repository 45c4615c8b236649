package tail

import (
	"fmt"
	"testing"
	"time"
)

// Whole generations come into being while nobody looks, and the older one is compressed: it is read
// first, also when rotation gives it another name while it waits to be compared.
func TestCompressedGenerationGoesFirst(t *testing.T) {
	t.Parallel()
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

// A generation that is compressed, and so loses its name, before it could be read does not go ahead
// of older ones that are compressed already.
func TestNamelessGenerationWaitsForCompressedOnes(t *testing.T) {
	t.Parallel()
	for name, waits := range map[string]func(r *rig){
		"the newest rotated": func(r *rig) { r.compress("app.log.3", ".gz") },
		"and one rotated since": func(r *rig) {
			r.compress("app.log.3", ".gz")
			r.rename("app.log", "app.log.4")
			r.write("app.log", "five\n")
		},
		"both of them compressed": func(r *rig) {
			r.compress("app.log.3", ".gz")
			r.rename("app.log", "app.log.4")
			r.write("app.log", "five\n")
			r.compress("app.log.4", ".gz")
		},
		"nothing known of the log": func(r *rig) { r.compress("app.log.3", ".gz") },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, func(c *Config) { c.RotateWait = 300 * time.Millisecond })
			want := []string{"one", "two", "three", "four"}
			if name != "nothing known of the log" {
				r.write("app.log", "zero\n")
				r.start().wants("zero")
				r.halt()
				r.rename("app.log", "app.log.0")
				want = append([]string{"zero"}, want...)
			}
			for i, text := range []string{"one", "two", "three"} {
				r.write("app.log", text+"\n")
				to := fmt.Sprint("app.log.", i+1)
				r.rename("app.log", to)
				if i < 2 {
					r.compress(to, ".gz")
				}
			}
			r.write("app.log", "four\n")
			r.start()
			r.eventuallyKnown("app.log.3")
			waits(r)
			if name != "the newest rotated" && name != "nothing known of the log" {
				want = append(want, "five")
			}
			r.wants(want...)
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
