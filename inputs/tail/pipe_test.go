package tail

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/inputs"
	"github.com/penstock/penstock/inputs/inputstest"
	"github.com/penstock/penstock/inputs/join"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"golang.org/x/sys/unix"
)

// mkfifo makes a named pipe.
func (r *rig) mkfifo(name string) {
	r.t.Helper()
	if err := unix.Mkfifo(r.path(name), 0o600); err != nil {
		r.t.Skip(err)
	}
}

// writer opens a named pipe for writing, which waits for the tail.
func (r *rig) writer(name string) *os.File {
	r.t.Helper()
	w, err := os.OpenFile(r.path(name), os.O_WRONLY, 0)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = w.Close() })
	return w
}

// say writes text to a pipe.
func (r *rig) say(w *os.File, text string) {
	r.t.Helper()
	if _, err := w.WriteString(text); err != nil {
		r.t.Fatal(err)
	}
}

// newPipeRig starts a tail that follows one pipe.
func newPipeRig(t *testing.T, change func(*Config)) (*rig, *os.File) {
	t.Helper()
	r := newRig(t, change)
	r.mkfifo("in.log")
	r.start()
	return r, r.writer("in.log")
}

func TestNamedPipe(t *testing.T) {
	t.Parallel()
	r, w := newPipeRig(t, nil)
	var want []string
	say := func(s string) {
		r.say(w, s+"\n")
		want = append(want, s)
	}
	say("1")
	say("2")
	r.wants(want...)
	_ = w.Close() // the writer is restarted
	w = r.writer("in.log")
	for i := range 5000 {
		say(fmt.Sprintf("line %d", i))
	}
	r.halt() // what was written before is not lost
	r.wants(want...)
	_ = w.Close()
	r.start()
	w = r.writer("in.log")
	say("again")
	r.wants(want...)
}

// Whatever a file may hold may come through a pipe.
func TestPipeFraming(t *testing.T) {
	t.Parallel()
	cases := append(framings(), multilines()...)
	cases = append(
		cases,
		framingCase{
			"bytes of control",
			nil,
			"\x16\n\x16\x16\n\x00\n",
			[]string{"\x16", "\x16\x16", "\x00"},
		},
		framingCase{
			"more than a pipe holds",
			nil,
			strings.Repeat("x", 200<<10) + "\na\n",
			[]string{strings.Repeat("x", 200<<10), "a"},
		},
	)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			for _, block := range []int{0, 16, 48} {
				r := newRig(t, c.cfg)
				r.block = block
				r.mkfifo("in.log")
				r.start()
				r.say(r.writer("in.log"), c.in)
				r.wants(c.want...)
				r.halt()
				r.wants(c.want...)
			}
		})
	}
}

// In whatever pieces it comes, a pipe's content is framed like a file's.
func TestPipeComesInPieces(t *testing.T) {
	t.Parallel()
	rng := runtest.Rand(t)
	src, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = src.Close() }()
	for i := range 400 {
		c := fuzzConfig(uint8(rng.IntN(5)), rng.IntN(2) == 0, rng.IntN(2) == 0)
		if c.Multiline == nil && c.Encoding == "utf-8" {
			c.MaxLineSize, c.LongLines = 16, []string{"split", "truncate", "skip"}[i%3]
		}
		var text strings.Builder
		for range rng.IntN(20) {
			text.WriteString(strings.Repeat(string(rune('A'+rng.IntN(60))), rng.IntN(60)) + "\n")
		}
		data := []byte(text.String() + "end")
		if strings.HasPrefix(c.Encoding, "utf-16") {
			data = encode16(
				string(data), c.Encoding == "utf-16be" || i%2 == 0, c.Encoding == "utf-16",
			)
		}
		tl, err := New(c, inputstest.Env("input.tail.app", ""))
		if err != nil {
			t.Fatal(err)
		}
		want, err := frameAll(tl, data, 4096)
		if err != nil {
			t.Fatal(err)
		}
		tl.block = 2 + rng.IntN(100)
		sink := inputstest.New()
		p, err := newPipeReader(t.Context(), &run{tail: tl, sink: sink}, src, "/a")
		if err != nil {
			t.Fatal(err)
		}
		for rest := data; len(rest) > 0; {
			n := min(1+rng.IntN(50), len(rest), cap(p.held)-len(p.held))
			p.held, rest = append(p.held, rest[:n]...), rest[n:]
			if p.room() && rng.IntN(2) == 0 {
				continue
			}
			if err := p.deal(false, false); err != nil {
				t.Fatal(err)
			}
			if cs := p.file.r.charset; c.Multiline == nil && cs != nil &&
				(cs.newline(p.held) >= 0 || len(p.held) > int(c.MaxLineSize)+1) {
				t.Fatalf("%s: %q waits", c.Encoding, p.held)
			}
		}
		if err := p.deal(true, true); err != nil {
			t.Fatal(err)
		}
		if got := sink.Values(); !slices.Equal(got, want) {
			t.Fatalf(
				"%s, %s, multiline %v\n%q\ngot  %q\nwant %q", c.Encoding, c.LongLines,
				c.Multiline != nil, data, got, want,
			)
		}
	}
}

