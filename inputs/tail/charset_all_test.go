package tail

import (
	"slices"
	"strings"
	"testing"

	"github.com/penstock/penstock/inputs/inputstest"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
)

// Each name that IANA, MIME or the web has for a decoder of golang.org/x/text can be written as
// encoding, but for those whose lines end otherwise, and a file is read as the decoder reads it.
func TestEveryDecoderByEveryName(t *testing.T) {
	all := slices.Concat(
		charmap.All, japanese.All, korean.All, simplifiedchinese.All, traditionalchinese.All,
	)
	otherEnds := map[string]bool{
		"ibm037": true, "ibm1047": true, "ibm01140": true,
	}
	names := 0
	for _, enc := range all {
		for _, name := range namesOf(enc) {
			if otherEnds[strings.ToLower(name)] || name == "x-user-defined" {
				continue
			}
			names++
			t.Run(name, func(t *testing.T) {
				cfg := Default()
				cfg.Paths, cfg.Encoding = []string{"/a"}, name
				if err := cfg.Validate(); err != nil {
					t.Fatal(err)
				}
				text := charactersOf(enc)
				line, err := enc.NewEncoder().String(text)
				if err != nil {
					t.Fatal(err)
				}
				tl, err := New(cfg, inputstest.Env("input.tail.app", ""))
				if err != nil {
					t.Fatal(err)
				}
				got, err := frameAll(tl, []byte(line+"\nascii\n"+line+"\n"), 64)
				if err != nil {
					t.Fatal(err)
				}
				if want := []string{text, "ascii", text}; !slices.Equal(got, want) {
					t.Errorf("got %q, want %q", got, want)
				}
			})
		}
	}
	if names < 60 {
		t.Errorf("%d names are tried", names)
	}
}

func namesOf(enc encoding.Encoding) (names []string) {
	add := func(name string, err error) {
		if err == nil && name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	add(ianaindex.IANA.Name(enc))
	add(ianaindex.MIME.Name(enc))
	add(htmlindex.Name(enc))
	return names
}

// charactersOf returns characters that enc has, some of each of the scripts that any of them has.
func charactersOf(enc encoding.Encoding) string {
	var b strings.Builder
	for _, from := range []rune{'a', 0xA1, 0x100, 0x391, 0x410, 0x5D0, 0x627, 0xE01, 0x30A1, 0x4E00, 0xAC00} {
		n := 0
		for r := from; r < from+64 && n < 5; r++ {
			out, err := enc.NewEncoder().String(string(r))
			back, _ := enc.NewDecoder().String(out)
			if err == nil && back == string(r) {
				b.WriteRune(r)
				n++
			}
		}
	}
	return b.String()
}

// What the web replaces by a single character is no file's character set.
func TestTheReplacementDecoderIsRefused(t *testing.T) {
	for _, name := range []string{"replacement", "iso-2022-kr"} {
		if KnownEncoding(name) {
			t.Errorf("%s is taken", name)
		}
	}
}
