package positions

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/penstock/penstock/inputs/tail"
)

func told(all []tail.Foreign) []string {
	var out []string
	for _, p := range all {
		s := fmt.Sprintf("%s dev %d ino %d at %d", p.Path, p.Dev, p.Ino, p.Off)
		if p.Holds != nil {
			s += " by content"
		}
		out = append(out, s)
	}
	return out
}

func wants(t *testing.T, all []tail.Foreign, err error, want ...string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if got := told(all); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func written(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Lines as fluentd formats them: "%s\t%016x\t%016x\n".
func TestFluentdsPosFile(t *testing.T) {
	path := written(t, "app.pos", "/var/log/app.log\t00000000000004d2\t000000000000004d\n"+
		"/var/log/gone.log\tffffffffffffffff\t0000000000000001\n"+
		"/var/log/new.log\t0000000000000000\t0000000000000000\n"+
		"/var/log/with\ttab.log\t000000000000000a\t0000000000000002\n"+
		"/var/log/app.log\t00000000000004d3\t000000000000004d\n")
	all, err := fluentd(path)
	wants(
		t,
		all,
		err,
		"/var/log/app.log dev 0 ino 77 at 1235",
		"/var/log/with\ttab.log dev 0 ino 2 at 10",
	)
	_, err = fluentd(written(t, "bad.pos", "/var/log/app.log 12\n"))
	if err == nil || !strings.Contains(err.Error(), "bad.pos:1: this is no line of a pos_file") {
		t.Error(err)
	}
}

// Written by SQLite with the statements and the journal mode of in_tail; open.db as a killed
// process leaves it, with its last changes in the write-ahead log alone.
func TestFluentBitsDatabase(t *testing.T) {
	all, err := fluentBit("testdata/fluent-bit/closed.db")
	wants(
		t, all, err, "/var/log/app.log.1 dev 0 ino 77 at 1234",
		"/var/log/big.log dev 0 ino 1099511627776 at 21474836480",
	)
	all, err = fluentBit("testdata/fluent-bit/open.db")
	wants(t, all, err, "/var/log/app.log dev 0 ino 77 at 30")
}

// Written by fluent-bit 5.1.1 itself, whose table has more columns, once stopped and once killed:
// half a line of a.log was not taken, b.log was rotated, and a third file deleted.
func TestFluentBitsDatabaseAsFluentBitLeavesIt(t *testing.T) {
	for _, name := range []string{"stopped", "killed"} {
		all, err := fluentBit("testdata/fluent-bit/v5.1-" + name + ".db")
		wants(
			t, all, err, "/tmp/fbpos/logs/a.log dev 0 ino 10298084 at 8",
			"/tmp/fbpos/logs/b.log dev 0 ino 10298176 at 4",
		)
	}
}

func TestFluentBitsDatabaseOfManyPages(t *testing.T) {
	all, err := fluentBit("testdata/fluent-bit/many.db")
	if err != nil || len(all) != 120 {
		t.Fatal(len(all), err)
	}
	for i, p := range all {
		n := i + 1
		long := n % 7
		if n%10 == 0 {
			long = n * 3
		}
		path := fmt.Sprintf("/var/log/%s/%d.log", strings.Repeat("long", long), n)
		if p.Path != path || p.Off != int64(n*1000-500) || p.Ino != uint64(n) {
			t.Fatalf("row %d: %s", n, told([]tail.Foreign{p}))
		}
	}
}

// A write-ahead log of which the last transaction was not written whole counts up to the one
// before.
func TestFluentBitsDatabaseAfterAPowerFailure(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"open.db", "open.db-wal"} {
		data, err := os.ReadFile(filepath.Join("testdata/fluent-bit", name))
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "-wal") {
			data = data[:len(data)-10]
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	all, err := fluentBit(filepath.Join(dir, "open.db"))
	wants(t, all, err, "/var/log/app.log dev 0 ino 77 at 20")
}

// Written by libbeat's store: a snapshot, and the changes after it.
func TestFilebeatsRegistry(t *testing.T) {
	all, err := filebeat("testdata/filebeat")
	wants(
		t, all, err, "/var/log/a.log dev 2049 ino 11 at 30", "/var/log/b.log dev 2049 ino 12 at 25",
		"/var/log/c.log dev 2049 ino 14 at 40", "/var/log/d.log dev 0 ino 0 at 50 by content",
	)
	text := strings.Repeat("x", 1023) + "\n"
	for content, want := range map[string]bool{text + "more": true, text: true, "y" + text: false, "short": false} {
		holds, err := all[3].Holds(strings.NewReader(content), int64(len(content)))
		if err != nil || holds != want {
			t.Errorf("%d bytes: %v, %v", len(content), holds, err)
		}
	}
}

// Written by rsyslogd 8.2302: of one file half a line was read, of the other a message that may go
// on. It passes neither on when it stops.
func TestRsyslogsStateFiles(t *testing.T) {
	all, err := rsyslog("testdata/rsyslog")
	wants(
		t, all, err, "/tmp/rs/logs/app.log dev 0 ino 10856731 at 28",
		"/tmp/rs/logs/multi.log dev 0 ino 10856732 at 20",
	)
}

func TestPromtailsPositions(t *testing.T) {
	all, err := promtail(written(t, "positions.yaml", "positions:\n"+
		"  /var/log/app.log: \"1234\"\n  cursor-journal: s=abc\n  /var/log/b.log: \"5\"\n"))
	wants(t, all, err, "/var/log/app.log dev 0 ino 0 at 1234", "/var/log/b.log dev 0 ino 0 at 5")
}

// The checksum's own check value is that of the catalogue of CRCs for CRC-64/ECMA-182.
func TestVectorsCheckpoints(t *testing.T) {
	if got := ecma182([]byte("123456789")); got != 0x6c40df5f0b497347 {
		t.Fatalf("%x", got)
	}
	one, two := ecma182([]byte("first\n")), ecma182([]byte("first\nsecond\n"))
	all, err := vector(written(t, "checkpoints.json", fmt.Sprintf(`{"version":"1","checkpoints":[`+
		`{"fingerprint":{"dev_inode":[2049,77]},"position":10,"modified":"2024-01-01T00:00:00Z"},`+
		`{"fingerprint":{"first_lines_checksum":%d},"position":20,"modified":"2024-01-01T00:00:00Z"},`+
		`{"fingerprint":{"first_line_checksum":%d},"position":30,"modified":"2024-01-01T00:00:00Z"}]}`,
		one, two)))
	wants(
		t, all, err, " dev 2049 ino 77 at 10", " dev 0 ino 0 at 20 by content",
		" dev 0 ino 0 at 30 by content",
	)
	for content, want := range map[string][2]bool{
		"first\nsecond\nthird\n": {true, true}, "first\nother\n": {true, false}, "first": {}, "": {},
		"another\nsecond\n": {},
	} {
		for i, p := range all[1:] {
			holds, err := p.Holds(strings.NewReader(content), int64(len(content)))
			if err != nil || holds != want[i] {
				t.Errorf("%q: %d: %v, %v", content, i, holds, err)
			}
		}
	}
	if _, err := vector(written(t, "v2.json", `{"version":"2"}`)); err == nil {
		t.Error("an unknown version is read")
	}
}

func FuzzFluentBitsDatabase(f *testing.F) {
	for _, name := range []string{"closed.db", "open.db"} {
		data, err := os.ReadFile(filepath.Join("testdata/fluent-bit", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "x.db")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		_, _ = fluentBit(path)
	})
}
