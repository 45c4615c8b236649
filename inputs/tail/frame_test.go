package tail

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/inputs/inputstest"
	"github.com/penstock/penstock/inputs/join"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func encode16(s string, big, bom bool) []byte {
	units := utf16.Encode([]rune(s))
	if bom {
		units = append([]uint16{0xFEFF}, units...)
	}
	var b []byte
	for _, u := range units {
		if big {
			b = append(b, byte(u>>8), byte(u))
		} else {
			b = append(b, byte(u), byte(u>>8))
		}
	}
	return b
}

// framingCase is what comes of a file that holds in.
type framingCase struct {
	name string
	cfg  func(*Config)
	in   string
	want []string
}

func framings() []framingCase {
	long := strings.Repeat("x", 100)
	return []framingCase{
		{"CRLF", nil, "a\r\nb\r\n\r\nc\n", []string{"a", "b", "", "c"}},
		{"CR inside", nil, "a\rb\r\r\n", []string{"a\rb\r"}},
		{"empty lines kept", nil, "\n\na\n\n", []string{"", "", "a", ""}},
		{
			"empty lines skipped",
			func(c *Config) { c.EmptyLines = "skip" },
			"\n\r\n\na\n\n",
			[]string{"a"},
		},
		{
			"NUL and invalid UTF-8",
			nil,
			"a\x00b\n\xff\xfe\x80\n",
			[]string{"a\x00b", "\xff\xfe\x80"},
		},
		{"byte order mark", nil, "\xef\xbb\xbfa\nb\n", []string{"a", "b"}},
		{
			"latin-1",
			func(c *Config) { c.Encoding = "latin-1" },
			"caf\xe9\n\xfc\r\n",
			[]string{"café", "ü"},
		},
		{
			"utf-16 little endian by mark",
			func(c *Config) { c.Encoding = "utf-16" },
			string(encode16("a\nü\U0001F600ਊ\r\n\nz\n", false, true)),
			[]string{"a", "ü\U0001F600ਊ", "", "z"},
		},
		{
			"utf-16 big endian by mark",
			func(c *Config) { c.Encoding = "utf-16" },
			string(encode16("a\nü\U0001F600ਊ\r\n\nz\n", true, true)),
			[]string{"a", "ü\U0001F600ਊ", "", "z"},
		},
		{
			"utf-16le without mark",
			func(c *Config) { c.Encoding = "utf-16le" },
			string(encode16("a\nĊ੊\n", false, false)),
			[]string{"a", "Ċ੊"},
		},
		{
			"utf-16be without mark",
			func(c *Config) { c.Encoding = "utf-16be" },
			string(encode16("a\nĊ੊\n", true, false)),
			[]string{"a", "Ċ੊"},
		},
		{
			"split",
			func(c *Config) { c.MaxLineSize = 40 },
			"a\n" + long + "\nb\n",
			[]string{"a", long[:40], long[:40], long[:20], "b"},
		},
		{
			"split between characters",
			func(c *Config) { c.MaxLineSize = 16 },
			strings.Repeat("ü€", 7) + "\n",
			[]string{"ü€ü€ü€", "ü€ü€ü€", "ü€"},
		},
		{
			"truncate",
			func(c *Config) { c.MaxLineSize = 40; c.LongLines = "truncate" },
			"a\n" + long + "\nb\n",
			[]string{"a", long[:40], "b"},
		},
		{
			"skip",
			func(c *Config) { c.MaxLineSize = 40; c.LongLines = "skip" },
			"a\n" + long + "\nb\n",
			[]string{"a", "b"},
		},
		{
			"exactly as long as allowed",
			func(c *Config) { c.MaxLineSize = 100; c.LongLines = "skip" },
			long + "\n" + long + "\r\n" + "y" + long + "\n",
			[]string{long, long},
		},
	}
}

