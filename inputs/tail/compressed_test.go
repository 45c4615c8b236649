package tail

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

// otel-contrib#40523, vector#7990, rsyslog#4214: rotated .gz files are sent again whole.
func TestOtel40523_CompressedIsNotReadAgain(t *testing.T) {
	t.Parallel()
	for _, ext := range extensions {
		t.Run(ext, func(t *testing.T) {
			r := newRig(t, nil)
			r.write("app.log", "1\n2\n")
			r.start()
			r.wants("1", "2")
			r.rename("app.log", "app.log.1")
			r.write("app.log", "3\n")
			r.wants("1", "2", "3")
			r.compress("app.log.1", ext)
			r.wantsNoMore(2*time.Second, "1", "2", "3")
			r.rename("app.log.1"+ext, "app.log.2"+ext)
			r.write("app.log", "4\n")
			r.wants("1", "2", "3", "4")
			r.halt()
			r.start()
			r.wantsNoMore(quiet, "1", "2", "3", "4")
		})
	}
}

func TestCompressedWhileDown(t *testing.T) {
	t.Parallel()
	for _, ext := range extensions {
		t.Run(ext, func(t *testing.T) {
			r := newRig(t, nil)
			r.write("app.log", "1\n2\n")
			r.start()
			r.wants("1", "2")
			r.halt()
			r.write("app.log", "3\nhalf")
			r.rename("app.log", "app.log.1")
			r.compress("app.log.1", ext)
			r.write("app.log", "4\n")
			r.start()
			r.wantsSet("1", "2", "3", "half", "4")
			r.wantsNoMore(quiet, r.sink.Values()...)
			for _, rec := range r.sink.Records() {
				if rec.Origin != "agent-1:"+r.path("app.log") {
					t.Errorf("origin %q of %q", rec.Origin, rec.Value)
				}
			}
		})
	}
}

func TestCompressedBacklog(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for i, ext := range extensions {
		data := []byte(fmt.Sprintf("%d a\n%d b", i, i))
		// several members
		data = append(compressed(t, ext, data[:2]), compressed(t, ext, data[2:])...)
		name := r.path(fmt.Sprintf("app.log.%d%s", 9-i, ext))
		if err := os.WriteFile(name, data, 0o644); err != nil {
			t.Fatal(err)
		}
		then := time.Now().Add(time.Duration(i-10) * time.Hour)
		if err := os.Chtimes(name, then, then); err != nil {
			t.Fatal(err)
		}
	}
	r.start()
	r.wants("0 a", "0 b", "1 a", "1 b", "2 a", "2 b", "3 a", "3 b", "4 a", "4 b")
	r.halt()
	r.start()
	r.wantsNoMore(quiet, "0 a", "0 b", "1 a", "1 b", "2 a", "2 b", "3 a", "3 b", "4 a", "4 b")
}

func TestCompressedResumesInTheMiddle(t *testing.T) {
	t.Parallel()
	var want []string
	for i := range 60_000 {
		want = append(want, fmt.Sprintf("%07d %s", i, strings.Repeat(string(rune('a'+i%26)), 60)))
	}
	for _, ext := range extensions {
		t.Run(ext, func(t *testing.T) {
			r := newRig(t, nil)
			data := []byte(strings.Join(want, "\n") + "\n")
			if err := os.WriteFile(
				r.path("app.log"+ext), compressed(t, ext, data), 0o644,
			); err != nil {
				t.Fatal(err)
			}
			r.sink.Hold()
			r.start()
			r.eventually("several appends", func() bool { return r.sink.Pending() >= 4 })
			r.sink.Sync(3)
			r.sink.Crash()
			r.fails()
			if n := len(r.sink.Values()); n == 0 || n >= len(want) {
				t.Fatalf("%d lines durable: not in the middle", n)
			}
			r.sink.Reopen()
			r.sink.Release()
			r.start()
			r.wants(want...)
		})
	}
}

func TestCompressedDamaged(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	var lines []string
	for i := range 30_000 {
		lines = append(lines, fmt.Sprintf("%d %x", i, i*7919*i))
	}
	whole := gz([]byte(strings.Join(lines, "\n") + "\n"))
	if err := os.WriteFile(r.path("app.log.gz"), whole[:len(whole)/2], 0o644); err != nil {
		t.Fatal(err)
	}
	r.write("ok.log", "fine\n")
	r.start()
	r.eventually("the readable part", func() bool { return len(r.sink.Values()) > 1000 })
	// The rest comes: it was still being copied, say.
	if err := os.WriteFile(r.path("app.log.gz"), whole, 0o644); err != nil {
		t.Fatal(err)
	}
	r.wantsSet(append([]string{"fine"}, lines...)...)
}

