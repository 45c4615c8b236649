package agent

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock/penstock/agent/state"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/outputs/s3"
)

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

const two = `
input "fake" "a" { name = "a" }
input "fake" "b" {
  name = "b"
  mode = "MODE-B"
}
output "fake" "x" { name = "x" }
output "fake" "y" {
  name = "y"
  mode = "MODE-Y"
}
pipeline "p" {
  from = [input.fake.a, input.fake.b]
  to   = [output.fake.x, output.fake.y]
}
`

func variant(b, y string) string {
	return strings.NewReplacer("MODE-B", b, "MODE-Y", y).Replace(two)
}

func TestReloadTouchesOnlyWhatChanged(t *testing.T) {
	t.Parallel()
	w := newWorld()
	r := startAgent(t, w, t.TempDir(), variant("1", "1"))
	w.send(t, "a", "app", "1")
	w.await(t, "first", func() bool { return len(w.got["x"]) == 1 && len(w.got["y"]) == 1 })
	if err := r.reload("# moved\n\n" + variant("2", "2")); err != nil {
		t.Fatal(err)
	}
	w.await(t, "the old output is closed and the new input runs", func() bool {
		return slices.Contains(w.events, "close y 1") && slices.Contains(w.events, "run b 2")
	})
	w.send(t, "a", "app", "2")
	w.send(t, "b", "app", "3")
	w.await(t, "more", func() bool { return len(w.got["x"]) == 3 && len(w.got["y"]) == 3 })
	equal(t, "y", w.delivered("y"), "app/1", "app/2", "app/3")
	for event, want := range map[string]int{"run a ": 1, "end a ": 0, "make x ": 1, "close x ": 0, "run b 1": 1, "end b 1": 1, "make y 2": 1} {
		if got := w.count(event); got != want {
			t.Errorf("%q happened %d times, want %d", event, got, want)
		}
	}
	if !strings.Contains(
		get(t, r, "/metrics"), `penstock_agent_reloads_total{result="applied"} 1`,
	) {
		t.Error("not counted")
	}
}

// What is shown of the configuration is what the agent runs with.
func TestTheConfigurationThatIsShownIsTheOneInForce(t *testing.T) {
	t.Parallel()
	w := newWorld()
	r := startAgent(t, w, t.TempDir(), variant("1", "1"))
	shows := func(yes, no string) {
		t.Helper()
		text := get(t, r, "/config")
		if !strings.Contains(text, yes) || strings.Contains(text, no) {
			t.Errorf("not with %s and without %s: %s", yes, no, text)
		}
	}
	shows(`mode = "1"`, `mode = "2"`)
	first := r.Configuration().Loaded
	if err := r.reload("# a comment\n" + variant("impossible", "2")); err == nil {
		t.Fatal("taken")
	}
	shows(`mode = "1"`, "impossible")
	if err := r.reload("# a comment\n" + variant("2", "2")); err != nil {
		t.Fatal(err)
	}
	shows(`mode = "2"`, "comment")
	if c := r.Configuration(); !c.Loaded.After(first) || c.Note != "" {
		t.Errorf("%+v", c)
	}
}

func TestReloadThatCannotBeMadeChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld()
	r := startAgent(t, w, t.TempDir(), variant("1", "1"))
	err := r.reload(variant("impossible", "2"))
	if err == nil || !strings.Contains(err.Error(), "input.fake.b: mode: cannot be made") {
		t.Fatalf("%v", err)
	}
	w.send(t, "b", "app", "1")
	w.await(t, "delivery", func() bool { return len(w.got["x"]) == 1 && len(w.got["y"]) == 1 })
	for event, want := range map[string]int{"end b 1": 0, "close y 1": 0, "make y 2": 1, "close y 2": 1} {
		if got := w.count(event); got != want {
			t.Errorf("%q happened %d times, want %d", event, got, want)
		}
	}
	if s := r.Status(); s.Reload.Error == "" ||
		!strings.Contains(
			get(t, r, "/metrics"), `penstock_agent_reloads_total{result="refused"} 1`,
		) {
		t.Errorf("the refusal does not show: %+v", s.Reload)
	}
	told := func() (all int) {
		for what, text := range map[string]string{
			"mode: cannot be made. ": r.Status().Sentence + " ", "reload refused: agent": get(t, r, "/readyz"),
			"\npenstock_agent_reload_refused 1\n": get(t, r, "/metrics"),
			"<b>agent</b> goes on with the":       get(t, r, "/"),
		} {
			if strings.Contains(text, what) {
				all++
			}
		}
		return all
	}
	if n, s := told(), r.Status(); n != 4 || s.Level != state.Warning || len(s.Problems()) != 1 {
		t.Errorf("%d of 4 places tell it; %+v", n, s)
	}
	if err := r.reload(variant("1", "1")); err != nil {
		t.Fatal(err)
	}
	if n, s := told(), r.Status(); n != 0 || s.Level != state.OK || len(s.Problems()) != 0 {
		t.Errorf("afterwards %d places tell it; %+v", n, s)
	}
}

