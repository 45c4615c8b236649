package tail

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/inputs/inputstest"
	"github.com/penstock/penstock/inputs/join"
)

// cri writes a line as containerd does: stream and tag, and the text.
func cri(n int, stream, tag, text string) string {
	return fmt.Sprintf("2026-11-28T01:02:03.%dZ %s %s %s\n", n, stream, tag, text)
}

// docker writes a line as the json-file driver does.
func docker(n int, stream, log string) string {
	return fmt.Sprintf(`{"log":%q,"stream":%q,"time":"2026-11-28T01:02:03.%dZ"}`+"\n", log, stream, n)
}

// boxed returns what a record of a container's log says of itself, for tests.
func boxed(rec inputstest.Record) string {
	stream, _ := rec.Header("stream")
	return fmt.Sprintf("%s: %s", stream, rec.Value)
}

func javaTraces() *Multiline {
	return &Multiline{
		Patterns: join.Patterns{Presets: []string{"java"}}, Timeout: 200 * time.Millisecond,
		MaxLines: 100,
	}
}

type containerCase struct {
	name string
	cfg  func(*Config)
	in   string
	want []string
}

func containerCases() []containerCase {
	part := strings.Repeat("p", 16<<10)
	return []containerCase{
		{"parts of two streams", nil,
			"2026-11-28T01:02:03.1Z stdout P a\n2026-11-28T01:02:03.1Z stderr P x\n" +
				"2026-11-28T01:02:03.1Z stdout F b\n" + cri(2, "stderr", "F", "y"),
			[]string{"stdout: ab", "stderr: xy"}},
		{"docker", nil,
			docker(1, "stdout", part) + docker(2, "stderr", "e\n") + docker(3, "stdout", part) +
				docker(4, "stdout", "end\r\n") + docker(5, "stdout", "\n") +
				docker(6, "stderr", "a\tb \"c\" \\ ü\n"),
			[]string{"stderr: e", "stdout: " + part + part + "end", "stdout: ", "stderr: a\tb \"c\" \\ ü"}},
		{"told by each line", nil,
			cri(1, "stdout", "F", "cri") + docker(2, "stderr", "docker\n") + "neither\n" +
				"2026-11-28T01:02:03Z stdout  a\n" +
				`{"a":1}` + "\n" + cri(3, "stdout", "F:x", "tags") +
				"2026-11-28T01:02:03+01:00 stdout F\n",
			[]string{"stdout: cri", "stderr: docker", ": neither", ": 2026-11-28T01:02:03Z stdout  a", `: {"a":1}`, "stdout: tags", "stdout: "}},
		{"a java trace in two streams", func(c *Config) { c.Multiline = javaTraces() },
			cri(1, "stdout", "F", "x.Error: out") + cri(2, "stderr", "F", "x.Error: err") +
				cri(3, "stdout", "P", "\tat a.") + cri(4, "stderr", "F", "\tat e.f(E.java:1)") +
				cri(5, "stdout", "F", "b(C.java:1)") + cri(6, "stderr", "F", "Caused by: y.Z") +
				cri(7, "stdout", "F", "done") + cri(8, "stderr", "F", "done"),
			[]string{
				"stdout: x.Error: out\n\tat a.b(C.java:1)", "stdout: done",
				"stderr: x.Error: err\n\tat e.f(E.java:1)\nCaused by: y.Z", "stderr: done",
			}},
		{"longer than allowed, split", func(c *Config) { c.MaxLineSize = 16 },
			cri(1, "stdout", "P", "0123456789") + cri(2, "stdout", "P", "abcdefghij") +
				cri(3, "stdout", "F", "k") + cri(4, "stdout", "F", strings.Repeat("z", 20)),
			[]string{"stdout: 0123456789", "stdout: abcdefghijk", "stdout: zzzzzzzzzzzzzzzz", "stdout: zzzz"}},
		{"longer than allowed, truncated", func(c *Config) { c.MaxLineSize, c.LongLines = 16, "truncate" },
			cri(1, "stdout", "P", "0123456789") + cri(2, "stdout", "P", "abcdefghij") +
				cri(3, "stdout", "F", "k") + cri(4, "stdout", "F", "next"),
			[]string{"stdout: 0123456789abcdef", "stdout: next"}},
		{"longer than allowed, skipped", func(c *Config) { c.MaxLineSize, c.LongLines = 16, "skip" },
			cri(1, "stdout", "P", "0123456789") + cri(2, "stdout", "P", "abcdefghij") +
				cri(3, "stdout", "F", "k") + cri(4, "stdout", "F", "next"),
			[]string{"stdout: next"}},
	}
}

