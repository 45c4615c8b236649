package tail

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/inputs/inputstest"
	"github.com/penstock/penstock/inputs/join"
)

// splitAt is what a file of text becomes, the simple way.
func splitAt(c *Config, text string) []string {
	lines := strings.Split(text, c.Delimiter)
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	if c.Multiline != nil {
		var events []string
		for i, line := range lines {
			if i > 0 && !strings.HasPrefix(line, "M") {
				events[len(events)-1] += "\n" + line
			} else {
				events = append(events, line)
			}
		}
		return events
	}
	var out []string
	for _, line := range lines {
		if most := int(c.MaxLineSize); len(line) > most {
			switch c.LongLines {
			case "truncate":
				out = append(out, line[:most])
			case "split":
				for ; len(line) > most; line = line[most:] {
					out = append(out, line[:most])
				}
				out = append(out, line)
			}
			continue
		}
		out = append(out, line)
	}
	return out
}

// grow runs the framer and the encoder over data as a worker does while data is being written, in
// pieces, and begins again now and then at a position that was delivered. At last it is finished.
func grow(t *testing.T, rng *rand.Rand, tl *Tail, data []byte) []string {
	t.Helper()
	type mark struct {
		off  int64
		skip bool
		out  int
	}
	r := &run{tail: tl, queue: newQueue()}
	w, f := newWorker(r), &file{firstPath: "/a"}
	f.setPath("/a", "/a")
	var out []string
	marks := []mark{{}}
	for there, turns := 0, 0; ; turns++ {
		if turns > 20*len(data)+100 {
			t.Fatalf("does not end: at %d of %d, %q", f.r.off, len(data), data[f.r.off:])
		}
		if rng.IntN(3) == 0 {
			there = min(len(data), there+1+rng.IntN(9))
		}
		if rng.IntN(10) == 0 { // a crash
			m := marks[rng.IntN(len(marks))]
			f.r = readState{fingerprints: fingerprints{off: m.off}, skip: m.skip}
			out, marks = out[:m.out], []mark{m}
			w = newWorker(r)
		}
		f.r.finish = there == len(data)
		src, b, fr := bytes.NewReader(data[:there]), block{base: f.r.off}, framed{}
		eof, err := w.readFrom(f, src, &b, &fr, cmdRead)
		if err != nil {
			t.Fatal(err)
		}
		if b.end > 0 {
			if err := w.advanceFrom(f, src, &b); err != nil {
				t.Fatal(err)
			}
			for _, e := range w.enc.encode(f, "/a", f.r.charset, &b) {
				if e.batch != nil {
					recs, err := e.batch.Records()
					if err != nil {
						t.Fatal(err)
					}
					for rec := range recs {
						out = append(out, string(rec.Value))
					}
				}
				marks = append(marks, mark{e.off, e.skip, len(out)})
			}
		}
		if left := data[f.r.off:there]; eof && b.end == 0 && tl.cfg.Multiline == nil && len(left) > 0 {
			if i := tl.cfg.charset(nil).newline(left); i >= 0 && fr.pending != pendingNone {
				t.Fatalf("%q is read to its end, and a line of it waits", left)
			}
		}
		if f.r.finish && eof && (b.end == 0 || b.end == len(b.raw)) {
			return out
		}
	}
}