// Wherever a compressed file is cut off, its end is not taken for the end, and what was read before
// is right.
func TestCompressedCutOff(t *testing.T) {
	t.Parallel()
	text := []byte(strings.Repeat("one line after the other, all the same\n", 40))
	for _, ext := range extensions {
		whole := compressed(t, ext, text)
		kind := compressionOf("x", whole)
		if kind == none || kind != compressionOf("x"+ext, nil) {
			t.Fatalf("%s is not known for what it is", ext)
		}
		for n := 1; n <= len(whole); n++ {
			got, err := readAll(whole[:n], kind)
			switch {
			case !bytes.HasPrefix(text, got):
				t.Fatalf("%s cut at %d of %d: read something else", ext, n, len(whole))
			case n < len(whole) && err == nil:
				t.Errorf("%s cut at %d of %d: taken as complete", ext, n, len(whole))
			case n == len(whole) && (err != nil || len(got) != len(text)):
				t.Errorf("%s: %d bytes, %v", ext, len(got), err)
			case err != nil && !errors.Is(err, errCompressed):
				t.Errorf("%s cut at %d of %d: %v", ext, n, len(whole), err)
			}
		}
		got, err := readAll(append(whole[:len(whole):len(whole)], whole...), kind)
		if err != nil || len(got) != 2*len(text) {
			t.Errorf("%s twice: %d bytes, %v", ext, len(got), err)
		}
		for i := range whole { // damaged: an error or the right text, and no end of it all
			bad := slices.Clone(whole)
			bad[i] ^= 0x55
			_, _ = readAll(bad, kind)
		}
	}
}

func readAll(b []byte, kind compression) ([]byte, error) {
	s, err := newStream(bytes.NewReader(b), int64(len(b)), kind)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	return io.ReadAll(io.NewSectionReader(s, 0, 1<<22))
}

// An xz file may ask for a dictionary of 4 GiB, which is allocated before anything is read.
func TestXZDictionaryIsBounded(t *testing.T) {
	t.Parallel()
	whole := compressed(t, ".xz", []byte("text\n"))
	if n := xzDictionary(bufio.NewReader(bytes.NewReader(whole))); n != 8<<20 {
		t.Errorf("dictionary of %d bytes, want xz's default of the library", n)
	}
	huge := slices.Clone(whole)
	huge[12+4] = 40 // 4 GiB - 1, in the block header
	if _, err := newStream(bytes.NewReader(huge), int64(len(huge)), xzipped); err == nil ||
		!strings.Contains(err.Error(), "dictionary") {
		t.Errorf("opened: %v", err)
	}
}

// What is neither text nor can be read is left alone, said and counted; once it is text it is read.
func TestNeitherTextNorReadableIsSkipped(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	log := r.capture(nil)
	contents := map[string]string{
		"a.log.1.zip":   "PK\x03\x04 and so on\n",
		"a.log.2":       "7z\xBC\xAF\x27\x1C\n\n",
		"a.log.3.Z":     "\x1F\x9D\n\n",
		"a.log.journal": "LPKSHHRH\n",
		"a.log.tar":     strings.Repeat("\x00", 257) + "ustar\x00" + strings.Repeat("\n", 300),
	}
	for name, text := range contents {
		r.write(name, text)
	}
	r.write("a.log", "1\n")
	r.start()
	r.wants("1")
	for name := range contents {
		if said := log.Lines("file is skipped", r.path(name)+" ", "do="); len(said) != 1 {
			t.Errorf("of %s it is said %q", name, said)
		}
	}
	if n := testutil.ToFloat64(r.tail.counts.skipped.WithLabelValues("zip archive")); n != 1 {
		t.Errorf("counted %v", n)
	}
	r.write("BZh.log", "BZh9 is how bzip2 begins\n")
	r.write("PK.log", "PK is how zip begins\n")
	r.wantsSet("1", "BZh9 is how bzip2 begins", "PK is how zip begins")
	if err := os.WriteFile(r.path("a.log.2"), []byte("t\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r.wantsSet("1", "BZh9 is how bzip2 begins", "PK is how zip begins", "t")
}

// A file that was empty when it was found is what its first bytes say.
func TestCompressedIntoAnEmptyFile(t *testing.T) {
	t.Parallel()
	for _, ext := range extensions {
		t.Run(ext, func(t *testing.T) {
			r := newRig(t, nil)
			r.write("a.log.old", "") // no name tells
			r.start()
			r.eventually("found", func() bool { return len(r.tail.Status()) == 1 })
			r.write("a.log.old", string(compressed(t, ext, []byte("1\n2\n"))))
			r.wants("1", "2")
		})
	}
}
