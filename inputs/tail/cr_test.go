package tail

import (
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

// A file whose lines end with carriage returns delivers nothing, as long as that is not configured:
// it is said, once, whatever pieces it comes in.
func TestCarriageReturnsAloneAreSaid(t *testing.T) {
	t.Parallel()
	for _, piece := range []int{10, 100, 10_000} {
		r := newRig(t, nil)
		log := r.capture(nil)
		r.write("bars.log", "1%\r2%\r3%\r4%\n") // is fine
		r.start()
		text := strings.Repeat("a line of old\r", 400)
		for i := 0; i < len(text); i += piece {
			r.write("mac.log", text[i:min(len(text), i+piece)])
		}
		r.eventually(
			"said",
			func() bool { return len(log.Lines("carriage returns", r.path("mac.log"), "do=", "line_end")) > 0 },
		)
		r.write("mac.log", text)
		r.write("bars.log", strings.Repeat("5%\r", 3000)+"\n6%\n")
		r.eventually("the line after", func() bool {
			v := r.sink.Values()
			return len(v) == 3 && v[2] == "6%"
		})
		if said := log.Lines("carriage returns"); len(said) != 1 {
			t.Errorf("in pieces of %d: said %q", piece, said)
		}
		if n := testutil.ToFloat64(r.tail.counts.crOnly); n != 1 {
			t.Errorf("counted %v", n)
		}
		r.halt()
	}
}

func TestLinesThatEndWithACarriageReturn(t *testing.T) {
	t.Parallel()
	for _, encoding := range []string{"utf-8", "latin-1", "utf-16le"} {
		t.Run(encoding, func(t *testing.T) {
			r := newRig(
				t,
				func(c *Config) { c.LineEnd, c.Encoding, c.OffsetHeader = "cr", encoding, "offset" },
			)
			wide := func(s string) string {
				if encoding != "utf-16le" {
					return s
				}
				return string(utf16le(s))
			}
			r.write("a.log", wide("1\r2\r\r4\nstill 4\rha"))
			r.start()
			r.wants("1", "2", "", "4\nstill 4")
			if off, want := header(r.sink.Records()[3], "offset"), fmt.Sprint(
				len(wide("1\r2\r\r")),
			); off != want {
				t.Errorf("at %s, want %s", off, want)
			}
			r.halt()
			r.write("a.log", wide("lf\r"))
			r.start()
			r.wants("1", "2", "", "4\nstill 4", "half")
		})
	}
	t.Run("without headers", func(t *testing.T) {
		r := newRig(t, func(c *Config) { c.LineEnd = "cr" })
		r.write("a.log", "1\r2\r")
		r.start()
		r.wants("1", "2")
	})
}

func utf16le(s string) (b []byte) {
	for _, c := range s {
		b = append(b, byte(c), byte(c>>8))
	}
	return b
}
