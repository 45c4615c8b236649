package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/agent/admin"
	"github.com/penstock/penstock/buffer"
	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/prometheus/client_golang/prometheus"
)

// fed is parts of configurations in which input a feeds several pipelines.
var fed = map[string]string{
	"a": `input "fake" "a" { name = "a" }
`,
	"b": `input "fake" "b" { name = "b" }
`,
	"p": `output "fake" "x" { name = "x" }
pipeline "p" {
  from = [input.fake.a, input.fake.b]
  to   = [output.fake.x]
  BUFFER
}
`,
	"p-": `output "fake" "x" { name = "x" }
pipeline "p" {
  from = [input.fake.b]
  to   = [output.fake.x]
}
`,
	"q": `output "fake" "y" { name = "y" }
pipeline "q" {
  from = [input.fake.a]
  to   = [output.fake.y]
}
`,
	"r": `output "fake" "z" { name = "z" }
pipeline "r" {
  from = [input.fake.a]
  to   = [output.fake.z]
}
`,
}

func fedText(parts ...string) string {
	text := ""
	for _, p := range parts {
		text += fed[p]
	}
	return strings.ReplaceAll(text, "BUFFER", "")
}

// balanced fails if some pipeline's counts do not add up.
func balanced(t *testing.T, r *running) {
	t.Helper()
	report := r.Audit(time.Time{})
	for _, d := range report.Differences {
		t.Errorf("differs: %s", d.String())
	}
	if len(report.Lines) == 0 {
		t.Error("nothing is counted")
	}
}

// An input that two pipelines name is read once, and each gets what it has brought, of the input's
// records alone.
func TestAnInputFeedsTwoPipelines(t *testing.T) {
	t.Parallel()
	for _, buf := range []string{"", "buffer { spill = true }", "buffer { sync = false }"} {
		t.Run(buf, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			r := startAgent(
				t, w, t.TempDir(), strings.Replace(
					fed["a"]+fed["b"]+fed["p"]+fed["q"]+fed["r"], "BUFFER", buf, 1,
				),
			)
			w.send(t, "a", "app", "1", "2")
			w.send(t, "b", "other", "3")
			w.send(t, "a", "app", "4")
			w.await(t, "all", func() bool {
				return len(w.got["x"]) == 4 && len(w.got["y"]) == 3 && len(w.got["z"]) == 3
			})
			equal(t, "y", w.delivered("y"), "app/1", "app/2", "app/4")
			if n := w.count("run a "); n != 1 {
				t.Errorf("the input runs %d times", n)
			}
			runtest.Until(t, "the readers' cursors move", func() bool {
				return r.pipelines["p"].lag(readerCursor("q", "input.fake.a")) == 0 &&
					r.pipelines["p"].lag(readerCursor("r", "input.fake.a")) == 0
			})
			runtest.Until(t, "outputs commit", func() bool {
				for _, p := range r.States() {
					if p.OnDisk > 0 {
						return false
					}
				}
				return true
			})
			balanced(t, r)
			metrics := get(t, r, "/metrics")
			for _, want := range []string{
				`penstock_input_records_total{component="input.fake.a"} 3`,
				`penstock_input_records_total{component="input.fake.a",pipeline="q"} 3`,
			} {
				if !strings.Contains(metrics, want) {
					t.Errorf("no %s", want)
				}
			}
			i := slices.IndexFunc(r.Status().Pipelines, func(p admin.Pipeline) bool {
				return p.Name == "q"
			})
			if got := r.Status().Pipelines[i].Now.Inputs[0].Text; got != "takes what pipeline p reads" {
				t.Errorf("q's input: %q", got)
			}
		})
	}
}

// A reader whose output is down keeps nobody back; what it has not delivered waits in its buffer,
// and nothing comes twice after restarts.
func TestAReaderGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.down["y"] = true
	dir, text := t.TempDir(), fedText("a", "b", "p", "q")
	var want []string
	for i := range 4 {
		r := startAgent(t, w, dir, text)
		for j := range 3 {
			v := fmt.Sprint(3*i + j)
			w.send(t, "a", "app", v)
			w.send(t, "b", "other", v)
			want = append(want, "app/"+v)
		}
		w.await(t, "the first pipeline", w.has("x", 6*(i+1)))
		if i == 2 {
			w.change(func() { w.down["y"] = false })
		}
		r.stop()
		r.wait()
	}
	r := startAgent(t, w, dir, text)
	w.await(t, "the second pipeline", w.has("y", len(want)))
	r.stop()
	r.wait()
	equal(t, "y", w.delivered("y"), want...)
}