func TestContainers(t *testing.T) {
	for _, c := range containerCases() {
		t.Run(c.name, func(t *testing.T) {
			for _, block := range []int{0, 16, 48} {
				r := newRig(t, func(cfg *Config) {
					cfg.Container = true
					if c.cfg != nil {
						c.cfg(cfg)
					}
				})
				r.block = block
				if block > 0 && r.cfg.MaxLineSize == 16 {
					continue // lines of the runtime would be cut
				}
				r.write("a.log", c.in)
				r.start()
				r.wantsBoxed(c.want...)
				r.halt()
			}
		})
	}
}

// wantsBoxed waits for exactly these records, those of each stream in this order.
func (r *rig) wantsBoxed(want ...string) {
	r.t.Helper()
	r.eventually(fmt.Sprint(len(want), " records"), func() bool { return len(r.sink.Records()) >= len(want) })
	var got []string
	for _, rec := range r.sink.Records() {
		got = append(got, boxed(rec))
	}
	for _, list := range []*[]string{&got, &want} {
		slices.SortStableFunc(*list, func(a, b string) int { return strings.Compare(a[:strings.Index(a, ":")], b[:strings.Index(b, ":")]) })
	}
	if !slices.Equal(got, want) {
		r.t.Fatalf("got  %s\nwant %s\n%s", shorten(got), shorten(want), r.state())
	}
}

