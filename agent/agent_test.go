package agent

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer"
	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/runtest"
)

const simple = `
input "fake" "a" { name = "a" }
output "fake" "x" { name = "x" }
output "fake" "y" { name = "y" }
pipeline "p" {
  from = [input.fake.a]
  to   = [output.fake.x, output.fake.y]
}
`

func equal(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

func (w *world) delivered(output string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.got[output])
}

func (w *world) count(event string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, e := range w.events {
		if e == event {
			n++
		}
	}
	return n
}

func TestFanOutOverOneBuffer(t *testing.T) {
	t.Parallel()
	w := newWorld()
	r := startAgent(t, w, t.TempDir(), simple)
	w.send(t, "a", "app", "1", "2")
	w.send(t, "a", "app", "3")
	w.await(
		t, "both outputs have all",
		func() bool { return len(w.got["x"]) == 3 && len(w.got["y"]) == 3 },
	)
	r.stop()
	r.wait()
	equal(t, "x", w.delivered("x"), "app/1", "app/2", "app/3")
	equal(t, "y", w.delivered("y"), "app/1", "app/2", "app/3")
	if w.count("close x ") != 1 || w.count("close y ") != 1 {
		t.Errorf("outputs are not closed once: %q", w.events)
	}
}

// fluent-bit#11370, vector#22064 (7): one dead output stalls the others.
func TestADeadOutputDelaysNobody(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.hang["y"] = true
	dir := t.TempDir()
	r := startAgent(t, w, dir, simple)
	for i := range 200 {
		w.send(t, "a", "app", fmt.Sprint(i))
	}
	w.await(t, "the live output has all", w.has("x", 200))
	start := time.Now()
	r.stop()
	r.wait()
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("stopping took %v", took)
	}
	// What the dead output has not got is there after the next start, and the other gets nothing
	// twice.
	w.change(func() { w.hang["y"] = false })
	startAgent(t, w, dir, simple)
	w.await(t, "the dead output has caught up", w.has("y", 200))
	if got := w.delivered("x"); len(got) != 200 {
		t.Errorf("x has %d records", len(got))
	}
	for i, v := range w.delivered("y") {
		if v != fmt.Sprintf("app/%d", i) {
			t.Fatalf("record %d is %s", i, v)
		}
	}
}