// What all inputs have brought is delivered by all pipelines before the agent ends by itself.
func TestFiniteInputsEndAllPipelines(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.down["y"] = true
	r := startAgent(t, w, t.TempDir(), fedText("a", "q", "r"))
	for i := range 50 {
		w.send(t, "a", "app", fmt.Sprint(i))
	}
	w.send(t, "a", "eof")
	w.await(t, "the second pipeline", w.has("z", 50))
	select {
	case <-r.done:
		t.Fatal("the agent ended before everything was delivered")
	case <-time.After(50 * time.Millisecond):
	}
	w.change(func() { w.down["y"] = false })
	r.wait()
	if y, z := w.delivered("y"), w.delivered("z"); len(y) != 50 || len(z) != 50 {
		t.Errorf("%d and %d of 50", len(y), len(z))
	}
}

func TestDrainEmptiesAllPipelines(t *testing.T) {
	t.Parallel()
	w := newWorld()
	r := startAgent(t, w, t.TempDir(), fedText("a", "q", "r"))
	for i := range 200 {
		w.send(t, "a", "app", fmt.Sprint(i))
	}
	if _, err := r.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.wait()
	if y, z := w.delivered("y"), w.delivered("z"); len(y) != 200 || len(z) != 200 {
		t.Errorf("%d and %d of 200", len(y), len(z))
	}
}

// A pipeline that comes to name the input gets what the buffer still has, and one that ceases to
// leaves the others alone.
func TestReadersComeAndGo(t *testing.T) {
	t.Parallel()
	w := newWorld()
	r := startAgent(t, w, t.TempDir(), fedText("a", "b", "p"))
	w.send(t, "a", "app", "1")
	w.await(t, "x", w.has("x", 1))
	if err := r.reload(fedText("a", "b", "p", "q")); err != nil {
		t.Fatal(err)
	}
	w.send(t, "a", "app", "2")
	w.await(t, "y", func() bool { return slices.Contains(w.got["y"], "app/2") })
	if err := r.reload(fedText("a", "b", "p")); err != nil {
		t.Fatal(err)
	}
	w.send(t, "a", "app", "3")
	w.await(t, "x", w.has("x", 3))
	if n := w.count("run a "); n != 1 {
		t.Errorf("the input runs %d times", n)
	}
	if got := r.Status().Pipelines[0].OrphanedCursors; len(got) != 1 {
		t.Errorf("orphaned cursors: %q", got)
	}
}

// A reader goes on when the owner's buffer is opened anew, with other settings, and its own.
func TestAReaderOutlivesBuffers(t *testing.T) {
	t.Parallel()
	w := newWorld()
	text := func(p, q string) string {
		return strings.Replace(fed["a"]+fed["b"]+fed["p"], "BUFFER", "buffer { "+p+" }", 1) +
			strings.Replace(fed["q"], "to ", "buffer { "+q+" }\n  to ", 1)
	}
	r := startAgent(t, w, t.TempDir(), text("", ""))
	var want []string
	for i, settings := range [][2]string{
		{"", ""}, {`max_size = "64MiB"`, ""}, {`max_size = "32MiB"`, `max_size = "64MiB"`},
		{"spill = true", `max_size = "64MiB"`}, {"", "spill = true"},
	} {
		if err := r.reload(text(settings[0], settings[1])); err != nil {
			t.Fatal(err)
		}
		for j := range 3 {
			v := fmt.Sprint(3*i + j)
			w.send(t, "a", "app", v)
			want = append(want, "app/"+v)
		}
	}
	w.await(t, "y", w.has("y", len(want)))
	r.stop()
	r.wait()
	equal(t, "y", w.delivered("y"), want...)
}

