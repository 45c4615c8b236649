package recordline

import (
	"bytes"
	"crypto/sha256"
	"io"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/penstock/penstock/buffer/record/costtest"
)

// An object of the overflow, or a file of dead letters, costs memory and time by the lines that are
// held at a time, whoever wrote it.
func TestObjectsCostInProportion(t *testing.T) {
	const slack = 24 << 20 // of a batch with its headers, and a decoder with its window
	head := `{"tag":"t","origin":"o","offset":1,"time":"2026-01-02T03:04:05Z",`
	for _, c := range []struct{ name, head, unit, tail string }{
		{"usual", "", head + `"value":"some text of a log"}` + "\n", ""},
		{"empty lines", "", "\n", ""},
		{"nothing", "", head + `"value":""}` + "\n", ""},
		{"no records", "", "{}\n", ""},
		{"a line", head + `"value":"`, "abcdefgh", `"}` + "\n"},
		{"escapes", head + `"value":"`, `\u00e9`, `"}` + "\n"},
		{"base64", head + `"value_base64":"`, "AAAA", `"}` + "\n"},
		{"raw", `{"tag":"t","raw_base64":"`, "AAAA", `"}` + "\n"},
		{"headers", head + `"headers":[`, `{},`, `{}],"value":"x"}` + "\n"},
		{"lines of headers", "", head + `"headers":[` + strings.Repeat(`{},`, 9000) + `{}],"value":"x"}` + "\n", ""},
		{"nested", head + `"x":`, "[", "\n"},
		{"names", head, `"x":0,`, `"value":"x"}` + "\n"},
		{"no end", head, "x", ""},
	} {
		for _, packed := range []bool{false, true} {
			name := c.name
			if packed && c.name != "usual" && c.name != "a line" {
				continue
			}
			if packed {
				name += " zstd"
			}
			t.Run(name, func(t *testing.T) {
				costtest.Measure(t, slack, func(n int) func() {
					object := []byte(c.head + strings.Repeat(c.unit, n/len(c.unit)) + c.tail)
					if packed {
						var out bytes.Buffer
						enc, err := zstd.NewWriter(&out)
						if err != nil {
							t.Fatal(err)
						}
						_, _ = enc.Write(object)
						enc.Close()
						object = out.Bytes()
					}
					return func() { readAll(t, bytes.NewReader(object)) }
				})
			})
		}
	}
}

// A few bytes that ask for a large window are refused before it is there.
func TestObjectWithALargeWindow(t *testing.T) {
	var out bytes.Buffer
	enc, err := zstd.NewWriter(&out, zstd.WithWindowSize(64<<20))
	if err != nil {
		t.Fatal(err)
	}
	_, _ = enc.Write(make([]byte, 1<<20))
	if err := enc.Flush(); err != nil {
		t.Fatal(err)
	}
	enc.Close()
	used := costtest.Peak(func() {
		lines, err := NewLineReader(bytes.NewReader(out.Bytes()), nil)
		if err == nil {
			_, err = lines.ReadLine()
			lines.Close()
		}
		if err == nil || err == io.EOF {
			t.Error("it was read")
		}
	})
	if used > 16<<20 {
		t.Errorf("%d bytes of memory", used)
	}
}

func readAll(t *testing.T, r io.Reader) {
	lines, err := NewLineReader(r, sha256.New())
	if err != nil {
		t.Fatal(err)
	}
	defer lines.Close()
	src := &LineSource{Lines: lines}
	for err == nil {
		_, err = src.ReadBatch()
	}
}