func TestPipeHeadersAndTag(t *testing.T) {
	t.Parallel()
	r, w := newPipeRig(t, func(c *Config) {
		c.PathHeader, c.OffsetHeader = "path", "offset"
		c.Tag = mustTemplate(t, "apps.${stem}")
	})
	r.say(w, "a\n\n")
	r.wants("a", "")
	r.say(w, "bb\n")
	r.wants("a", "", "bb")
	for i, rec := range r.sink.Records() {
		path, _ := rec.Header("path")
		offset, _ := rec.Header("offset")
		if string(path) != r.path("in.log") || string(offset) != []string{"0", "2", "3"}[i] ||
			rec.Tag != "apps.in" ||
			rec.Origin != "agent-1:"+r.path("in.log") {
			t.Errorf("path %q, offset %q, tag %q, origin %q", path, offset, rec.Tag, rec.Origin)
		}
	}
}

func TestPipeOfSeveralWriters(t *testing.T) {
	t.Parallel()
	r, _ := newPipeRig(t, nil)
	const writers, lines = 4, 500
	var wg sync.WaitGroup
	want := make([][]string, writers)
	for i := range writers {
		w := r.writer("in.log")
		wg.Go(func() {
			for n := range lines {
				want[i] = append(want[i], fmt.Sprintf("%d %d", i, n))
				r.say(w, want[i][n]+"\n")
			}
		})
	}
	wg.Wait()
	r.halt()
	got := make([][]string, writers)
	for _, v := range r.sink.Values() {
		i := v[0] - '0'
		got[i] = append(got[i], v)
	}
	for i := range got {
		if !slices.Equal(got[i], want[i]) {
			t.Errorf("writer %d: got %s", i, shorten(got[i]))
		}
	}
}

// A line that is not complete yet waits for its end, which may be far behind.
func TestPipeHoldsAPartialLine(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]func(*Config){
		"utf-8":  nil,
		"utf-16": func(c *Config) { c.Encoding = "utf-16be" },
		"multiline": func(c *Config) {
			c.Multiline = &Multiline{Patterns: join.Patterns{Start: "^a"}, Timeout: time.Millisecond, MaxLines: 10}
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, w := newPipeRig(t, cfg)
			say := func(s string) {
				if name == "utf-16" {
					s = string(encode16(s, true, false))
				}
				for len(s) > 0 { // in parts that cut characters
					n := min(3, len(s))
					r.say(w, s[:n])
					s = s[n:]
				}
			}
			say("a1 ü")
			r.wantsNoMore(50 * time.Millisecond)
			say(" b")
			r.wantsNoMore(50 * time.Millisecond)
			say(" c\na2")
			r.wants("a1 ü b c")
			r.wantsNoMore(50*time.Millisecond, "a1 ü b c")
			say("\n")
			r.wants("a1 ü b c", "a2")
		})
	}
}

func TestPipePartialLineTimeout(t *testing.T) {
	t.Parallel()
	r, w := newPipeRig(t, func(c *Config) { c.PartialLine = 50 * time.Millisecond })
	r.say(w, "1\nprompt> ")
	r.wants("1", "prompt> ")
	r.say(w, "yes\n")
	r.wants("1", "prompt> ", "yes")
}