// What a reader has of a buffer of its owner that is gone says nothing of the one in its place.
func TestAReaderBeginsAnewWithItsOwnersBuffer(t *testing.T) {
	t.Parallel()
	w := newWorld()
	dir := t.TempDir()
	r := startAgent(t, w, dir, fedText("a", "b", "p", "q"))
	var want []string
	send := func(n int) {
		for range n {
			v := fmt.Sprint(len(want))
			w.send(t, "a", "app", v)
			want = append(want, "app/"+v)
		}
	}
	send(10)
	w.await(t, "y", w.has("y", len(want)))
	r.stop()
	r.wait()
	if err := os.RemoveAll(filepath.Join(dir, "buffer", "p")); err != nil {
		t.Fatal(err)
	}
	w.down["x"] = true
	r = startAgent(t, w, dir, fedText("a", "b", "p"))
	send(5)
	if err := r.reload(fedText("a", "b", "p", "q")); err != nil {
		t.Fatal(err)
	}
	send(5)
	w.await(t, "y", w.has("y", len(want)))
	w.change(func() { w.down["x"] = false })
	r.stop()
	r.wait()
	equal(t, "y", w.delivered("y"), want...)
}

// Once the owner does not name the input any more, or is gone, a reader that is left alone goes on
// where the owner was.
func TestAReaderTakesOver(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		after   []string
		restart bool
	}{
		{"owner gone, restart", []string{"a", "q"}, true},
		{"owner gone, reload", []string{"a", "q"}, false},
		{"input taken away, restart", []string{"a", "b", "p-", "q"}, true},
		{"input taken away, reload", []string{"a", "b", "p-", "q"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.down["y"] = true
			dir := t.TempDir()
			r := startAgent(t, w, dir, fedText("a", "b", "p", "q"))
			for i := range 5 {
				w.send(t, "a", "app", fmt.Sprint(i))
				w.send(t, "b", "other", fmt.Sprint(i))
			}
			if c.restart {
				r.stop()
				r.wait()
				r = startAgent(t, w, dir, fedText(c.after...))
			} else if err := r.reload(fedText(c.after...)); err != nil {
				t.Fatal(err)
			}
			w.change(func() { w.down["y"] = false })
			w.send(t, "a", "app", "5")
			w.await(t, "y", w.has("y", 6))
			equal(t, "y", w.delivered("y"), "app/0", "app/1", "app/2", "app/3", "app/4", "app/5")
			positions := r.pipelines["q"].buf.Positions("input.fake.a")
			if _, follows := placeIn(positions); follows || len(positions) != 6 {
				t.Errorf("positions of the new owner: %v", positions)
			}
			r.stop()
			r.wait()
			old, err := buffer.Open(filepath.Join(dir, "buffer", "p"), buffer.Options{Log: discard()})
			if err != nil {
				t.Fatal(err)
			}
			defer old.Close()
			if left := old.Positions("input.fake.a"); len(left) > 0 {
				t.Errorf("left to the old owner: %v", left)
			}
			for _, cursor := range old.Cursors() {
				if cursor.Name != "output.fake.x" {
					t.Errorf("cursor %s is left", cursor.Name)
				}
			}
		})
	}
}