func TestFraming(t *testing.T) {
	t.Parallel()
	for _, c := range framings() {
		t.Run(c.name, func(t *testing.T) {
			for _, block := range []int{0, 16, 48} {
				r := newRig(t, c.cfg)
				r.block = block
				r.write("a.log", c.in)
				r.start()
				r.wants(c.want...)
				r.wantsNoMore(50*time.Millisecond, c.want...)
				r.halt()
			}
		})
	}
}

func multilines() []framingCase {
	start := func(c *Config) {
		c.Multiline = &Multiline{Patterns: join.Patterns{Start: `^\d`}, Timeout: 150 * time.Millisecond, MaxLines: 4}
	}
	return []framingCase{
		{"start", start, "1 a\n  b\r\n  c\n2\n3\n", []string{"1 a\n  b\n  c", "2", "3"}},
		{"before the first start", start, "x\ny\n1\n", []string{"x\ny", "1"}},
		{"max lines", start, "1\na\nb\nc\nd\ne\n2\n", []string{"1\na\nb\nc", "d\ne", "2"}},
		{"continue", func(c *Config) {
			c.Multiline = &Multiline{Patterns: join.Patterns{Continue: `^\s`}, Timeout: 150 * time.Millisecond,
				MaxLines: 100,
			}
		}, "a\n b\n\n c\nd\n", []string{"a\n b", "\n c", "d"}},
		{"mysql: a line that only sometimes stands before the first", func(c *Config) {
			start(c)
			c.Multiline.Patterns = join.Patterns{Start: "^(T|U)", ContinueAfter: "^T"}
		}, "T1\nU1\nq\nU2\nr\nT3\nU3\nq\n", []string{"T1\nU1\nq", "U2\nr", "T3\nU3\nq"}},
		{"start and end", func(c *Config) {
			start(c)
			c.Multiline.Patterns = join.Patterns{Start: "^B", End: "^E"}
		}, "x\nB1\na\nE\ny\nB2\nb\n", []string{"x", "B1\na\nE", "y", "B2\nb"}},
		{"presets", func(c *Config) {
			start(c)
			c.Multiline.MaxLines = 100
			c.Multiline.Presets = []string{"java", "python"}
			c.Multiline.Start = ""
		}, "a\nx.E: no\nx.Error: no\n\tat a.b(C.java:1)\nb\n" +
			"Traceback (most recent call last):\n  File x\nValueError: 1\n", []string{
			"a", "x.E: no", "x.Error: no\n\tat a.b(C.java:1)", "b",
			"Traceback (most recent call last):\n  File x\nValueError: 1",
		}},
		{
			"utf-16",
			func(c *Config) { start(c); c.Encoding = "utf-16" },
			string(encode16("1 ü\n ä\n2\n", true, true)),
			[]string{"1 ü\n ä", "2"},
		},
		{
			"max size",
			func(c *Config) { start(c); c.MaxLineSize = 20 },
			"1 aaaaaaaa\n bbbbbbbb\n cc\n2\n",
			[]string{"1 aaaaaaaa\n bbbbbbbb", " cc", "2"},
		},
		{
			"long line",
			func(c *Config) { start(c); c.MaxLineSize = 20 },
			"1\n" + strings.Repeat("b", 50) + "\n2\n",
			[]string{
				"1",
				strings.Repeat("b", 20),
				strings.Repeat("b", 20),
				strings.Repeat("b", 10),
				"2",
			},
		},
	}
}

func TestMultiline(t *testing.T) {
	t.Parallel()
	for _, c := range multilines() {
		t.Run(c.name, func(t *testing.T) {
			for _, block := range []int{0, 16, 48} {
				r := newRig(t, c.cfg)
				r.block = block
				r.write("a.log", c.in)
				r.start()
				r.wants(c.want...)
				r.halt()
				r.start()
				r.wantsNoMore(300*time.Millisecond, c.want...)
				r.halt()
			}
		})
	}
}