// Flume at Optimizely (21): one channel per sink, so three copies of everything; one bad event
// stops the rest. Here three outputs share one copy, and what one of them refuses stops neither the
// others nor what follows.
func TestFlumeOptimizely_OneCopyForAllOutputsAndABadRecordStopsNone(t *testing.T) {
	t.Parallel()
	w := newWorld()
	dir := t.TempDir()
	r := startAgent(t, w, dir, `
input "fake" "a" { name = "a" }
output "fake" "x" {
  name = "x"
  mode = "strict"
}
output "fake" "y" { name = "y" }
output "fake" "z" { name = "z" }
pipeline "p" {
  from = [input.fake.a]
  to   = [output.fake.x, output.fake.y, output.fake.z]
}`)
	for i := range 100 {
		value := strings.Repeat(fmt.Sprint(i, " "), 50)
		if i == 40 {
			value = "poison"
		}
		w.send(t, "a", "app", value)
	}
	w.await(
		t, "all outputs have all",
		func() bool { return len(w.got["x"]) == 99 && len(w.got["y"]) == 100 && len(w.got["z"]) == 100 },
	)
	m := get(t, r, "/metrics")
	for _, want := range []string{
		`penstock_buffer_appended_records_total{component="buffer.p"} 100`,
		`penstock_input_records_total{component="input.fake.a"} 100`,
		`penstock_output_dead_letter_records_total{component="output.fake.x"} 1`,
		`penstock_output_dead_letter_records_total{component="output.fake.y"} 0`,
	} {
		if !strings.Contains(m, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	dead, err := filepath.Glob(filepath.Join(dir, "dead-letter", "output.fake.x", "*.ndjson"))
	if err != nil || len(dead) != 1 {
		t.Fatalf("dead letters %q: %v", dead, err)
	}
	if text, err := os.ReadFile(
		dead[0],
	); err != nil || strings.Count(string(text), "\n") != 1 ||
		!strings.Contains(string(text), `"poison"`) {
		t.Errorf("the dead letter is %q: %v", text, err)
	}
}

func TestStopDeliversWhatIsLeft(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.slow = make(chan struct{}) // a stop waits for what has not failed
	r := startAgent(t, w, t.TempDir(), simple)
	for i := range 50 {
		w.send(t, "a", "app", fmt.Sprint(i))
	}
	r.stop()
	w.await(t, "the input has ended", func() bool { return slices.Contains(w.events, "end a ") })
	close(w.slow)
	r.wait()
	if x, y := len(w.delivered("x")), len(w.delivered("y")); x != 50 || y != 50 {
		t.Errorf("delivered %d and %d of 50", x, y)
	}
}

func TestRoutesAndFilters(t *testing.T) {
	t.Parallel()
	w := newWorld()
	r := startAgent(t, w, t.TempDir(), `
input "fake" "a" { name = "a" }
output "fake" "all" { name = "all" }
output "fake" "web" { name = "web" }
output "fake" "rest" { name = "rest" }
filter "grep" "noise" { exclude = ["noise"] }
filter "rename_tag" "shorter" {
  match = "^very\\.long\\.(?P<rest>.*)"
  to    = "${group.rest}"
}
pipeline "p" {
  from   = [input.fake.a]
  filter = [filter.grep.noise, filter.rename_tag.shorter]
  to     = [output.fake.all]
  route {
    match = ["web.**"]
    to    = [output.fake.web]
  }
  route {
    match = ["db"]
    to    = [output.fake.web]
  }
  otherwise = [output.fake.rest]
}`)
	w.send(t, "a", "web", "1", "noise")
	w.send(t, "a", "very.long.web.x", "2")
	w.send(t, "a", "db", "3")
	w.send(t, "a", "other", "4", "noise")
	w.send(t, "a", "other", "noise")
	w.await(
		t, "all",
		func() bool { return len(w.got["all"]) == 4 && len(w.got["web"]) == 3 && len(w.got["rest"]) == 1 },
	)
	equal(t, "all", w.delivered("all"), "web/1", "web.x/2", "db/3", "other/4")
	equal(t, "web", w.delivered("web"), "web/1", "web.x/2", "db/3")
	equal(t, "rest", w.delivered("rest"), "other/4")
	// What is left out is committed too, or the buffer would keep it for ever.
	deadline := time.Now().Add(10 * time.Second)
	for {
		lag := int64(0)
		for _, o := range r.Status().Pipelines[0].Outputs {
			lag += *o.Lag
		}
		if lag == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("outputs lag: %+v", r.Status().Pipelines[0].Outputs)
		}
		<-time.After(20 * time.Millisecond)
	}
}

func TestUnroutedRecordsAreCounted(t *testing.T) {
	t.Parallel()
	w := newWorld()
	r := startAgent(t, w, t.TempDir(), `
input "fake" "a" { name = "a" }
output "fake" "x" { name = "x" }
pipeline "p" {
  from = [input.fake.a]
  route {
    match = ["app"]
    to    = [output.fake.x]
  }
}`)
	w.send(t, "a", "app", "1")
	w.send(t, "a", "nowhere", "2", "3")
	w.await(t, "the routed record", w.has("x", 1))
	if m := get(t, r, "/metrics"); !strings.Contains(m, `penstock_input_unrouted_records_total{component="input.fake.a"} 2`) {
		t.Errorf("not counted:\n%s", m)
	}
	if strings.Count(r.log.String(), "no route matches their tag") != 1 {
		t.Error("not warned once")
	}
}

func TestFailedInputIsStartedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.fail["a"] = errors.New("no such thing")
	r := startAgent(t, w, t.TempDir(), simple)
	w.await(t, "three attempts", func() bool {
		n := 0
		for _, e := range w.events {
			if e == "run a " {
				n++
			}
		}
		return n >= 3
	})
	deadline := time.Now().Add(10 * time.Second)
	for {
		if ok, reasons := r.Ready(); !ok &&
			strings.Contains(strings.Join(reasons, ";"), "input.fake.a has failed: no such thing") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("readiness does not tell")
		}
		<-time.After(time.Millisecond)
	}
	w.change(func() { delete(w.fail, "a") })
	w.send(t, "a", "app", "1")
	w.await(t, "delivery", w.has("x", 1))
	if n := strings.Count(r.log.String(), "component failed"); n != 1 {
		t.Errorf("the same failure is logged %d times", n)
	}
}

func TestFiniteInputsEndTheAgent(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.down["y"] = true
	r := startAgent(t, w, t.TempDir(), simple)
	w.send(t, "a", "app", "1")
	w.send(t, "a", "eof")
	w.await(t, "x", w.has("x", 1))
	select {
	case <-r.done:
		t.Fatal("the agent ended before everything was delivered")
	case <-time.After(100 * time.Millisecond):
	}
	w.change(func() { w.down["y"] = false })
	r.wait()
	equal(t, "y", w.delivered("y"), "app/1")
}

func TestOrphanedCursorsAreReported(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.down["y"] = true
	dir := t.TempDir()
	r := startAgent(t, w, dir, simple)
	w.send(t, "a", "app", "1")
	w.await(t, "x", w.has("x", 1))
	r.stop()
	r.wait()
	r = startAgent(t, w, dir, strings.Replace(simple, ", output.fake.y", "", 1))
	equal(t, "orphaned cursors", r.Status().Pipelines[0].OrphanedCursors, "output.fake.y")
	if !strings.Contains(r.log.String(), "penstock buffer forget") {
		t.Error("nothing says what to do")
	}
	r.stop()
	r.wait()
	w.change(func() { w.down["y"] = false })
	startAgent(t, w, dir, simple)
	w.await(t, "what was kept", w.has("y", 1))
}