// Whatever ends lines, in whatever pieces it is written and read, and wherever reading begins
// again, the records are what strings.Split makes of the whole.
func TestDelimitersSplitAsStringsSplit(t *testing.T) {
	t.Parallel()
	rng := runtest.Rand(t)
	text := func(letters string, most int) string {
		var b strings.Builder
		for range rng.IntN(most) {
			b.WriteByte(letters[rng.IntN(len(letters))])
		}
		return b.String()
	}
	for range 300 {
		c := Default()
		c.Paths = []string{"/a"}
		c.Delimiter = string("\n-a"[rng.IntN(3)]) + text("\n-a", 5)
		c.Encoding = []string{"utf-8", "latin-1", "utf-16le", "utf-16be", "shift_jis"}[rng.IntN(5)]
		switch rng.IntN(4) {
		case 0:
			c.Multiline = &Multiline{
				Patterns: join.Patterns{Start: "^M"}, Timeout: time.Second, MaxLines: 1000,
			}
		case 1:
			c.MaxLineSize, c.Encoding = 16, "utf-8"
			c.LongLines = []string{"split", "truncate", "skip"}[rng.IntN(3)]
		}
		if c.Encoding == "shift_jis" {
			c.Delimiter = "\t" + c.Delimiter
		}
		var whole strings.Builder
		for range rng.IntN(12) {
			whole.WriteString(text("Mb-a\n", 20))
			if whole.WriteString(c.Delimiter); rng.IntN(4) == 0 {
				whole.WriteString(c.Delimiter[:rng.IntN(len(c.Delimiter)+1)])
			}
		}
		tl, err := New(c, inputstest.Env("input.tail.delimiter", ""))
		if err != nil {
			t.Fatal(err)
		}
		tl.block = 2 * (1 + rng.IntN(20))
		content := whole.String()
		switch { // characters whose bytes look like others
		case c.MaxLineSize == 16:
		case c.Encoding == "shift_jis":
			content = strings.ReplaceAll(content, "b", "ソ")
		case strings.HasPrefix(c.Encoding, "utf-16"):
			content = strings.ReplaceAll(content, "b", "ĀਊĀ")
		}
		data := []byte(encodedAs(t, c.Encoding, content))
		got, want := grow(t, rng, tl, data), splitAt(&c, content)
		if !slices.Equal(got, want) {
			t.Fatalf("%q in %s, %s, block %d: %q\ngot  %q\nwant %q",
				c.Delimiter, c.Encoding, c.LongLines, tl.block, content, got, want)
		}
		b, err := c.Sample("a", "/a", data, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if c.MaxLineSize > 16 && b.Len() != len(want) {
			t.Fatalf("%q: a sample of %q has %d records, want %q", c.Delimiter, data, b.Len(), want)
		}
	}
}

// In shift_jis a backslash may be half of a character; it is refused with what may be written.
func TestDelimitersThatCannotBeToldAreRefused(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		encoding, delimiter, want string
	}{
		{"utf-8", "¶", ""},
		{"latin-1", "¶", ""},
		{"utf-16", "\\¶", ""},
		{"gb18030", "\n--\n", ""},
		{"gb18030", "\n日志", ""},
		{"gb18030", "0", `delimiter: "0" may be a part of other text: begin it with a newline`},
		{"shift_jis", "\\", `delimiter: "\\" may be a part of other text: begin it with a newline`},
		{"iso-2022-jp", "#", `delimiter: "#" may be a part of other text: begin it with a newline`},
		{"iso-2022-jp", "\nソ", `delimiter: "\nソ" may be a part of other text: begin it`},
		{"latin-1", "日", `delimiter: "日" cannot be written in latin-1`},
		{"utf-8", strings.Repeat("-", 257), "delimiter: must not be longer than 256 bytes"},
	} {
		cfg := Default()
		cfg.Paths, cfg.Encoding, cfg.Delimiter = []string{"/a"}, test.encoding, test.delimiter
		err := cfg.Validate()
		if test.want == "" {
			if err != nil {
				t.Errorf("%q in %s: %v", test.delimiter, test.encoding, err)
			}
		} else if err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%q in %s: got %v, want %s", test.delimiter, test.encoding, err, test.want)
		}
	}
	both, box := Default(), Default()
	both.Paths, both.Delimiter, both.LineEnd = []string{"/a"}, "|", "cr"
	box.Paths, box.Delimiter, box.Container = []string{"/a"}, "|", true
	for _, cfg := range []Config{both, box} {
		if err := cfg.Validate(); err == nil || !strings.HasPrefix(err.Error(), "delimiter: ") {
			t.Errorf("got %v", err)
		}
	}
}

// Reading from the end of a file begins with the record that is being written, half of whose
// delimiter may stand there.
func TestReadingFromTheEndOfAFileWithADelimiter(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.Delimiter, c.StartAt = "\n--\n", "end" })
	r.write("a.log", "old\none\n--\nlast\n-")
	r.start()
	r.eventually("known", func() bool { return len(r.sink.Positions()) == 2 })
	r.write("a.log", "-\nnew\r\n\n--\nhalf")
	r.wants("last", "new\r\n")
	r.halt()
	r.write("a.log", "\n--\n")
	r.start()
	r.wants("last", "new\r\n", "half")
}

// A hole that follows a delimiter of several bytes is passed as one that follows a newline is.
func TestHolesBehindDelimiters(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.Delimiter = "\n--\n" })
	r.write("a.log", "one\n--\n")
	sparse(t, r.path("a.log"), 1<<20)
	r.write("a.log", "two\nand more\n--\n")
	r.start()
	r.wants("one", "two\nand more")
}

func TestPipesWithADelimiter(t *testing.T) {
	t.Parallel()
	r, w := newPipeRig(t, func(c *Config) { c.Delimiter = "aa" })
	for _, piece := range []string{"xa", "a", "aa", "ay", "a", "z", "a", "a"} {
		r.say(w, piece)
		r.allTaken(w)
	}
	r.wants("x", "", "ayaz")
}