func TestReloadAddsAndRemovesPipelines(t *testing.T) {
	t.Parallel()
	w := newWorld()
	r := startAgent(t, w, t.TempDir(), simple)
	more := simple + `
input "fake" "c" { name = "c" }
pipeline "q" {
  from = [input.fake.c]
  to   = [output.fake.x]
}`
	if err := r.reload(more); err != nil {
		t.Fatal(err)
	}
	w.send(t, "c", "app", "1")
	w.await(t, "the new pipeline delivers", w.has("x", 1))
	if err := r.reload(simple); err != nil {
		t.Fatal(err)
	}
	w.await(t, "its input ends", func() bool { return slices.Contains(w.events, "end c ") })
	// Back again, and with another buffer: the directory is the old one.
	if err := r.reload(
		strings.Replace(
			more, "to   = [output.fake.x]\n",
			"to   = [output.fake.x]\n  buffer { max_size = \"64MiB\" }\n", 1,
		),
	); err != nil {
		t.Fatal(err)
	}
	w.send(t, "c", "app", "2")
	w.await(t, "the pipeline delivers again", w.has("x", 2))
	if err := r.reload(
		strings.Replace(
			more, "to   = [output.fake.x]\n",
			"to   = [output.fake.x]\n  buffer { max_size = \"128MiB\" }\n", 1,
		),
	); err != nil {
		t.Fatal(err)
	}
	w.send(t, "c", "app", "3")
	w.await(t, "the pipeline delivers with another buffer", w.has("x", 3))
	equal(t, "x", w.delivered("x"), "app/1", "app/2", "app/3")
}

// An output that goes with its pipeline is closed once that has ended, and not under it.
func TestAnOutputIsClosedAfterItsPipeline(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.slow = make(chan struct{})
	r := startAgent(t, w, t.TempDir(), simple+`
input "fake" "c" {
  name = "c"
  mode = "lingers"
}
output "fake" "z" { name = "z" }
pipeline "q" {
  from = [input.fake.c]
  to   = [output.fake.z]
}`)
	w.send(t, "c", "app", "1")
	if err := r.reload(simple); err != nil {
		t.Fatal(err)
	}
	w.send(t, "a", "app", "1")
	close(w.slow)
	w.await(t, "z is closed", func() bool { return slices.Contains(w.events, "close z ") })
	w.mu.Lock()
	defer w.mu.Unlock()
	if slices.Index(w.events, "end c lingers") > slices.Index(w.events, "close z ") ||
		!slices.Contains(w.events, "end c lingers") {
		t.Errorf("%q", w.events)
	}
}

// An input that listens where another did, which goes with the same reload, waits for its end.
func TestAPortIsHandedOver(t *testing.T) {
	const pipelines = `
input "fake" "was" {
  name   = "was"
  mode   = "lingers"
  listen = "127.0.0.1:9880"
}
input "fake" "is" {
  name   = "is"
  listen = "0.0.0.0:9880"
}
input "fake" "a" { name = "a" }
input "fake" "b" { name = "b" }
input "fake" "new" { name = "new" }
output "fake" "x" { name = "x" }
pipeline "first" {
  from = [input.fake.a%s]
  to   = [output.fake.x]
}
pipeline "second" {
  from = [input.fake.b%s]
  to   = [output.fake.x]
}
`
	const was, is = ", input.fake.was", ", input.fake.is, input.fake.new"
	for name, second := range map[string]string{"within a pipeline": is, "to another": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.slow = make(chan struct{})
			r := startAgent(t, w, t.TempDir(), fmt.Sprintf(pipelines, "", was))
			w.await(t, "it listens", func() bool { return slices.Contains(w.events, "run was lingers") })
			first := ""
			if second == "" {
				first = is
			}
			if err := r.reload(fmt.Sprintf(pipelines, first, second)); err != nil {
				t.Fatal(err)
			}
			w.await(t, "an input that was started later", func() bool {
				return slices.Contains(w.events, "run new ")
			})
			if w.count("run is ") > 0 {
				t.Error("it listens before the other one has ended")
			}
			close(w.slow)
			w.await(t, "it listens", func() bool { return slices.Contains(w.events, "run is ") })
		})
	}
}