func TestSourcesAreDrainedWithoutABuffer(t *testing.T) {
	t.Parallel()
	w := newWorld()
	for i := range 3 {
		log := newMemLog(
			testBatch(0, "t", fmt.Sprint(i), "noise"), testBatch(2, "t", fmt.Sprint(i+10)),
		)
		w.logs[fmt.Sprint(i)] = log
	}
	dir := t.TempDir()
	r := startAgent(t, w, dir, `
input "log" "k" {}
output "fake" "x" { name = "x" }
filter "grep" "noise" { exclude = ["noise"] }
pipeline "p" {
  from   = [input.log.k]
  filter = [filter.grep.noise]
  to     = [output.fake.x]
}`)
	w.await(t, "all records", w.has("x", 6))
	if m := get(t, r, "/metrics"); !strings.Contains(m, `penstock_input_records_total{component="input.log.k"} 9`) {
		t.Error("records of the source are not counted")
	}
	if s := get(t, r, "/api/status"); !strings.Contains(s, `"records_total": 9`) {
		t.Errorf("the status does not show the source: %s", s)
	}
	r.stop()
	r.wait()
	// The logs ended for the output, which committed; only then was the source told to stop.
	w.mu.Lock()
	events := slices.DeleteFunc(
		slices.Clone(w.events), func(e string) bool { return strings.HasPrefix(e, "make") },
	)
	w.mu.Unlock()
	equal(
		t, "events", events, "source runs", "handle: done", "handle: done", "handle: done",
		"source ends", "close x ",
	)
	for name, log := range w.logs {
		if pos := log.pos.Load(); pos != 3 {
			t.Errorf("log %s is committed to %d", name, pos)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "buffer")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a source has a buffer: %v", err)
	}
}

func TestTwoAgentsOnOneDirectoryAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld()
	dir := t.TempDir()
	startAgent(t, w, dir, simple)
	a, err := New(loadTest(t, w, dir, simple), Options{Catalogue: w.catalogue(), Log: discard()})
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if err := a.Run(t.Context()); !errors.Is(err, buffer.ErrLocked) {
		t.Errorf("the second agent: %v", err)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("refused after %v", took)
	}
}

func TestMistakesNameTheirComponents(t *testing.T) {
	t.Parallel()
	w := newWorld()
	cfg := loadTest(t, w, t.TempDir(), `
input "fake" "a" {
  name = "a"
  mode = "impossible"
}
output "fake" "x" { name = "x" }
output "fake" "y" {
  name = "y"
  mode = "impossible"
}
pipeline "p" {
  from = [input.fake.a]
  to   = [output.fake.x, output.fake.y]
}`)
	_, err := New(cfg, Options{Catalogue: w.catalogue(), Log: discard()})
	want := "output.fake.y: mode: cannot be made\ninput.fake.a: mode: cannot be made"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if w.count("close x ") != 1 {
		t.Error("what was made is not closed")
	}
}

func TestAdminPages(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.down["y"] = true
	r := startAgent(t, w, t.TempDir(), simple)
	w.send(t, "a", "app", "1")
	w.await(t, "x", w.has("x", 1))
	for path, want := range map[string]string{
		"/":                    "input.fake.a",
		"/healthz":             "ok",
		"/readyz":              "ready",
		"/api/status":          `"id": "output.fake.x"`,
		"/metrics":             `penstock_input_records_total{component="input.fake.a"} 1`,
		"/debug/pprof/cmdline": "404",
	} {
		if got := get(t, r, path); !strings.Contains(got, want) {
			t.Errorf("%s lacks %q:\n%s", path, want, got)
		}
	}
	if got := get(t, r, "/metrics"); !strings.Contains(got, `penstock_output_records_total{component="output.fake.x"} 1`) {
		t.Errorf("no records of the output:\n%s", got)
	}
}

func get(t *testing.T, r *running, path string) string {
	t.Helper()
	resp, err := http.Get("http://" + r.addr + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

var _ record.Log = (*memLog)(nil)

// How old events are is known at both ends of a pipeline.
func TestEventsAreTimedWhereTheyAreReadAndDelivered(t *testing.T) {
	t.Parallel()
	w := newWorld()
	r := startAgent(t, w, t.TempDir(), `
input "fake" "a" { name = "a" }
output "fake" "x" { name = "x" }
pipeline "p" {
  from = [input.fake.a]
  to   = [output.fake.x]
}`)
	w.send(t, "a", "t", "one", "two")
	w.await(t, "x", func() bool { return len(w.got["x"]) == 2 })
	for _, want := range []string{
		`penstock_input_event_age_seconds_count{component="input.fake.a"} 1`,
		`penstock_output_event_age_seconds_count{component="output.fake.x"} 1`,
	} {
		runtest.Until(t, want, func() bool { return strings.Contains(get(t, r, "/metrics"), want) })
	}
}