func TestPipeEventTimeout(t *testing.T) {
	t.Parallel()
	r, w := newPipeRig(t, func(c *Config) {
		c.Multiline = &Multiline{Patterns: join.Patterns{Start: `^\d`}, Timeout: 500 * time.Millisecond, MaxLines: 100}
	})
	r.say(w, "1\n x\n")
	r.say(w, " y\n2\n z\npart")
	r.wants("1\n x\n y", "2\n z")
	r.say(w, "ly\n")
	r.wants("1\n x\n y", "2\n z", "partly")
}

// While the sink takes nothing, time passes without anything being taken from the pipe: an event
// that lies there whole is not cut.
func TestPipeEventOutlastsABlockedSink(t *testing.T) {
	t.Parallel()
	const timeout = time.Millisecond
	sink := &gatedSink{
		MemSink: inputstest.New(),
		entered: make(chan struct{}),
		open:    make(chan struct{}),
	}
	r := newRig(
		t,
		func(c *Config) {
			c.Multiline = &Multiline{Patterns: join.Patterns{Start: `^\d`}, Timeout: timeout, MaxLines: 100}
		},
	)
	r.sink = sink.MemSink
	p, w := r.reader(sink)
	r.say(w, "0\n1\n a\n")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.read(ctx) }()
	<-sink.entered // with 0, while 1 is pending
	r.say(w, " b\n c\n")
	since := time.Now()
	r.eventually(
		"the event would be complete", func() bool { return time.Since(since) > 2*timeout },
	)
	close(sink.open)
	r.wants("0", "1\n a\n b\n c")
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// gatedSink tells of the first append, and holds all up until it is open.
type gatedSink struct {
	*inputstest.MemSink
	once          sync.Once
	entered, open chan struct{}
}

func (s *gatedSink) Append(
	ctx context.Context, b *record.Batch, p []inputs.Position, done func(error),
) error {
	s.once.Do(func() { close(s.entered) })
	<-s.open
	return s.MemSink.Append(ctx, b, p, done)
}

// reader makes a pipe and returns a reader of it without a tail around it, and its writer.
func (r *rig) reader(sink inputs.Sink) (*pipeReader, *os.File) {
	r.t.Helper()
	return r.readerUntil(r.t.Context(), sink)
}

// readerUntil is reader; it appends until ctx ends.
func (r *rig) readerUntil(ctx context.Context, sink inputs.Sink) (*pipeReader, *os.File) {
	r.t.Helper()
	r.mkfifo("in.log")
	fi, err := statPath(r.path("in.log"))
	if err != nil {
		r.t.Fatal(err)
	}
	src, err := openFIFO(r.path("in.log"), fi.id)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = src.Close() })
	if r.tail, err = New(r.cfg, inputstest.Env("input.tail.app", r.t.TempDir())); err != nil {
		r.t.Fatal(err)
	}
	if r.block > 0 {
		r.tail.block = r.block
	}
	p, err := newPipeReader(ctx, &run{tail: r.tail, sink: sink}, src, r.path("in.log"))
	if err != nil {
		r.t.Fatal(err)
	}
	return p, r.writer("in.log")
}

