package drain_test

import (
	"errors"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/buffer/record/dataformat"
	"github.com/penstock/penstock/outputs/drain"
	"github.com/penstock/penstock/outputs/replay"
)

// later marks an object as one of a later release.
func (r *rig) later(key string, is bool) {
	meta := maps.Clone(r.store.Metadata(key))
	if meta["penstock-format"] != "1" && is {
		r.t.Fatalf("%s is not marked: %v", key, meta)
	}
	meta["penstock-format"] = "1"
	if is {
		meta["penstock-format"] = "2"
	}
	r.store.SetWith(key, r.store.Bytes(key), meta)
}

// An object of a later release stays where it is, and so does what is behind it, until a release
// that knows it comes.
func TestObjectOfALaterFormatIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, false)
		lostHost(t, r)
		keys := r.waiting()
		r.later(keys[1], true)
		f := newFixture(t, "output.test.a")
		d, err := drain.NewOutput(
			r.dest.Writer(), quick(), f.env, drain.Targets{DeadLetter: r.dead},
		)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		opts := replay.Options{To: d, Log: f.env.Log, Dir: t.TempDir()}
		sum, err := replay.FromStore(t.Context(), r.store, "", opts)
		var newer *dataformat.NewerError
		if !errors.As(err, &newer) || sum.Objects != 1 || len(r.waiting()) != len(keys)-1 {
			t.Fatalf("%+v, %v: %d objects of %d are left", sum, err, len(r.waiting()), len(keys))
		}

		// The agent says so and waits.
		r.start()
		r.feed(time.Minute)
		if len(r.waiting()) != len(keys)-1 || len(r.store.Keys(base+"damaged/")) != 0 {
			t.Errorf("left: %q", r.store.Keys(""))
		}
		if len(r.f.logs.Lines("later release")) == 0 {
			t.Errorf("no word of it:\n%s", r.f.logs)
		}
		r.later(keys[1], false)
		r.feed(5 * time.Minute)
		r.finish()
		r.check(true)
	})
}

// A position whose note is of a later release is left as it is.
func TestNoteOfALaterFormatIsNotOverwritten(t *testing.T) {
	for _, failover := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, false)
			if !failover {
				r.c.Failover = nil
			}
			const note = `overflow:{"format":2,"objects":true,"whatever":1}`
			if err := r.log.Owner().Commit(t.Context(), 0, note); err != nil {
				t.Fatal(err)
			}
			r.start()
			r.g.fill(r.log, 1, 5, 5)
			var newer *dataformat.NewerError
			select {
			case err := <-r.errc:
				if !errors.As(err, &newer) {
					t.Errorf("failover %v: %v", failover, err)
				}
			case <-time.After(time.Minute):
				t.Errorf("failover %v: not refused", failover)
			}
			r.cancel()
			r.d.Close()
			if pos, got := r.log.Committed(); pos != 0 || got != note || r.dest.Count() != 0 {
				t.Errorf("failover %v: %d %q, %d delivered", failover, pos, got, r.dest.Count())
			}
		})
	}
}
