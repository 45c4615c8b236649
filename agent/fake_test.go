package agent

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/penstock/penstock/agent/config"
	"github.com/penstock/penstock/agent/filter"
	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/inputs"
	"github.com/penstock/penstock/outputs"
)

// world is what the fake components of one test share.
type world struct {
	shutdown string  // the shutdown_timeout, 3s if empty
	restart  restart // fast if it is not set

	mu      sync.Mutex
	changed chan struct{}
	got     map[string][]string // by output: what was delivered, in order
	down    map[string]bool
	events  []string
	emit    map[string]chan emission // by input name
	fail    map[string]error         // by input name: Run fails with this
	hang    map[string]bool          // by output: Write hangs until its ctx ends
	slow    chan struct{}            // each Write, where it is set, and who lingers wait until it is closed
	logs    map[string]*memLog       // of the fake source
	more    Catalogue                // beside the fake components
}

type emission struct {
	tag    string
	values []string
	done   chan error
}

func newWorld() *world {
	return &world{
		changed: make(
			chan struct{},
		),
		got:  map[string][]string{},
		down: map[string]bool{},
		emit: map[string]chan emission{},
		fail: map[string]error{},
		hang: map[string]bool{},
		logs: map[string]*memLog{},
	}
}

func (w *world) change(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
	close(w.changed)
	w.changed = make(chan struct{})
}

func (w *world) event(format string, args ...any) {
	w.change(func() { w.events = append(w.events, fmt.Sprintf(format, args...)) })
}

// await waits until cond, which is called with the lock held.
func (w *world) await(t *testing.T, what string, cond func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		w.mu.Lock()
		ok, changed := cond(), w.changed
		w.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("timed out: %s\nevents %q\ngot %q", what, w.events, w.got)
		}
	}
}

func (w *world) has(output string, n int) func() bool {
	return func() bool { return len(w.got[output]) >= n }
}

func (w *world) channel(input string) chan emission {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.emit[input] == nil {
		w.emit[input] = make(chan emission)
	}
	return w.emit[input]
}

// send makes an input append and waits until that is durable.
func (w *world) send(t *testing.T, input, tag string, values ...string) {
	t.Helper()
	e := emission{tag, values, make(chan error, 1)}
	select {
	case w.channel(input) <- e:
	case <-time.After(20 * time.Second):
		t.Fatalf("%s takes nothing; events %q", input, w.events)
	}
	select {
	case err := <-e.done:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(20 * time.Second):
		t.Fatalf("%s: the append does not end", input)
	}
}

type fakeInputConfig struct {
	Name   string `hcl:"name" doc:"Name."`
	Mode   string `hcl:"mode,optional" doc:"Mode."`
	Listen string `hcl:"listen,optional" doc:"An address that it tells."`
}

func (c *fakeInputConfig) Listens() []string {
	if c.Listen == "" {
		return nil
	}
	return []string{"tcp://" + c.Listen}
}

type fakeInput struct {
	w   *world
	cfg fakeInputConfig
}

func (in *fakeInput) Run(ctx context.Context, sink inputs.Sink) error {
	in.w.event("run %s %s", in.cfg.Name, in.cfg.Mode)
	defer in.w.event("end %s %s", in.cfg.Name, in.cfg.Mode)
	in.w.mu.Lock()
	err := in.w.fail[in.cfg.Name]
	in.w.mu.Unlock()
	if err != nil {
		return err
	}
	n := len(sink.Positions())
	for {
		select {
		case e := <-in.w.channel(in.cfg.Name):
			if e.tag == "eof" {
				e.done <- nil
				return nil
			}
			n++
			b := batchOf(time.Now().UnixNano(), e.tag, e.values...)
			e.done <- inputs.Append(ctx, sink, b, []inputs.Position{{Key: fmt.Sprint(n), Value: []byte("x")}})
		case <-ctx.Done():
			if in.cfg.Mode == "lingers" {
				<-in.w.slow
			}
			return nil
		}
	}
}

type fakeOutputConfig struct {
	Name string `hcl:"name" doc:"Name."`
	Mode string `hcl:"mode,optional" doc:"Mode."`
}

func (c *fakeOutputConfig) Validate() error {
	if c.Mode == "invalid" {
		return errors.New("mode: must be valid")
	}
	return nil
}

type fakeWriter struct {
	w   *world
	cfg fakeOutputConfig
}