// fluent-bit#10670 (9): a reload during an outage loops for ever and ignores SIGTERM.
func TestReloadDuringAnOutage(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.down["x"], w.hang["y"] = true, true
	dir := t.TempDir()
	r := startAgent(t, w, dir, variant("1", "1"))
	for i := range 20 {
		w.send(t, "a", "app", fmt.Sprint(i))
	}
	for i := range 10 {
		start := time.Now()
		if err := r.reload(variant(fmt.Sprint(i), fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("reload %d took %v", i, took)
		}
	}
	w.await(t, "the last input runs", func() bool { return slices.Contains(w.events, "run b 9") })
	w.send(t, "b", "app", "last")
	start := time.Now()
	r.stop()
	r.wait()
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("stopping took %v", took)
	}
	w.mu.Lock()
	runs, ends := 0, 0
	for _, e := range w.events {
		if strings.HasPrefix(e, "run ") {
			runs++
		}
		if strings.HasPrefix(e, "end ") {
			ends++
		}
	}
	w.mu.Unlock()
	if runs != ends || runs > 12 {
		t.Errorf("%d inputs started, %d ended", runs, ends)
	}
	w.change(func() { w.down["x"], w.hang["y"] = false, false })
	startAgent(t, w, dir, variant("1", "1"))
	w.await(
		t, "everything is delivered afterwards",
		func() bool { return len(w.got["x"]) == 21 && len(w.got["y"]) == 21 },
	)
}

func TestStopDuringManyReloads(t *testing.T) {
	t.Parallel()
	w := newWorld()
	r := startAgent(t, w, t.TempDir(), simple)
	for i := range 5 {
		if err := r.reload(
			strings.Replace(
				simple, "to   = [", fmt.Sprintf("buffer { max_size = %d }\n  to = [", (64+i)<<20),
				1,
			),
		); err != nil {
			t.Fatal(err)
		}
	}
	start := time.Now()
	r.stop()
	r.wait()
	if took := time.Since(start); took > 12*time.Second { // and not three seconds for each reload
		t.Errorf("stopping took %v", took)
	}
	if strings.Contains(r.log.String(), "could be closed in time") {
		t.Error("something was not closed")
	}
}

// A reload that changes what an archive makes of records lets it finish the cut that is being
// uploaded: nobody could make that again.
func TestAReloadLetsAnArchiveFinishItsCut(t *testing.T) {
	t.Parallel()
	began, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		switch r.Method {
		case http.MethodPut:
			once.Do(func() {
				close(began)
				<-release
			})
			w.Header().Set("ETag", `"1"`)
		case http.MethodPost: // it is asked whether it would take an object
			fmt.Fprint(w, "<R><UploadId>1</UploadId></R>")
		}
	}))
	defer store.Close()
	w := newWorld()
	w.more = Catalogue{ArchiveType("s3", "Amazon S3.", s3.Default, s3.New)}
	text := fmt.Sprintf(`
input "fake" "a" { name = "a" }
output "s3" "lake" {
  bucket     = "lake"
  region     = "us-east-1"
  endpoint   = %q
  path_style = true
  access_key_id      = "id"
  secret_access_key  = "secret"
  conditional_writes = "header"
  path = "lake"
  format "raw" {}
  roll { records = 1 }
}
pipeline "p" {
  from = [input.fake.a]
  filter "grep" { exclude = ["noise"] }
  to   = [output.s3.lake]
}`, store.URL)
	r := startAgent(t, w, t.TempDir(), text)
	w.send(t, "a", "app", "1")
	<-began
	if err := r.reload(strings.Replace(text, "noise", "more noise", 1)); err != nil {
		t.Fatal(err)
	}
	close(release)
	w.send(t, "a", "app", "2")
	runtest.Until(t, "all is archived", func() bool {
		p := r.States()[0]
		return p.OnDisk == 0 || p.Level == state.Critical
	})
	if p := r.States()[0]; p.Level != state.OK {
		t.Errorf("%+v", p.Problems)
	}
}
