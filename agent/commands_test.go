package agent

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/agent/state"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/outputs/local"
	"github.com/penstock/penstock/outputs/s3"
)

// post sends a command to the running agent.
func post(t *testing.T, r *running, path string, header ...string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+r.addr+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// A paused output delivers nothing, the others go on, a restart changes nothing about it, and all
// that came meanwhile is delivered after the resume.
func TestAPausedOutputWaitsAlsoAfterARestart(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.shutdown = "20s"
	dir := t.TempDir()
	r := startAgent(t, w, dir, simple)
	w.send(t, "a", "app", "1")
	w.await(t, "both", func() bool { return len(w.got["x"]) == 1 && len(w.got["y"]) == 1 })
	if code, text := post(t, r, "/api/pause?output=fake.x"); code != 200 {
		t.Fatal(code, text)
	}
	w.send(t, "a", "app", "2")
	w.await(t, "the other output", w.has("y", 2))
	kind := func(r *running) string { return r.States()[0].Outputs[0].Kind }
	if kind(r) != state.Paused {
		t.Errorf("the output is %s", kind(r))
	}
	if ready := get(t, r, "/readyz"); !strings.Contains(ready, "paused: output.fake.x has been paused") {
		t.Errorf("readiness does not say so: %s", ready)
	}
	if m := get(t, r, "/metrics"); !strings.Contains(
		m, `penstock_state{component="output.fake.x",pipeline="p",state="paused"} 1`,
	) {
		t.Error("no metric says so")
	}
	began := time.Now()
	r.stop()
	r.wait()
	if took := time.Since(began); took > 4*time.Second { // the shutdown timeout is 20 s, Grace 5
		t.Errorf("the stop waited %v for a paused output", took)
	}

	r = startAgent(t, w, dir, simple)
	w.send(t, "a", "app", "3")
	w.await(t, "the other output", w.has("y", 3))
	if kind(r) != state.Paused || len(w.delivered("x")) != 1 {
		t.Errorf("after a restart the output is %s, and has %q", kind(r), w.delivered("x"))
	}
	if code, text := post(t, r, "/api/resume?output=output.fake.x"); code != 200 {
		t.Fatal(code, text)
	}
	w.await(t, "all", w.has("x", 3))
	equal(t, "x", w.delivered("x"), "app/1", "app/2", "app/3")
	runtest.Within(
		t, 5*time.Second, func() bool { return kind(r) == state.Delivering }, r.log.String,
	)
	if kind(r) != state.Delivering {
		t.Errorf("the output is %s", kind(r))
	}
	if code, text := post(t, r, "/api/pause?output=fake.none"); code != 404 ||
		!strings.Contains(text, "output.fake.x, output.fake.y") {
		t.Errorf("an output that there is not: %d %s", code, text)
	}
}

// A page of another origin cannot send commands, and a GET is none.
func TestCommandsAreThoseOfPeople(t *testing.T) {
	t.Parallel()
	w := newWorld()
	r := startAgent(t, w, t.TempDir(), simple)
	for _, header := range [][]string{
		{"Origin", "http://evil.example"},
		{"Origin", "null"},
		{"Sec-Fetch-Site", "cross-site"},
		{"Sec-Fetch-Site", "same-site"},
		{"Host", "evil.example", "Origin", "http://127.0.0.1:1"},
	} {
		if code, text := post(t, r, "/api/pause?output=fake.x", header...); code != 403 {
			t.Errorf("%q: %d %s", header, code, text)
		}
	}
	if code, _ := post(t, r, "/api/flush", "Origin", "http://"+r.addr); code != 200 {
		t.Errorf("the page itself: %d", code)
	}
	resp, err := http.Get("http://" + r.addr + "/api/pause?output=fake.x")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET: %s", resp.Status)
	}
	if s := r.States()[0].Outputs[0].Kind; s == state.Paused {
		t.Error("it is paused")
	}
}

// A drain delivers what there is and ends the agent; what cannot be delivered in time is told.
func TestADrainEndsTheAgent(t *testing.T) {
	t.Parallel()
	for _, down := range []bool{false, true} {
		w := newWorld()
		w.down["y"] = down
		r := startAgent(t, w, t.TempDir(), simple)
		w.send(t, "a", "app", "1", "2")
		code, text := post(t, r, "/api/drain?timeout=300ms")
		if !down && code != 200 || down && (code != 409 || !strings.Contains(text, "2 records")) {
			t.Errorf("down %v: %d %s", down, code, text)
		}
		r.wait()
		if !down {
			equal(t, "y", w.delivered("y"), "app/1", "app/2")
		}
	}
}