func TestContainersTimeAndHeaders(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Container, c.OffsetHeader = true, "offset" })
	dir := r.path("pods/web_shop-1_0b7a2d/nginx")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	r.cfg.Paths = []string{r.path("pods/*/*/*.log")}
	in := cri(1, "stdout", "P", "a") + cri(25, "stderr", "F", "b") + cri(3, "stdout", "F", "c") +
		`{"log":"d\n","stream":"stdout","attrs":{"tag":"t"},"time":"2026-11-28T02:02:03.000000001+01:00"}` + "\n"
	if err := os.WriteFile(dir+"/0.log", []byte(in), 0o644); err != nil {
		t.Fatal(err)
	}
	r.start()
	r.wantsBoxed("stderr: b", "stdout: ac", "stdout: d")
	var got []string
	for _, rec := range r.sink.Records() {
		s := time.Unix(0, rec.Time).UTC().Format(time.RFC3339Nano) + " " + string(rec.Value)
		for _, h := range rec.Headers {
			s += fmt.Sprintf(" %s=%s", h.Key, h.Value)
		}
		got = append(got, s)
	}
	pod := " namespace=web pod=shop-1 container=nginx uid=0b7a2d"
	want := []string{
		"2026-11-28T01:02:03.25Z b" + pod + " stream=stderr offset=34",
		"2026-11-28T01:02:03.1Z ac" + pod + " stream=stdout offset=0",
		"2026-11-28T01:02:03.000000001Z d" + pod + ` stream=stdout attrs={"tag":"t"} offset=103`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestPathsOfContainers(t *testing.T) {
	id := strings.Repeat("0f", 32)
	links := map[string]string{
		"/var/log/containers/shop.v2-1_web_nginx-" + id + ".log": "/var/log/pods/web_shop.v2-1_0b7a/nginx/3.log",
		"/var/log/containers/moved_web_nginx-" + id + ".log":     "/var/log/pods/web_another_0b7a/nginx/3.log",
	}
	readlink := func(p string) (string, error) {
		if to := links[p]; to != "" {
			return to, nil
		}
		return "", errors.New("no link")
	}
	for path, want := range map[string]string{
		"/var/log/pods/web_shop.v2-1_0b7a/nginx/0.log":                   "namespace=web pod=shop.v2-1 container=nginx uid=0b7a",
		"/var/log/pods/web_shop_0b7a/nginx/0.log.20261128-010203.gz":     "namespace=web pod=shop container=nginx uid=0b7a",
		"/var/log/containers/shop.v2-1_web_nginx-" + id + ".log":         "namespace=web pod=shop.v2-1 container=nginx uid=0b7a container_id=" + id,
		"/var/log/containers/moved_web_nginx-" + id + ".log":             "namespace=web pod=moved container=nginx container_id=" + id,
		"/var/lib/docker/containers/" + id + "/" + id + "-json.log":      "container_id=" + id,
		"/var/lib/docker/containers/" + id + "/" + id + "-json.log.1.gz": "container_id=" + id,
		"/var/log/pods/a/b/c.log":                                        "",
		"/var/log/app.log":                                               "",
		"/a-json.log":                                                    "",
	} {
		var got []string
		for _, h := range kubeHeaders(path, readlink) {
			got = append(got, h.Key+"="+string(h.Value))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
}

// A part whose rest does not come is delivered after a while, and so is the end of a trace.
func TestContainersDoNotWaitForEver(t *testing.T) {
	r := newRig(t, func(c *Config) {
		c.Container, c.Multiline, c.PartialLine = true, javaTraces(), 100*time.Millisecond
	})
	r.write("a.log", cri(1, "stdout", "P", "prompt> ")+cri(2, "stderr", "F", "x.Error: no"))
	r.start()
	r.wantsBoxed("stdout: prompt> ", "stderr: x.Error: no")
	r.write("a.log", cri(3, "stdout", "F", "rest"))
	r.wantsBoxed("stdout: prompt> ", "stdout: rest", "stderr: x.Error: no")
	r.halt()
	r.start()
	r.write("a.log", cri(4, "stdout", "F", "on"))
	r.wantsBoxed("stdout: prompt> ", "stdout: rest", "stdout: on", "stderr: x.Error: no")
}

// A stop between the parts of one stream loses nothing, and repeats nothing of the other.
func TestContainersGoOnBetweenParts(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Container = true })
	r.write("a.log", cri(1, "stdout", "P", "a")+cri(2, "stderr", "P", "x")+cri(3, "stdout", "F", "b")+
		cri(4, "stdout", "F", "c"))
	r.start()
	r.wantsBoxed("stdout: ab", "stdout: c")
	r.halt()
	r.rename("a.log", "a.log.1") // while nobody looks, and as kubelet does
	r.compress("a.log.1", ".gz")
	r.write("a.log", cri(5, "stdout", "F", "new"))
	r.start()
	r.wantsBoxed("stdout: ab", "stdout: c", "stdout: new", "stderr: x")
}

// What a pipe brings is joined, too, and nobody is busy while more is waited for.
func TestContainersInAPipe(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) {
		c.Container, c.Multiline, c.PartialLine = true, javaTraces(), 400*time.Millisecond
		c.Multiline.Timeout = 20 * time.Millisecond
	})
	p, w := r.reader(r.sink)
	frames := 0
	p.framer.box.now = func() time.Time { frames++; return time.Now() }
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- p.read(ctx) }()
	r.say(w, cri(1, "stdout", "P", "a")+cri(2, "stderr", "F", "x.Error: no")+cri(3, "stdout", "F", "b"))
	r.wantsBoxed("stdout: ab", "stderr: x.Error: no")
	r.say(w, cri(4, "stdout", "P", "prompt> "))
	r.wantsBoxed("stdout: ab", "stdout: prompt> ", "stderr: x.Error: no")
	r.say(w, cri(5, "stdout", "P", "unfinished"))
	r.allTaken(w)
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err := p.finish(); err != nil {
		t.Fatal(err)
	}
	r.wantsBoxed("stdout: ab", "stdout: prompt> ", "stdout: unfinished", "stderr: x.Error: no")
	if frames > 100 {
		t.Errorf("framed %d times", frames)
	}
}

