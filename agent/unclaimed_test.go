package agent

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/agent/state"
)

const other = `
input "fake" "b" { name = "b" }
output "fake" "z" { name = "z" }
pipeline "other" {
  from = [input.fake.b]
  to   = [output.fake.z]
}
`

// What waits for a pipeline that is not configured any more is told for as long as it waits, after
// a restart, too.
func TestWhatWaitsForAPipelineThatIsGoneIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.down["y"] = true
	dir := t.TempDir()
	r := startAgent(t, w, dir, simple+other)
	w.send(t, "a", "app", "1", "2")
	w.await(t, "x", w.has("x", 2))
	name := r.Status().Pipelines[1].Name
	lacks := func(r *running) {
		t.Helper()
		r.awaitUnclaimed(t, 1)
		s := r.Status()
		got := s.Pipelines[len(s.Pipelines)-1]
		if got.Name != name || got.Now.Kind != state.Gone || got.Now.OnDisk != 2 ||
			s.Level != state.Warning || !strings.Contains(s.Sentence, "2 records wait in its buffer") {
			t.Errorf("%+v %q", got, s.Sentence)
		}
		shown := get(t, r, "/metrics")
		if !strings.Contains(shown, `penstock_pipeline_waiting_records{pipeline="`+name+`",where="disk"} 2`) {
			t.Errorf("not in the metrics: %s", shown)
		}
		if page := get(t, r, "/"); !strings.Contains(page, "penstock buffer export") {
			t.Error("the page does not say what to do")
		}
		if n := strings.Count(r.log.String(), "what waits in its buffer is not delivered"); n != 1 {
			t.Errorf("logged %d times", n)
		}
	}
	if err := r.reload(other); err != nil {
		t.Fatal(err)
	}
	lacks(r)
	if err := r.reload("# again\n" + other); err != nil {
		t.Fatal(err)
	}
	lacks(r)
	r.stop()
	r.wait()

	r = startAgent(t, w, dir, other)
	lacks(r)
	w.change(func() { w.down["y"] = false })
	if err := r.reload(simple + other); err != nil {
		t.Fatal(err)
	}
	w.await(t, "what was kept", w.has("y", 2))
	r.stop()
	r.wait()

	r = startAgent(t, w, dir, other)
	r.awaitUnclaimed(t, 0)
	if s := r.Status(); s.Level != state.OK || len(s.Pipelines) != 1 {
		t.Errorf("%+v", s)
	}
}

// awaitUnclaimed waits until all buffers that no pipeline has were looked into.
func (r *running) awaitUnclaimed(t *testing.T, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	r.mu.Lock()
	looks := slices.Collect(maps.Values(r.leaving))
	r.mu.Unlock()
	if !waitAll(ctx, looks...) {
		t.Fatal("a look does not end")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.unclaimed) != n {
		t.Fatalf("%v, not %d", r.unclaimed, n)
	}
}

// A buffer that was given up is not told of any more.
func TestABufferThatIsRemovedIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.down["y"] = true
	dir := t.TempDir()
	r := startAgent(t, w, dir, simple+other)
	w.send(t, "a", "app", "1")
	w.await(t, "x", w.has("x", 1))
	if err := r.reload(other); err != nil {
		t.Fatal(err)
	}
	r.awaitUnclaimed(t, 1)
	gone := r.Status().Pipelines[1].Name
	if err := os.RemoveAll(filepath.Join(dir, "buffer", gone)); err != nil {
		t.Fatal(err)
	}
	if s := r.Status(); len(s.Pipelines) != 1 || s.Level != state.OK {
		t.Errorf("%+v", s)
	}
}