// A reader that joins records takes over, too: what it holds goes on.
func TestAReaderThatJoinsTakesOver(t *testing.T) {
	t.Parallel()
	for _, restart := range []bool{false, true} {
		t.Run(fmt.Sprint(restart), func(t *testing.T) {
			t.Parallel()
			w := frontWorld()
			dir := t.TempDir()
			joins := fed["a"] + strings.Replace(
				fed["r"], "to ", "filter \"multiline\" {\n continue = \"^ \"\n timeout = \"10m\"\n}\n  to ", 1,
			)
			both := fed["a"] + fed["q"] + strings.TrimPrefix(joins, fed["a"])
			r := startAgent(t, w, dir, both)
			w.send(t, "a", "app", "one", " more", "two")
			w.await(t, "the first one", w.has("z", 1))
			if restart {
				r.stop()
				r.wait()
				r = startAgent(t, w, dir, joins)
			} else if err := r.reload(joins); err != nil {
				t.Fatal(err)
			}
			w.send(t, "a", "app", " more", "three")
			r.stop()
			r.wait()
			got := strings.Join(w.delivered("z"), "|")
			want := "app/one\n more|app/two\n more|app/three"
			if restart { // a stop delivers what is held
				want = "app/one\n more|app/two|app/ more|app/three"
			}
			if got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// A take over that a crash ended, after the positions were taken, is finished.
func TestATakeOverIsFinished(t *testing.T) {
	t.Parallel()
	w := newWorld()
	dir := t.TempDir()
	r := startAgent(t, w, dir, fedText("a", "b", "p", "q"))
	w.send(t, "a", "app", "1")
	w.await(t, "y", w.has("y", 1))
	r.stop()
	r.wait()
	q, err := buffer.Open(filepath.Join(dir, "buffer", "q"), buffer.Options{Log: discard()})
	if err != nil {
		t.Fatal(err)
	}
	stored := make(chan error, 1)
	err = q.Append(t.Context(), "input.fake.a", nil, []record.Position{
		place{From: "p", Taken: true}.position(), {Key: "1", Value: []byte("x")},
	}, func(err error) { stored <- err })
	if err != nil || <-stored != nil || q.Close() != nil {
		t.Fatal(err)
	}
	r = startAgent(t, w, dir, fedText("a", "q"))
	w.send(t, "a", "app", "2")
	w.await(t, "y", w.has("y", 2))
	r.stop()
	r.wait()
	equal(t, "y", w.delivered("y"), "app/1", "app/2")
	w.change(func() { w.got["y"] = nil })
	// The old owner comes back, as a reader.
	startAgent(t, w, dir, fedText("a", "b", "q", "r", "p"))
	w.send(t, "a", "app", "3")
	w.await(t, "x", func() bool { return slices.Contains(w.got["x"], "app/3") })
}

// Whose buffer does not know how far the input is read does not begin to read it.
func TestAnotherOwnerIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld()
	dir := t.TempDir()
	r := startAgent(t, w, dir, fedText("a", "b", "p", "q"))
	w.send(t, "a", "app", "1")
	w.await(t, "y", w.has("y", 1))
	for _, c := range []struct{ what, want string }{
		{"a b q p", "pipeline.p reads input.fake.a, and how far it has come is in its buffer: write pipeline.p before pipeline.q, or let"},
		{"a b r p q", "write pipeline.p before pipeline.r"},
		{"a q r", "write pipeline.p before pipeline.q, or let pipeline.q be the only one"},
	} {
		err := r.reload(fedText(strings.Fields(c.what)...))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("reload %s: %v", c.what, err)
		}
	}
	w.send(t, "a", "app", "2")
	w.await(t, "y goes on", w.has("y", 2))
	r.stop()
	r.wait()
	for _, c := range []struct{ what, want string }{
		{"a b q p", "write pipeline.p before pipeline.q"},
		{"a b r p q", "write pipeline.p before pipeline.r"},
		{"a q r", "write pipeline.p before pipeline.q, or let pipeline.q be the only one"},
	} {
		a, err := New(loadTest(t, w, dir, fedText(strings.Fields(c.what)...)), Options{
			Catalogue: w.catalogue(), Log: discard(), restart: fast,
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Run(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("start %s: %v", c.what, err)
		}
	}
	startAgent(t, w, dir, fedText("a", "b", "p", "q"))
	w.send(t, "a", "app", "3")
	w.await(t, "y goes on", w.has("y", 3))
	equal(t, "y", w.delivered("y"), "app/1", "app/2", "app/3")
}

// An owner that joins records would hand on joined ones. A reader may join them.
func TestAnOwnerThatJoinsIsRefused(t *testing.T) {
	t.Parallel()
	w := frontWorld()
	joins := strings.Replace(fed["r"], "to ", "filter \"multiline\" { continue = \"^ \" }\n  to ", 1)
	_, err := New(loadTest(t, w, t.TempDir(), fed["a"]+joins+fed["q"]), Options{
		Catalogue: w.catalogue(), Log: discard(),
	})
	if err == nil || !strings.Contains(err.Error(), "write pipeline.q before it") {
		t.Fatalf("%v", err)
	}
	r := startAgent(t, w, t.TempDir(), fed["a"]+fed["q"]+joins)
	w.send(t, "a", "app", "one", " more", "two")
	w.await(t, "y", w.has("y", 3))
	r.stop()
	r.wait()
	equal(t, "z", w.delivered("z"), "app/one\n more", "app/two")
}

// feeder runs a feed between two buffers, as an agent does that may be killed at any moment.
type feeder struct {
	t        *testing.T
	from, to *buffer.Buffer
	sink     *sink
}

func newFeeder(t *testing.T) *feeder {
	open := func(name string) *buffer.Buffer {
		b, err := buffer.Open(filepath.Join(t.TempDir(), name), buffer.Options{
			Log: slog.New(slog.DiscardHandler), FlushInterval: time.Millisecond,
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := b.Close(); err != nil {
				t.Error(err)
			}
		})
		return b
	}
	f := &feeder{t: t, from: open("p"), to: open("q")}
	w := newWorld()
	a, err := New(loadTest(t, w, t.TempDir(), fedText("a", "b", "p", "q")), Options{
		Catalogue: w.catalogue(), Log: discard(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Discard() })
	p := a.newPipeline(a.cur.plans[1])
	p.current.Store(p.plan)
	f.sink = newSink(f.to, p.plan.inputs[0], nil, prometheus.NewRegistry(), p)
	f.sink.tap = &admin.Tap{}
	return f
}

// killed is a sink that stores nothing any more after some appends.
type killed struct {
	*sink
	appends int
}

func (k *killed) Append(
	ctx context.Context, b *record.Batch, positions []record.Position, done func(error),
) error {
	if k.appends--; k.appends < 0 {
		return errors.New("killed")
	}
	return k.sink.Append(ctx, b, positions, done)
}

// run feeds until ctx ends. A killed one stores so many appends at most, and moves its cursor no
// more than its begin does.
func (f *feeder) run(ctx context.Context, isKilled bool, appends int) {
	never, cancel := context.WithCancel(context.Background())
	defer cancel()
	from := followed{owner: "p", buf: f.from, ended: never}
	if !isKilled {
		_ = f.sink.p.readFrom(ctx, f.sink, from)
		return
	}
	cursor, err := f.from.Cursor(readerCursor("q", "input.fake.a"))
	if err != nil {
		f.t.Fatal(err)
	}
	defer cursor.Close()
	one := &feed{
		sink: &killed{f.sink, appends}, followed: from, cursor: cursor, id: f.sink.id,
	}
	one.settled.changed = make(chan struct{}, 1)
	if err := one.begin(ctx); err == nil {
		_ = one.run(ctx)
	}
	for one.settled.waits() {
		<-one.settled.changed
	}
}

// Wherever a feed ends, and whether or not its cursor knew, the next one goes on behind what is in
// the reader's buffer: nothing is lost, nothing comes twice.
func TestFeedsGoOnBehindWhatIsStored(t *testing.T) {
	t.Parallel()
	rng := runtest.Rand(t)
	for range runtest.Number(t, "PENSTOCK_HISTORIES", 5) {
		f := newFeeder(t)
		var want []string
		n := 0
		for range 20 {
			for range rng.IntN(30) {
				input, values := "input.fake.a", []string{}
				for range 1 + rng.IntN(5) {
					values = append(values, fmt.Sprint(n))
					n++
				}
				if rng.IntN(3) == 0 {
					input = "input.fake.b"
				} else {
					want = append(want, values...)
				}
				b := batchOf(0, "app", values...)
				b.Input = record.InputID(input)
				if err := f.from.Append(t.Context(), input, b, nil, nil); err != nil {
					t.Fatal(err)
				}
			}
			f.from.Flush()
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rng.IntN(8000))*time.Microsecond)
			f.run(ctx, rng.IntN(2) == 0, rng.IntN(20))
			cancel()
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); f.run(ctx, false, 0) }()
		runtest.Until(t, "all is there", func() bool { return f.to.End() >= int64(len(want)) })
		cancel()
		<-done
		equal(t, "the reader's buffer", f.stored(), want...)
		report := Audit(f.from.Books(), time.Time{})
		for _, d := range report.Differences {
			t.Errorf("differs: %s", d.String())
		}
	}
}

// stored returns what is in the reader's buffer.
func (f *feeder) stored() (out []string) {
	cursor, err := f.to.Cursor("all")
	if err != nil {
		f.t.Fatal(err)
	}
	defer cursor.Close()
	for end := f.to.End(); int64(len(out)) < end; {
		b, err := cursor.Next(f.t.Context())
		if err != nil {
			f.t.Fatal(err)
		}
		for _, r := range recordsOf(b) {
			out = append(out, string(r.Value))
		}
	}
	return out
}