func TestMultilineWaitsForTheEvent(t *testing.T) {
	t.Parallel()
	r := newRig(
		t,
		func(c *Config) {
			c.Multiline = &Multiline{Patterns: join.Patterns{Start: `^\d`}, Timeout: time.Hour, MaxLines: 100}
		},
	)
	r.write("a.log", "1\n x\n")
	r.start()
	r.wantsNoMore(200 * time.Millisecond)
	r.halt() // what is pending is read again
	r.start()
	r.write("a.log", " y\n2\n")
	r.wants("1\n x\n y")
	r.rename("a.log", "a.gone") // no longer read: what is pending is complete
	r.wants("1\n x\n y", "2")
}

// An event whose end is known, and a line that begins none, do not wait for the next line.
func TestCompleteEventsDoNotWait(t *testing.T) {
	for _, p := range []join.Patterns{{End: "^E"}, {ContinueAfter: "^[^E]"}} {
		r := newRig(t, func(c *Config) {
			c.Multiline = &Multiline{Patterns: p, Timeout: time.Hour, MaxLines: 100}
		})
		r.start()
		r.write("a.log", "1\nE\n2\n")
		r.wants("1\nE")
		r.write("a.log", "E\n3\n")
		r.wants("1\nE", "2\nE")
		r.halt()
		r.start()
		r.write("a.log", "E\n")
		r.wants("1\nE", "2\nE", "3\nE")
		r.halt()
	}
}

func TestPartialLineTimeout(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.PartialLine = 100 * time.Millisecond })
	r.write("a.log", "1\nprompt> ")
	r.start()
	r.wants("1", "prompt> ")
	r.write("a.log", "yes\n")
	r.wants("1", "prompt> ", "yes")
}

func TestHeadersAndTag(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) {
		c.PathHeader, c.OffsetHeader = "path", "offset"
		c.PathPattern = `/(?P<app>\w+)\.log`
	})
	r.cfg.Tag = mustTemplate(t, "apps.${app}.${stem}${ext}")
	r.write("shop.log", "a\n\nbb\n")
	r.start()
	r.wants("a", "", "bb")
	for i, rec := range r.sink.Records() {
		path, _ := rec.Header("path")
		offset, _ := rec.Header("offset")
		if string(path) != r.path("shop.log") || string(offset) != []string{"0", "2", "3"}[i] ||
			rec.Tag != "apps.shop.shop.log" {
			t.Errorf("path %q, offset %q, tag %q", path, offset, rec.Tag)
		}
	}
}

// kubernetes: the pod ingress.v2-g744l is one word, though a tag parts it.
func TestGroupsOfThePathBecomeHeaders(t *testing.T) {
	t.Parallel()
	for _, on := range []bool{true, false} {
		r := newRig(t, func(c *Config) {
			c.PathPattern = `/(?P<pod>[^_/]+)_(?P<namespace>[^_]+)_(?P<container>.+?)(?P<none>Q?)\.log$`
			c.PathHeaders = on
		})
		r.cfg.Tag = mustTemplate(t, "kube.${group.namespace}.${pod}.${group[3]}")
		r.write("ingress.v2-g744l_web_nginx.log", "a\n")
		r.start()
		r.wants("a")
		r.rename("ingress.v2-g744l_web_nginx.log", "old.1")
		r.write("ingress.v2-g744l_web_nginx.log", "b\n")
		r.wants("a", "b")
		for _, rec := range r.sink.Records() {
			got := fmt.Sprint(rec.Tag)
			for _, h := range rec.Headers {
				got += fmt.Sprintf(" %s=%s", h.Key, h.Value)
			}
			want := "kube.web.ingress.v2-g744l.nginx"
			if on {
				want += " pod=ingress.v2-g744l namespace=web container=nginx"
			}
			if got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		}
	}
}