// What a pipeline holds whose buffer cannot be opened is not delivered: a drain says so, and its
// outputs can be paused meanwhile.
func TestADrainTellsOfABufferThatCannotBeOpened(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := startAgent(t, newWorld(), dir, simple)
	if err := os.WriteFile(filepath.Join(dir, "buffer", "other"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.reload(simple + other); err != nil {
		t.Fatal(err)
	}
	runtest.Until(t, "it is not opened", func() bool { return r.States()[0].Kind == state.Failed })
	for _, c := range []struct {
		command, want string
		code          int
	}{
		{"pause?output=fake.z", "output.fake.z is paused", 200},
		{"drain", "nothing was begun: output.fake.z paused", 409},
		{"resume?output=fake.z", "output.fake.z goes on", 200},
		{"drain?timeout=20s", "pipeline.other cannot be opened: ", 409},
	} {
		if code, text := post(t, r, "/api/"+c.command); code != c.code ||
			!strings.Contains(text, c.want) {
			t.Errorf("%s: %d %s", c.command, code, text)
		}
	}
	r.wait()
}

// A drain that is asked for while a buffer is being opened delivers what is in it.
func TestADrainWaitsForABufferThatIsBeingOpened(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.down["y"] = true
	r := startAgent(t, w, t.TempDir(), simple)
	w.send(t, "a", "app", "1")
	w.await(t, "x", w.has("x", 1))
	from := "from = [input.fake.a]"
	anew := strings.Replace(simple, from, from+"\nbuffer { max_size = \"1GiB\" }", 1)
	if err := r.reload(anew); err != nil {
		t.Fatal(err)
	}
	w.change(func() { w.down["y"] = false })
	if code, text := post(t, r, "/api/drain?timeout=20s"); code != 200 {
		t.Errorf("%d %s", code, text)
	}
	r.wait()
	equal(t, "y", w.delivered("y"), "app/1")
}

// A flush ends well once what was open is stored; and tells what is not, why and what to do, when
// the time is over, and at once where waiting is of no use.
func TestAFlushTellsHowItEnds(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.more = Catalogue{ArchiveType("local", "Directories.", local.Default, local.New)}
	lake := filepath.Join(t.TempDir(), "lake")
	r := startAgent(t, w, t.TempDir(), fmt.Sprintf(`
input "fake" "a" { name = "a" }
output "local" "lake" {
  directory = %q
  format "raw" {}
}
pipeline "p" {
  from = [input.fake.a]
  to   = [output.local.lake]
}`, lake))
	collect := func() {
		t.Helper()
		w.send(t, "a", "app", "1", "2")
		runtest.Until(t, "it collects", func() bool {
			cuts := r.Status().Pipelines[0].Outputs[0].Cuts
			return len(cuts) == 1 && cuts[0].Records == 2
		})
	}
	flush := func(path string, code int, want ...string) {
		t.Helper()
		got, text := post(t, r, path)
		for _, s := range want {
			if got != code || !strings.Contains(text, s) {
				t.Errorf("%s: %d %s, want %d %s", path, got, text, code, s)
			}
		}
	}
	collect()
	flush("/api/flush?timeout=20s", 200, "what was open is archived: output.local.lake")
	if objects, err := filepath.Glob(lake + "/*/*/*/*.gz"); len(objects) != 1 {
		t.Errorf("%q %v", objects, err)
	}
	if err := os.RemoveAll(lake); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(lake, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	collect()
	flush("/api/flush", 200, "is closed and uploaded now: output.local.lake")
	runtest.Until(t, "it fails", func() bool {
		return r.States()[0].Outputs[0].Kind == state.Retrying
	})
	flush(
		"/api/flush?timeout=150ms", 409,
		"output.local.lake has not archived 2 records that it had open within 150ms: it ",
		"not a directory", "; ",
	)
	ended := make(chan string, 1)
	go func() {
		_, text := post(t, r, "/api/flush?timeout=1m")
		ended <- text
	}()
	runtest.Until(t, "it is asked", func() bool {
		return strings.Count(r.log.String(), "flush: ") == 4
	})
	if code, text := post(t, r, "/api/pause?output=local.lake"); code != 200 {
		t.Fatal(code, text)
	}
	const want = "had open: it has been paused"
	if text := <-ended; !strings.Contains(text, want) ||
		!strings.Contains(text, "penstock resume output.local.lake") {
		t.Errorf("paused meanwhile: %s", text)
	}
	flush("/api/flush?timeout=1m", 200, "output.local.lake has been paused")
	flush("/api/flush?timeout=none", 409, "timeout must be a duration")
}

// What a store refuses, and an archive that has failed, a flush tells at once.
func TestAFlushDoesNotWaitForAPerson(t *testing.T) {
	t.Parallel()
	store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusForbidden)
	}))
	defer store.Close()
	w := newWorld()
	w.more = Catalogue{
		ArchiveType("s3", "Amazon S3.", s3.Default, s3.New),
		ArchiveType("local", "Directories.", local.Default, local.New),
	}
	r := startAgent(t, w, t.TempDir(), fmt.Sprintf(`
input "fake" "a" { name = "a" }
output "s3" "lake" {
  bucket     = "lake"
  region     = "us-east-1"
  endpoint   = %q
  path_style = true
  access_key_id     = "id"
  secret_access_key = "secret"
  format "raw" {}
}
pipeline "p" {
  from = [input.fake.a]
  to   = [output.s3.lake]
}
input "fake" "b" { name = "b" }
output "local" "lake" {
  directory  = %q
  path       = "${topic}/dt=${strftime("%%Y")}"
  on_missing = "stop"
}
pipeline "q" {
  from = [input.fake.b]
  to   = [output.local.lake]
}`, store.URL, t.TempDir()))
	w.send(t, "b", "app", "no time")
	const has = "output.local.lake has nothing open any more, but has failed: "
	runtest.Until(t, "one is said to have failed", func() bool { // it is started again and again
		code, text := post(t, r, "/api/flush?timeout=1h")
		return code == 409 && strings.Contains(text, has)
	})
	w.send(t, "a", "app", "1")
	runtest.Until(t, "the other has it", func() bool {
		cuts := r.Status().Pipelines[0].Outputs[0].Cuts
		return len(cuts) == 1 && cuts[0].Records+cuts[0].Storing == 1
	})
	const want = "output.s3.lake has not archived 1 record that it had open: it cannot go on: "
	if code, text := post(t, r, "/api/flush?timeout=1h"); code != 409 ||
		!strings.Contains(text, want) || !strings.Contains(text, "change what is refused") {
		t.Errorf("%d %s", code, text)
	}
}

