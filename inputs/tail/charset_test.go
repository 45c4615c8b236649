package tail

import (
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/inputs/inputstest"
	"github.com/penstock/penstock/inputs/join"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"golang.org/x/text/encoding/ianaindex"
)

// What each character set is tried with: characters whose bytes hold those of ASCII among them,
// such as the backslash in the second byte of ソ.
var charsetTexts = map[string]string{
	"gb18030":      "日志 漢字 ÿ€ \U0001F600 ｜",
	"GBK":          "日志 漢字",
	"big5":         "功能 許蓋 日誌",
	"Shift_JIS":    "ソフト 表示 ｶﾅ",
	"windows-31j":  "ソフト 表示",
	"euc-jp":       "ソフト 表示",
	"iso-2022-jp":  "ソフト a 表示",
	"euc-kr":       "한국어 로그",
	"windows-1251": "журнал №1",
	"windows-1252": "“naïve” €5",
	"koi8-r":       "журнал",
	"iso-8859-1":   "naïve",
	"iso-8859-15":  "œuvre €5",
	"latin-1":      "naïve",
}

func encodedAs(t *testing.T, name, text string) string {
	t.Helper()
	name = strings.NewReplacer("latin-1", "latin1", "windows-31j", "shift_jis").Replace(name)
	enc, err := ianaindex.IANA.Encoding(name)
	if err != nil || enc == nil {
		if enc, err = ianaindex.MIME.Encoding(name); err != nil || enc == nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	out, err := enc.NewEncoder().String(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return out
}

func TestCharacterSetsByTheirNames(t *testing.T) {
	for name, text := range charsetTexts {
		t.Run(name, func(t *testing.T) {
			cfg := Default()
			cfg.Paths, cfg.Encoding = []string{"/a"}, name
			if err := cfg.Validate(); err != nil {
				t.Fatal(err)
			}
			line := encodedAs(t, name, text)
			for _, size := range []int{1, 3, 16, 4096} {
				tl, err := New(cfg, inputstest.Env("input.tail.app", ""))
				if err != nil {
					t.Fatal(err)
				}
				got, err := frameAll(tl, []byte(line+"\r\n\n"+line+"\nascii\n"+line), size)
				if err != nil {
					t.Fatal(err)
				}
				if want := []string{text, "", text, "ascii", text}; strings.Join(got, "|") != strings.Join(want, "|") {
					t.Fatalf("block %d: got %q, want %q", size, got, want)
				}
			}
		})
	}
}

// A line that is too long is cut between two characters.
func TestLongLinesOfManyBytesACharacter(t *testing.T) {
	for name, text := range charsetTexts {
		if name == "iso-2022-jp" {
			continue // what follows a cut has lost its mode
		}
		for _, long := range []string{"split", "truncate"} {
			for limit := int64(16); limit < 24; limit++ {
				cfg := Default()
				cfg.Paths, cfg.Encoding, cfg.MaxLineSize, cfg.LongLines = []string{"/a"}, name, limit, long
				tl, err := New(cfg, inputstest.Env("input.tail.app", ""))
				if err != nil {
					t.Fatal(err)
				}
				line := strings.Repeat(strings.ReplaceAll(text, " ", ""), 9)
				got, err := frameAll(tl, []byte(encodedAs(t, name, line)+"\nend\n"), 16)
				if err != nil {
					t.Fatal(err)
				}
				whole := strings.Join(got[:len(got)-1], "")
				if long == "split" && whole != line || !strings.HasPrefix(line, whole) || whole == "" ||
					got[len(got)-1] != "end" {
					t.Errorf("%s, %s at %d: got %q of %q", name, long, limit, got, line)
				}
			}
		}
	}
}

func TestCharacterSetsThatCannotBeRead(t *testing.T) {
	for name, want := range map[string]string{
		"nonsense": `encoding: "nonsense" is no name`,
		"ibm037":   `encoding: "ibm037" cannot be read: its lines do not end`,
		"utf-7":    `encoding: "utf-7" cannot be read`,
		"utf-32":   `encoding: "utf-32" cannot be read`,
	} {
		cfg := Default()
		cfg.Paths, cfg.Encoding = []string{"/a"}, name
		if err := cfg.Validate(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", name, err, want)
		}
	}
}

// Old files are left alone, what is written to is read whole, and what was read before goes on.
func TestIgnoreOlder(t *testing.T) {
	r := newRig(t, func(c *Config) { c.IgnoreOlder = time.Hour })
	r.write("known.log", "k1\n")
	r.start()
	r.wants("k1")
	r.halt()
	r.write("known.log", "k2\n")
	r.dated("known.log", 2*time.Hour)
	r.write("old.log", "o1\n")
	r.dated("old.log", 2*time.Hour)
	r.write("oldest.log.1", "never\n")
	r.dated("oldest.log.1", 48*time.Hour)
	r.write("new.log", "n1\n")
	r.start()
	r.wantsSet("k1", "k2", "n1")
	r.eventually("two files left alone", func() bool {
		return testutil.ToFloat64(r.tail.counts.ignored) == 2
	})
	r.write("old.log", "o2\n")
	r.wantsSet("k1", "k2", "n1", "o1", "o2")
	if n := testutil.ToFloat64(r.tail.counts.ignored); n != 2 {
		t.Errorf("%v files left alone", n)
	}
}

func TestLinesThatEndWithANUL(t *testing.T) {
	for _, block := range []int{0, 16} {
		r := newRig(t, func(c *Config) { c.LineEnd, c.OffsetHeader = "nul", "offset" })
		r.block = block
		r.write("a.log", "one\nand more\r\x00two\x00\x00half")
		r.start()
		r.wants("one\nand more\r", "two", "")
		r.write("a.log", " and half\x00")
		r.wants("one\nand more\r", "two", "", "half and half")
		r.halt()
		r.write("a.log", "\x00last\x00")
		r.start()
		r.wants("one\nand more\r", "two", "", "half and half", "", "last")
		r.halt()
		var offsets []string
		for _, rec := range r.sink.Records() {
			at, _ := rec.Header("offset")
			offsets = append(offsets, string(at))
		}
		if got := strings.Join(offsets, " "); got != "0 14 18 19 33 34" {
			t.Errorf("offsets %s", got)
		}
	}
}

// Lines that are joined have newlines between them, whatever ended them.
func TestEventsOfLinesWithOtherEnds(t *testing.T) {
	for end, nl := range map[string]string{"cr": "\r", "nul": "\x00"} {
		r := newRig(t, func(c *Config) {
			c.LineEnd = end
			c.Multiline = &Multiline{
				Patterns: join.Patterns{Start: `^\d`}, Timeout: 50 * time.Millisecond, MaxLines: 9,
			}
		})
		r.write("a.log", strings.ReplaceAll("1\n a\n b\n2\n", "\n", nl))
		r.start()
		r.wants("1\n a\n b", "2")
		r.halt()
	}
}

// What penstock test makes of a file is what the input does.
func TestSamplesHaveTheLineEndsThatAreConfigured(t *testing.T) {
	for end, nl := range map[string]string{"lf": "\n", "cr": "\r", "nul": "\x00"} {
		cfg := Default()
		cfg.Paths, cfg.LineEnd, cfg.Encoding = []string{"/a"}, end, "utf-16"
		b, err := cfg.Sample("a", "/a", []byte("\n"), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if cfg.Encoding = "utf-8"; b == nil {
			t.Error("nothing")
		}
		if b, err = cfg.Sample("a", "/a", []byte("a"+nl+"b"+nl), time.Now()); err != nil || b.Len() != 2 {
			t.Errorf("%s: %v, %v", end, b, err)
		}
	}
}