func TestHugeLineNeedsLittleMemory(t *testing.T) {
	for policy, size := range map[string]int64{"split": 128 << 20, "truncate": 256 << 20, "skip": 128 << 20} {
		r := newRig(t, func(c *Config) { c.LongLines = policy; c.MaxLineSize = 1 << 20 })
		r.write("a.log", "first\n")
		sparse(t, r.path("a.log"), size) // one line of NULs
		r.write("a.log", "\nlast\n")
		sink := &tallySink{values: map[string]int{}, seen: make(chan struct{})}
		cfg := r.cfg
		tl, err := New(cfg, inputstest.Env("input.tail.app", t.TempDir()))
		if err != nil {
			t.Fatal(err)
		}
		tl.blind = true // it is taken for what was written
		before := heapFromSystem()
		sink.run(t, tl, "last")
		if grown := heapFromSystem() - before; grown > 100<<20 {
			t.Errorf("%s: took %d MiB", policy, grown>>20)
		}
		want := map[string]int{"split": 128, "truncate": 1, "skip": 0}[policy]
		got := sink.long
		if got != want || sink.values["first"] != 1 || sink.values["last"] != 1 {
			t.Errorf("%s: %d long records, others %v", policy, got, sink.values)
		}
		if n := testutil.ToFloat64(tl.counts.long); n == 0 {
			t.Errorf("%s: not counted", policy)
		}
	}
}

// reference frames data the simple way, as if it were complete.
func reference(c *Config, data []byte) []string {
	unit := 1
	cs := charsetOf(c.Encoding, data)
	if cs == nil {
		cs = csUTF16LE
	}
	unit = cs.unit
	data = bytes.TrimPrefix(data, cs.bom)
	nl := []byte("\n")
	if unit == 2 {
		nl = encode16("\n", cs.isBigEndian, false)
	}
	var lines [][]byte
	for len(data) > 0 {
		at := -1
		for i := 0; i+unit <= len(data); i += unit {
			if bytes.HasPrefix(data[i:], nl) {
				at = i
				break
			}
		}
		if at < 0 {
			lines = append(lines, data)
			break
		}
		line := data[:at]
		if unit == 1 {
			line = bytes.TrimSuffix(line, []byte("\r"))
		} else if bytes.HasSuffix(line, encode16("\r", cs.isBigEndian, false)) && len(line)%2 == 0 {
			line = line[:len(line)-2]
		}
		lines = append(lines, line)
		data = data[at+unit:]
	}
	var out []string
	for _, line := range lines {
		if len(line) == 0 && c.EmptyLines == "skip" {
			continue
		}
		if cs.decodes() {
			line = cs.decode(nil, line)
		}
		out = append(out, string(line))
	}
	if c.Multiline == nil {
		return out
	}
	re := regexp.MustCompile(c.Multiline.Start)
	var events []string
	n := 0
	for i, line := range out {
		if i > 0 && !re.MatchString(line) && n < c.Multiline.MaxLines {
			events[len(events)-1] += "\n" + line
			n++
			continue
		}
		events = append(events, line)
		n = 1
	}
	return events
}

// frameAll runs the framer and the encoder over data as a worker does, in blocks of the given size.
func frameAll(t *Tail, data []byte, size int) ([]string, error) {
	t.block = size
	r := &run{tail: t, queue: newQueue()}
	w := newWorker(r)
	f := &file{firstPath: "/a", r: readState{h: nil}}
	f.setPath("/a", "/a")
	src := bytes.NewReader(data)
	var out []string
	for range 4*len(data) + 10 {
		b := block{base: f.r.off}
		var fr framed
		f.r.finish = true
		eof, err := w.readFrom(f, src, &b, &fr, cmdRead)
		if err != nil {
			return nil, err
		}
		if b.end > 0 || len(b.logged) > 0 {
			if b.base != f.r.off {
				return nil, errors.New("wrong base")
			}
			if err := w.advanceFrom(f, src, &b); err != nil {
				return nil, err
			}
			for _, e := range w.enc.encode(f, "/a", f.r.charset, &b) {
				if e.batch == nil {
					continue
				}
				recs, err := e.batch.Records()
				if err != nil {
					return nil, err
				}
				for rec := range recs {
					out = append(out, string(rec.Value))
				}
			}
		}
		if eof && (b.end == 0 || b.end == len(b.raw)) {
			if f.r.off != int64(len(data)) && f.r.charset != nil {
				return nil, fmt.Errorf("ends at %d of %d", f.r.off, len(data))
			}
			return out, nil
		}
	}
	return nil, errors.New("does not end")
}