// unboxed frames lines the simple way: whole streams, without events.
func unboxed(lines []string) (out [streams][]string) {
	var held [streams]string
	var open [streams]bool
	for _, line := range lines {
		p, ok := parseContainerLine([]byte(strings.TrimSuffix(line, "\n")))
		if !ok {
			if open[noStream] {
				out[noStream] = append(out[noStream], held[noStream])
				held[noStream], open[noStream] = "", false
			}
			out[noStream] = append(out[noStream], strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r"))
			continue
		}
		held[p.stream] += string(p.text)
		if open[p.stream] = p.partial; !p.partial {
			out[p.stream] = append(out[p.stream], held[p.stream])
			held[p.stream] = ""
		}
	}
	for s := range held {
		if open[s] {
			out[s] = append(out[s], held[s])
		}
	}
	return out
}

// crashing frames data in blocks of varying size, and forgets at random everything but the position
// after the last batch, as a crash does.
func crashing(t *testing.T, tl *Tail, data []byte, rnd *rand.Rand) (out [streams][]string) {
	t.Helper()
	r := &run{tail: tl, queue: newQueue()}
	f := &file{firstPath: "/a"}
	f.setPath("/a", "/a")
	src := bytes.NewReader(data)
	crashes := 6
	for range 20*len(data) + 10 {
		tl.block = 80 + rnd.IntN(200)
		w := newWorker(r)
		b := block{base: f.r.off}
		var fr framed
		f.r.finish = true
		eof, err := w.readFrom(f, src, &b, &fr, cmdRead)
		if err != nil {
			t.Fatal(err)
		}
		crash := crashes > 0 && rnd.IntN(8) == 0
		if b.end > 0 || len(b.logged) > 0 {
			if err := w.advanceFrom(f, src, &b); err != nil {
				t.Fatal(err)
			}
			for _, e := range w.enc.encode(f, "/a", f.r.charset, &b) {
				if crash && rnd.IntN(2) == 0 {
					break // and this has not been stored
				}
				if e.batch != nil {
					recs, err := e.batch.Records()
					if err != nil {
						t.Fatal(err)
					}
					for rec := range recs {
						s := noStream
						if h, ok := rec.Header("stream"); ok {
							s = map[string]int{"stdout": stdout, "stderr": stderr}[string(h)]
						}
						out[s] = append(out[s], string(rec.Value))
					}
				}
				pos := f.position(e.fingerprints, e.skip)
				pos.Upto = e.upto.stored(pos.Off)
				f.last.Store(pos)
			}
		}
		last := f.last.Load()
		switch {
		case crash:
			crashes--
			f = &file{firstPath: "/a"}
			f.setPath("/a", "/a")
			if last == nil {
				break
			}
			stored, _, bad := decodePositions(map[string][]byte{"k": last.stored().Value})
			if len(bad) > 0 {
				t.Fatal(bad)
			}
			f.last.Store(f.goOnAt(stored[0]))
			if same, err := f.r.matches(src, make([]byte, headSize)); !same || err != nil {
				t.Fatalf("the file is not known again at %+v", last)
			}
		case eof && b.end == 0:
			if last == nil || last.Off != int64(len(data)) || last.Upto != nil {
				t.Fatalf("ends at %+v of %d", last, len(data))
			}
			return out
		}
	}
	t.Fatal("does not end")
	return out
}

func containerConfig() Config {
	c := Default()
	c.Paths, c.Container = []string{"/a"}, true
	return c
}

// Whatever is interleaved, wherever blocks end, and whenever the agent is killed: every line of a
// stream once, in order.
func TestContainersSurviveCrashesAnywhere(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	for round := range 60 {
		rnd := rand.New(rand.NewPCG(seed, uint64(round)))
		var lines []string
		for i := range 60 {
			stream := []string{"stdout", "stderr"}[rnd.IntN(2)]
			text := fmt.Sprint(i, strings.Repeat("x", rnd.IntN(30)))
			switch rnd.IntN(6) {
			case 0:
				lines = append(lines, fmt.Sprint("foreign ", i, "\n"))
			case 1, 2:
				lines = append(lines, cri(i+1, stream, "P", text))
			case 3:
				lines = append(lines, docker(i+1, stream, text))
			default:
				lines = append(lines, cri(i+1, stream, "F", text))
			}
		}
		// A file that is finished has the rest of its lines flushed: whole ones, here.
		lines = append(lines, cri(1, "stdout", "F", "end"), cri(1, "stderr", "F", "end"))
		cfg := containerConfig()
		tl, err := New(cfg, inputstest.Env("input.tail.crash", ""))
		if err != nil {
			t.Fatal(err)
		}
		got := crashing(t, tl, []byte(strings.Join(lines, "")), rnd)
		if want := unboxed(lines); !slices.EqualFunc(got[:], want[:], slices.Equal) {
			t.Fatalf("seed %d, round %d:\n%s\ngot  %q\nwant %q", seed, round, strings.Join(lines, ""), got, want)
		}
	}
}

// FuzzContainers compares what is made of the log of a container in small blocks with the same in
// one.
func FuzzContainers(f *testing.F) {
	for _, c := range containerCases() {
		if len(c.in) < 4<<10 {
			f.Add([]byte(c.in), uint8(80), true)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, block uint8, traces bool) {
		var got [2][]string
		for i, size := range []int{max(2, int(block)), 16 << 10} {
			c := containerConfig()
			if traces {
				c.Multiline = javaTraces()
				c.Multiline.Timeout = time.Hour
			}
			c.PartialLine = time.Hour
			tl, err := New(c, inputstest.Env("input.tail.fuzz", ""))
			if err != nil {
				t.Fatal(err)
			}
			if got[i], err = frameAll(tl, data, size); err != nil {
				t.Fatal(err)
			}
		}
		if !slices.Equal(got[0], got[1]) {
			t.Errorf("in blocks of %d %q, whole %q", block, got[0], got[1])
		}
	})
}

func FuzzContainerLine(f *testing.F) {
	f.Add([]byte(cri(1, "stdout", "P", "a")))
	f.Add([]byte(docker(1, "stdout", "a\n")))
	f.Add([]byte(`{"log":"a","attrs":{"b":1},"log":2}`))
	f.Add([]byte("2026-11-28T01:02:03Z stdout F"))
	f.Add([]byte("2026-11-28T01:02:03Z stdout  a"))
	f.Fuzz(func(t *testing.T, line []byte) {
		p, ok := parseContainerLine(line)
		if !ok && p.stream != noStream || len(p.text) > 3*len(line) {
			t.Errorf("%q: %+v", line, p)
		}
	})
}

func BenchmarkContainerCRI(b *testing.B) {
	benchContainer(b, cri(123456789, "stdout", "F", strings.Repeat("x", 100)))
}
func BenchmarkContainerDocker(b *testing.B) {
	benchContainer(b, docker(123456789, "stdout", strings.Repeat("x", 100)+"\n"))
}

// benchContainer frames and encodes; an operation is a line.
func benchContainer(b *testing.B, line string) {
	tl, err := New(containerConfig(), inputstest.Env("input.tail.bench", ""))
	if err != nil {
		b.Fatal(err)
	}
	r := &run{tail: tl, queue: newQueue()}
	w := newWorker(r)
	data := bytes.Repeat([]byte(line), tl.block/len(line))
	f := &file{firstPath: "/a", tag: "t", origin: "o"}
	f.setPath("/a", "/a")
	b.ReportAllocs()
	for n := 0; n < b.N; n += tl.block / len(line) {
		f.r = readState{charset: csUTF8}
		blk := block{raw: data, logged: w.logged[:0]}
		w.framer.frame(&blk, &f.r, false, false, false)
		w.logged = blk.logged
		for _, e := range w.enc.encode(f, "/a", csUTF8, &blk) {
			e.batch.Release()
		}
	}
}