func (o *fakeWriter) Write(ctx context.Context, b *record.Batch) error {
	o.w.mu.Lock()
	down, hang, slow := o.w.down[o.cfg.Name], o.w.hang[o.cfg.Name], o.w.slow
	o.w.mu.Unlock()
	if slow != nil {
		select {
		case <-slow:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if hang {
		<-ctx.Done()
		return ctx.Err()
	}
	if down {
		return errors.New("the destination is down")
	}
	records, err := b.Records()
	if err != nil {
		return err
	}
	if o.cfg.Mode == "strict" {
		var refused []outputs.RecordError
		i := 0
		for r := range records {
			if bytes.Equal(r.Value, []byte("poison")) {
				refused = append(
					refused,
					outputs.RecordError{Index: i, Err: outputs.Permanent(errors.New("poison"))},
				)
			} else {
				o.w.change(
					func() { o.w.got[o.cfg.Name] = append(o.w.got[o.cfg.Name], b.Tag+"/"+string(r.Value)) },
				)
			}
			i++
		}
		if refused != nil {
			return &outputs.PartialError{Records: refused}
		}
		return nil
	}
	o.w.change(func() {
		for r := range records {
			o.w.got[o.cfg.Name] = append(o.w.got[o.cfg.Name], b.Tag+"/"+string(r.Value))
		}
	})
	return nil
}

func (o *fakeWriter) Close() error {
	o.w.event("close %s %s", o.cfg.Name, o.cfg.Mode)
	return nil
}

// fakeSource hands out the logs of the world.
type fakeSource struct{ w *world }

func (s *fakeSource) Run(
	ctx context.Context, handle func(context.Context, record.Log) error,
) error {
	s.w.event("source runs")
	defer s.w.event("source ends")
	var wg sync.WaitGroup
	for _, log := range s.w.logs {
		wg.Go(func() {
			if err := handle(ctx, log); err != nil {
				s.w.event("handle: %v", err)
			} else {
				s.w.event("handle: done")
			}
		})
	}
	<-ctx.Done()
	wg.Wait()
	return nil
}

type emptyConfig struct{}

func (w *world) catalogue() Catalogue {
	return append(Catalogue{
		InputType("fake", "Fake.", func() fakeInputConfig { return fakeInputConfig{} },
			func(c fakeInputConfig, _ inputs.Env) (*fakeInput, error) {
				if c.Mode == "impossible" {
					return nil, errors.New("mode: cannot be made")
				}
				return &fakeInput{w, c}, nil
			}),
		SourceType("log", "Logs.", func() emptyConfig { return emptyConfig{} },
			func(emptyConfig, inputs.Env) (*fakeSource, error) { return &fakeSource{w}, nil }),
		WriterType("fake", "Fake.", func() fakeOutputConfig { return fakeOutputConfig{} },
			func(c fakeOutputConfig, _ outputs.Env) (*fakeWriter, error) {
				if c.Mode == "impossible" {
					return nil, errors.New("mode: cannot be made")
				}
				w.event("make %s %s", c.Name, c.Mode)
				return &fakeWriter{w, c}, nil
			}),
		FilterType("grep", "Grep.", filter.DefaultGrep, filter.NewGrep),
		FilterType("parse", "Parse.", filter.DefaultParse, filter.NewParse),
		FilterType("rename_tag", "Rename.", filter.DefaultRenameTag, filter.NewRenameTag),
	}, w.more...)
}

// running is an agent in a test.
type running struct {
	*Agent
	t    *testing.T
	w    *world
	dir  string
	log  *runtest.LogBuffer
	addr string
	stop context.CancelFunc
	done chan error

	mu     sync.Mutex
	states []string // told to the service manager
}

func (r *running) notified() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.states)
}

func (r *running) notify(state string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.states = append(r.states, state)
}

var fast = restart{
	min:      5 * time.Millisecond,
	max:      20 * time.Millisecond,
	steady:   time.Minute,
	logEvery: time.Minute,
}

func loadTest(t *testing.T, w *world, dir, text string) *config.Config {
	t.Helper()
	file := filepath.Join(t.TempDir(), "a.hcl")
	text = fmt.Sprintf(
		"agent {\n data_dir = %q\n name = \"test\"\n shutdown_timeout = %q\n admin { listen = \"127.0.0.1:0\" }\n}\n",
		dir, cmp.Or(w.shutdown, "3s"),
	) + text
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, report := config.Load([]string{file}, w.catalogue().Config(), config.Options{})
	if cfg == nil {
		t.Fatal(report)
	}
	return cfg
}

// startAgent runs an agent with a data directory and waits until it is ready.
func startAgent(t *testing.T, w *world, dir, text string) *running {
	t.Helper()
	r := &running{t: t, w: w, dir: dir, log: &runtest.LogBuffer{}, done: make(chan error, 1)}
	ready := make(chan string, 1)
	log := slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	a, err := New(
		loadTest(t, w, dir, text),
		Options{
			Catalogue: w.catalogue(),
			Log:       log,
			Version:   "test",
			Notify:    r.notify,
			restart:   cmp.Or(w.restart, fast),
			OnReady:   func(addr string) { ready <- addr },
		},
	)
	if err != nil {
		t.Fatal(err)
	}
	r.Agent = a
	ctx, cancel := context.WithCancel(context.Background())
	r.stop = cancel
	go func() { r.done <- a.Run(ctx) }()
	select {
	case r.addr = <-ready:
	case err := <-r.done:
		cancel()
		t.Fatalf("the agent did not start: %v\n%s", err, r.log)
	case <-time.After(20 * time.Second):
		cancel()
		t.Fatalf("the agent does not start\n%s", r.log)
	}
	t.Cleanup(func() {
		cancel()
		r.wait()
		if t.Failed() {
			t.Log(r.log)
		}
	})
	return r
}

// wait waits for the end of Run.
func (r *running) wait() {
	r.t.Helper()
	select {
	case err := <-r.done:
		if err != nil {
			r.t.Errorf("Run: %v", err)
		}
		r.done <- nil
	case <-time.After(20 * time.Second):
		r.t.Fatalf("the agent does not stop\n%s", r.log)
	}
}

func (r *running) reload(text string) error {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return r.Agent.Reload(ctx, loadTest(r.t, r.w, r.dir, text))
}