// The tap shows an input's records as they came and an output's as it is given them, by tag,
// expression and rate.
func TestTapByComponent(t *testing.T) {
	t.Parallel()
	w := newWorld()
	r := startAgent(t, w, t.TempDir(), `
input "fake" "a" { name = "a" }
output "fake" "x" { name = "x" }
filter "grep" "noise" { exclude = ["noise"] }
pipeline "p" {
  from   = [input.fake.a]
  filter = [filter.grep.noise]
  to     = [output.fake.x]
}`)
	watch := func(query string) chan string {
		resp, err := http.Get("http://" + r.addr + "/tap?" + query)
		if err != nil {
			t.Fatal(err)
		}
		text := make(chan string, 1)
		go func() {
			defer resp.Body.Close()
			all, _ := io.ReadAll(resp.Body)
			text <- string(all)
		}()
		return text
	}
	taps := map[string]chan string{
		`"noise" "one" "two"`: watch("of=input.fake.a&n=3"),
		`"one" "two"`:         watch("of=output.fake.x&n=2"),
		`"two"`:               watch("of=output.fake.x&n=1&where=" + `value+contains+"w"`),
		`"other"`:             watch("of=pipeline.p&n=1&tag=b*"),
	}
	w.send(t, "a", "app", "noise", "one", "two")
	w.send(t, "a", "box", "other")
	for want, got := range taps {
		select {
		case text := <-got:
			for value := range strings.FieldsSeq(want) {
				if !strings.Contains(text, `"value":`+value) {
					t.Errorf("want %s, got %s", want, text)
				}
			}
			if n := strings.Count(text, `"value"`); n != len(strings.Fields(want)) {
				t.Errorf("want %s, got %s", want, text)
			}
		case <-time.After(10 * time.Second):
			t.Errorf("nothing is shown of %s", want)
		}
	}
	for _, bad := range []string{"of=none", "of=p&rate=x", "of=p&tag=[", "of=p&where=1+%2B"} {
		resp, err := http.Get("http://" + r.addr + "/tap?" + bad)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode < 400 {
			t.Errorf("%s: %s", bad, resp.Status)
		}
	}
	runtest.Within(t, 5*time.Second, func() bool { return len(w.delivered("x")) == 3 }, r.log.String)
}