// inPipe tells how much is in the pipe that w writes to.
func (r *rig) inPipe(w *os.File) (n int) {
	r.t.Helper()
	conn, err := w.SyscallConn()
	if err == nil {
		if cerr := conn.Control(func(fd uintptr) { n, err = inPipe(int(fd)) }); err == nil {
			err = cerr
		}
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return n
}

// allTaken waits until all that was written to a pipe has been taken.
func (r *rig) allTaken(w *os.File) {
	r.t.Helper()
	r.eventually("the pipe is empty", func() bool { return r.inPipe(w) == 0 })
}

func TestPipeStopsInMidLine(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]framingCase{
		"a line": {in: "1\nhalf a", want: []string{"1", "half a"}},
		"an event": {cfg: func(c *Config) {
			c.Multiline = &Multiline{Patterns: join.Patterns{Start: `^\d`}, Timeout: time.Hour, MaxLines: 9}
		}, in: "1\n x\n y", want: []string{"1\n x\n y"}},
		"a long line":         {cfg: func(c *Config) { c.MaxLineSize, c.PartialLine = 16, time.Hour }, in: strings.Repeat("x", 40), want: []string{strings.Repeat("x", 16), strings.Repeat("x", 16), strings.Repeat("x", 8)}},
		"what is skipped":     {cfg: func(c *Config) { c.MaxLineSize, c.LongLines = 16, "truncate" }, in: strings.Repeat("x", 40), want: []string{strings.Repeat("x", 16)}},
		"a character":         {cfg: func(c *Config) { c.Encoding = "utf-16" }, in: "x\x00y", want: []string{"x\uFFFD"}},
		"the first character": {cfg: func(c *Config) { c.Encoding = "utf-16" }, in: "x", want: []string{"\uFFFD"}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, taken := range []bool{true, false} {
				r, w := newPipeRig(t, c.cfg)
				r.say(w, c.in)
				if taken {
					r.allTaken(w)
				}
				r.halt()
				r.wants(c.want...)
			}
		})
	}
}

// A pipe may be written to for ever, faster than it is read: what is written after the stop is not
// waited for.
func TestPipeStopEnds(t *testing.T) {
	t.Parallel()
	sink := &echoSink{MemSink: inputstest.New()}
	r := newRig(t, func(c *Config) { c.MaxLineSize = 16 })
	r.block = 16
	p, w := r.reader(sink)
	sink.echo = func() {
		if r.inPipe(w) < 2000 {
			r.say(w, strings.Repeat("x", 1000)+"\n")
		}
	}
	sink.echo()
	done := make(chan error, 1)
	go func() { done <- p.finish() }()
	select {
	case err := <-done:
		if n := len(sink.Values()); err != nil || n != 1+1000/16 {
			t.Errorf("%d pieces; %v", n, err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the stop does not end")
		sink.Crash()
	}
}

// echoSink has something written for every append.
type echoSink struct {
	*inputstest.MemSink
	echo func()
}

func (s *echoSink) Append(
	ctx context.Context, b *record.Batch, p []inputs.Position, done func(error),
) error {
	s.echo()
	return s.MemSink.Append(ctx, b, p, done)
}

// While the sink takes nothing, the pipe's writer waits. What was taken is not lost, whatever
// happens then.
func TestPipeBackPressure(t *testing.T) {
	t.Parallel()
	for name, goOn := range map[string]func(r *rig){
		"the sink goes on": func(r *rig) { r.sink.Unblock() },
		"the sink fails for a while": func(r *rig) {
			r.sink.Fail(errors.New("no"))
			r.sink.Unblock()
			r.eventually("counted", func() bool { return testutil.ToFloat64(r.tail.counts.errors.WithLabelValues("pipe")) > 1 })
			r.sink.Fail(nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, w := newPipeRig(t, nil)
			r.sink.Block()
			var want []string
			for i := range 400 {
				want = append(want, fmt.Sprintf("%d %s", i, strings.Repeat("x", 20_000)))
			}
			written := make(chan error, 1)
			go func() {
				_, err := w.WriteString(strings.Join(want, "\n") + "\n")
				written <- err
			}()
			r.eventually("the pipe is full", func() bool { return r.inPipe(w) > 60_000 })
			select {
			case <-written:
				t.Error("the writer did not have to wait")
			case <-time.After(100 * time.Millisecond):
			}
			goOn(r)
			r.wants(want...)
			if err := <-written; err != nil {
				t.Error(err)
			}
		})
	}
}

// A stop while the sink takes nothing does not lose what was taken if the sink goes on soon.
func TestPipeStopsWhileTheSinkIsBlocked(t *testing.T) {
	t.Parallel()
	r, w := newPipeRig(t, nil)
	r.sink.Block()
	r.say(w, "1\n")
	r.allTaken(w)
	r.say(w, "2\n3")
	q := r.tail.run.Load().queue
	done := make(chan error, 1)
	stop := r.stop
	r.stop = nil
	go func() { done <- stop() }()
	r.eventually("stopped", func() bool {
		q.mu.Lock()
		defer q.mu.Unlock()
		return q.closed
	})
	r.sink.Unblock()
	if err := <-done; err != nil {
		t.Error(err)
	}
	r.wants("1", "2", "3")
}

// What the sink does not take in time is not lost in silence.
func TestPipeTellsOfALoss(t *testing.T) {
	t.Parallel()
	for name, from := range map[string]func(*pipeReader) error{
		"reading":  func(p *pipeReader) error { return p.read(t.Context()) },
		"stopping": (*pipeReader).finish,
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, nil)
			r.sink.Block()
			ctx, cancel := context.WithCancel(t.Context())
			p, w := r.readerUntil(ctx, r.sink)
			r.say(w, "1\n")
			done := make(chan error, 1)
			go func() { done <- from(p) }()
			r.allTaken(w)
			cancel()
			select {
			case err := <-done:
				if !errors.Is(err, context.Canceled) {
					t.Errorf("error %v", err)
				}
			case <-time.After(10 * time.Second):
				t.Error("it waits for ever")
			}
		})
	}
}

