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
	"github.com/penstock/penstock/buffer"
	"github.com/penstock/penstock/outputs/overflow"
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

// A pipeline that is configured again while its buffer is looked into is not told as gone.
func TestAPipelineThatIsBackIsNotGone(t *testing.T) {
	t.Parallel()
	r := startAgent(t, newWorld(), t.TempDir(), other)
	r.set(func() { r.unclaimed["other"] = &state.Unclaimed{Records: 1, Dir: r.dir} })
	if s := r.Status(); len(s.Pipelines) != 1 || s.Level != state.OK {
		t.Errorf("%+v", s)
	}
}

// What has gone to the overflow waits for the pipeline, too, when the buffer is empty.
func TestAnOverflowThatIsLeftBehindIsTold(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	left := overflow.Note{Objects: true, Base: "overflow/web-1/", To: "output.s3.overflow"}
	for name, cursor := range map[string]string{"old": "output.fake.x", "other": "output.fake.gone"} {
		buf, err := buffer.Open(filepath.Join(dir, "buffer", name), buffer.DefaultOptions())
		if err != nil {
			t.Fatal(err)
		}
		c, err := buf.Cursor(cursor)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Commit(t.Context(), 0, left.String()); err != nil {
			t.Fatal(err)
		}
		if err := buf.Close(); err != nil {
			t.Fatal(err)
		}
	}
	r := startAgent(t, newWorld(), dir, other)
	r.awaitUnclaimed(t, 1)
	shown := get(t, r, "/api/status")
	for _, want := range []string{
		"is not configured any more; records wait in overflow/web-1/ of output.s3.overflow",
		"its buffer keeps what comes for output.fake.gone, which is not configured any more; more wait in overflow/web-1/ of output.s3.overflow",
	} {
		if !strings.Contains(shown, want) {
			t.Errorf("not %q in %s", want, shown)
		}
	}
	code, text := post(t, r, "/api/drain")
	for _, name := range []string{"old", "other"} {
		want := "records of pipeline " + name + " wait in overflow/web-1/ of output.s3.overflow"
		if code != 409 || !strings.Contains(text, want) {
			t.Errorf("a drain: %d %s", code, text)
		}
	}
	r.wait()
}
