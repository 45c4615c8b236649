package tail

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// otel-contrib#40523, vector#7990, rsyslog#4214: rotated .gz files are sent again whole.
func TestOtel40523_CompressedIsNotReadAgain(t *testing.T) {
	for _, ext := range []string{".gz", ".zst"} {
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
	for _, ext := range []string{".gz", ".zst"} {
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
	r := newRig(t, nil)
	for i, ext := range []string{".gz", ".zst", ".gz"} {
		data := []byte(fmt.Sprintf("%d a\n%d b", i, i))
		if ext == ".gz" {
			data = append(gz(data[:2]), gz(data[2:])...) // several members
		} else {
			data = append(zst(data[:2]), zst(data[2:])...)
		}
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
	r.wants("0 a", "0 b", "1 a", "1 b", "2 a", "2 b")
	r.halt()
	r.start()
	r.wantsNoMore(quiet, "0 a", "0 b", "1 a", "1 b", "2 a", "2 b")
}

func TestCompressedResumesInTheMiddle(t *testing.T) {
	var want []string
	for i := range 60_000 {
		want = append(want, fmt.Sprintf("%07d %s", i, strings.Repeat(string(rune('a'+i%26)), 60)))
	}
	r := newRig(t, nil)
	data := []byte(strings.Join(want, "\n") + "\n")
	if err := os.WriteFile(r.path("app.log.gz"), gz(data), 0o644); err != nil {
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
}

func TestCompressedDamaged(t *testing.T) {
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