func TestPipeIsReplaced(t *testing.T) {
	t.Parallel()
	r, w := newPipeRig(t, nil)
	r.say(w, "1\nhalf")
	r.wants("1")
	r.remove("in.log")
	r.wants("1", "half") // nobody will write the rest
	r.mkfifo("in.log")
	w = r.writer("in.log")
	r.say(w, "2\n")
	r.wants("1", "half", "2")
}

func TestPipeCannotBeOpened(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.mkfifo("in.log")
	for _, id := range []ident{{}, {1, 1}} {
		if f, err := openFIFO(r.path("in.log"), id); err == nil {
			_ = f.Close()
			t.Error("another pipe is opened")
		}
	}
	r.write("plain.log", "")
	fi, err := statPath(r.path("plain.log"))
	if err != nil {
		t.Fatal(err)
	}
	if f, err := openFIFO(r.path("plain.log"), fi.id); err == nil {
		_ = f.Close()
		t.Error("a file is opened for a pipe")
	}
}

// However long a line is, no more of it is held than the longest one allowed needs.
func TestPipeHugeLineNeedsLittleMemory(t *testing.T) { // measures the process: by itself
	const maxLine, size = 1 << 20, 64 << 20
	for policy, long := range map[string]int{"split": size / maxLine, "truncate": 1, "skip": 0} {
		t.Run(policy, func(t *testing.T) {
			sink := &tallySink{values: map[string]int{}, until: "last", seen: make(chan struct{})}
			r := newRig(t, func(c *Config) { c.LongLines = policy; c.MaxLineSize = maxLine })
			p, w := r.reader(sink)
			before := heapFromSystem()
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- p.read(ctx) }()
			r.say(w, "first\n")
			part := string(bytes.Repeat([]byte("x"), 1<<20))
			for range size >> 20 {
				r.say(w, part)
			}
			r.say(w, "\nlast\n")
			select {
			case <-sink.seen:
			case <-time.After(30 * time.Second):
				t.Error("the last line does not come")
			}
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
			if cap(p.held) > r.tail.bufferSize() {
				t.Errorf("%d bytes are held", cap(p.held))
			}
			if grown := heapFromSystem() - before; grown > 32<<20 {
				t.Errorf("took %d MiB", grown>>20)
			}
			if sink.long != long || sink.values["first"] != 1 || sink.values["last"] != 1 {
				t.Errorf("%d long records, others %v", sink.long, sink.values)
			}
			if testutil.ToFloat64(r.tail.counts.long) == 0 {
				t.Error("not counted")
			}
		})
	}
}

// A batch's worth is framed at once, whatever longer lines might need.
func TestPipeHoldsNoMoreThanABatch(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.MaxLineSize = 64 << 20 })
	p, _ := r.reader(inputstest.New())
	for p.room() {
		p.held = p.held[:cap(p.held)]
	}
	if len(p.held) > blockSize {
		t.Errorf("%d bytes are held", len(p.held))
	}
}