// What is in the overflow of an output is told while the output is paused, too.
func TestAPausedOutputTellsOfItsOverflow(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.more = Catalogue{ArchiveType("local", "Directories.", local.Default, local.New)}
	w.down["x"] = true
	dir, text := t.TempDir(), fmt.Sprintf(`
input "fake" "a" { name = "a" }
output "local" "overflow" { directory = %q }
output "fake" "x" {
  name = "x"
  failover {
    to         = output.local.overflow
    after      = "100ms"
    object_age = "100ms"
  }
}
pipeline "p" {
  from = [input.fake.a]
  to   = [output.fake.x]
}`, t.TempDir())
	r := startAgent(t, w, dir, text)
	w.send(t, "a", "app", "1", "2", "3")
	stored := func() bool { return r.States()[0].Stored == 3 && r.States()[0].OnDisk == 0 }
	runtest.Until(t, "all are in the overflow", stored)
	if code, text := post(t, r, "/api/pause?output=fake.x"); code != 200 {
		t.Fatal(code, text)
	}
	const want = "waits; 3 records wait in the overflow."
	if s := r.Status().Sentence; !stored() || !strings.HasSuffix(s, want) {
		t.Errorf("while it is paused: %s", s)
	}
	r.stop()
	r.wait()
	r = startAgent(t, w, dir, text)
	runtest.Until(t, "it is told after a restart, too", func() bool {
		return stored() && strings.HasSuffix(r.Status().Sentence, want)
	})
	o := r.Status().Pipelines[0].Outputs[0].Overflow
	if o == nil || o.Objects == 0 || o.Bytes == 0 || o.Oldest.IsZero() {
		t.Errorf("%+v", o)
	}
}

// Where the store does not say what is in the overflow of a paused output, that is told.
func TestAPausedOutputTellsThatItsStoreIsAway(t *testing.T) {
	t.Parallel()
	o := state.Output{
		ID: "output.kafka.k", PausedSince: time.Now(), StoreError: "no such host", To: "output.s3.o",
	}
	const want = "what waits in output.s3.o is not known, since its store does not answer: no such host"
	if s := o.State(time.Now()); s.Kind != state.Paused || !strings.Contains(s.Text, want) {
		t.Errorf("%+v", s)
	}
}

// How much an output delivers is known also where positions are stored in passing.
func TestAnOutputTellsItsRate(t *testing.T) {
	t.Parallel()
	w := newWorld()
	r := startAgent(t, w, t.TempDir(), simple)
	for i := range 20 {
		w.send(t, "a", "app", fmt.Sprint(i))
	}
	w.await(t, "all", w.has("x", 20))
	runtest.Until(t, "both outputs tell their rate", func() bool {
		o := r.States()[0].Outputs
		return o[0].Rate > 0 && o[1].Rate > 0
	})
}

// The agent can be asked on a socket in its data directory, which goes with it.
func TestTheSocketIsInTheDataDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := startAgent(t, newWorld(), dir, simple)
	socket := filepath.Join(dir, "admin.sock")
	info, err := os.Stat(socket)
	if err != nil || info.Mode() != os.ModeSocket|0o600 {
		t.Errorf("%v %v", info, err)
	}
	if c, err := net.Dial("unix", socket); err != nil || c.Close() != nil {
		t.Error(err)
	}
	r.stop()
	r.wait()
	if _, err := os.Stat(socket); !os.IsNotExist(err) {
		t.Errorf("it is left: %v", err)
	}
}