func fuzzConfig(encoding uint8, multiline, skipEmpty bool) Config {
	c := Default()
	c.Paths = []string{"/a"}
	c.Encoding = []string{"utf-8", "utf-16", "utf-16le", "utf-16be", "latin-1"}[int(encoding)%5]
	if multiline {
		c.Multiline = &Multiline{Patterns: join.Patterns{Start: `^[A-M]`}, Timeout: time.Second, MaxLines: 5}
	} else if skipEmpty {
		c.EmptyLines = "skip"
	}
	return c
}

// FuzzFraming compares splitting, joining and decoding in small blocks with doing the same to the
// whole.
func FuzzFraming(f *testing.F) {
	f.Add([]byte("A\nb\r\n\nC\xff\x00\nrest"), uint8(0), uint8(16), false, false)
	f.Add([]byte("A\nb\r\n\nC\nd\ne\nf\ng\nh\ni\n"), uint8(0), uint8(3), true, false)
	f.Add(encode16("A\nü\r\n\nਊĊ\n", true, true), uint8(1), uint8(4), false, true)
	f.Add(encode16("A\nü\nMਊĊ", false, true), uint8(1), uint8(2), true, false)
	f.Add([]byte("\n\n\xe9\n"), uint8(4), uint8(1), false, true)
	f.Fuzz(func(t *testing.T, data []byte, encoding, block uint8, multiline, skipEmpty bool) {
		c := fuzzConfig(encoding, multiline, skipEmpty)
		tl, err := New(c, inputstest.Env("input.tail.fuzz", ""))
		if err != nil {
			t.Fatal(err)
		}
		got, err := frameAll(tl, data, max(2, int(block)))
		if err != nil {
			t.Fatal(err)
		}
		if cs := charsetOf(c.Encoding, data); cs == nil {
			return // too short to have a character set
		}
		if want := reference(&c, data); !slices.Equal(got, want) {
			t.Fatalf("%s, block %d\ngot  %q\nwant %q", c.Encoding, block, got, want)
		}
	})
}

// TestLongLinesSurviveAnyBlockSize checks that no policy depends on how the file happens to be
// read.
func TestLongLinesSurviveAnyBlockSize(t *testing.T) {
	t.Parallel()
	rng := runtest.Rand(t)
	for range 300 {
		var data []byte
		for range rng.IntN(20) {
			data = append(data, bytes.Repeat([]byte{byte('a' + rng.IntN(26))}, rng.IntN(60))...)
			data = append(data, '\n')
		}
		for _, policy := range []string{"split", "truncate", "skip"} {
			var first []string
			for i, block := range []int{4096, 16, 17, 33, 64} {
				c := fuzzConfig(0, false, false)
				c.MaxLineSize, c.LongLines = 16, policy
				tl, err := New(c, inputstest.Env("input.tail.fuzz", ""))
				if err != nil {
					t.Fatal(err)
				}
				got, err := frameAll(tl, data, block)
				if err != nil {
					t.Fatalf("%s, block %d: %v\n%q", policy, block, err, data)
				}
				if i == 0 {
					first = got
				} else if !slices.Equal(got, first) {
					t.Fatalf("%s\nblock %4d %q\nwhole      %q", policy, block, got, first)
				}
			}
		}
	}
}
