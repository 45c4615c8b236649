package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/cmd/penstock/demo"
	"github.com/tidwall/gjson"
)

const smallDisk = 1 << 20

const fullDiskEdge = `
agent {
  data_dir         = "DIR/data"
  name             = "edge-1"
  shutdown_timeout = "2s"
  admin { listen = "ADMIN" }
}
input "tail" "app" { paths = ["DIR/logs/*.log"] }
OUTPUT
pipeline "p" {
  from = [input.tail.app]
  to   = [output.TYPE.out]
}
`

// smallWriter is an output that writes more than a small disk holds.
type smallWriter struct {
	name         string
	lines        int
	kind, output string
	pattern      string // of the files that it writes
}

func smallWriters(t *testing.T) []smallWriter {
	refusing := httptest.NewServer(
		http.HandlerFunc(
			func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest) },
		),
	)
	t.Cleanup(refusing.Close)
	return []smallWriter{
		{"file", 60_000, "file", `output "file" "out" { path = "SMALL/out.log" }`, "out.log"},
		{"dead letters", 4_000, "http", `output "http" "out" {
  url    = "` + refusing.URL + `"
  format = "lines"
  dead_letter { dir = "SMALL/letters" }
}`, "letters/*.ndjson"},
		{"archive", 60_000, "local", `output "local" "out" {
  directory   = "SMALL/lake"
  path        = "x"
  compression = "none"
  roll {
    records = 2000
    idle    = "200ms"
  }
}`, "lake/x/*"},
	}
}

// Whoever writes to a disk that fills up says so, waits, and goes on when there is room: each line
// is there, whole, and in order.
func TestEveryWriterOutlastsAFullDisk(t *testing.T) {
	parallel(t)
	for _, c := range smallWriters(t) {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			withSmallDisk(t, fmt.Sprint(smallDisk), func(t *testing.T, small string) {
				c.outlasts(t, small, "no space left on device", func() error {
					return syscall.Mount("tmpfs", small, "tmpfs", syscall.MS_REMOUNT, "size=256m")
				})
			})
		})
	}
}

// outlasts writes to small until it is full, for the reason given, and on after makeRoom.
func (c *smallWriter) outlasts(t *testing.T, small, reason string, makeRoom func() error) {
	r := newRig(
		t,
		replaceAll(
			fullDiskEdge, "OUTPUT", replaceAll(c.output, "SMALL", small), "TYPE", c.kind,
		),
	)
	r.agent.start()
	r.write(c.lines)
	runtest.Within(t, 30*time.Second, func() bool {
		log, _ := os.ReadFile(r.agent.logPath)
		return bytes.Contains(log, []byte(reason))
	}, func() string {
		return fmt.Sprintf("nobody says that the disk is full, %d bytes are free", free(t, small))
	})
	if _, page, err := r.agent.get("/"); err != nil || !strings.Contains(page, reason) {
		t.Errorf("the page does not say that the disk is full (%v)", err)
	}
	r.agent.kill() // full or not, it starts
	r.agent.start()
	r.must(makeRoom())
	var b demo.Balance
	var ledger *demo.Ledger
	runtest.Within(t, 60*time.Second, func() bool {
		ledger = linesOf(t, filepath.Join(small, c.pattern))
		b = ledger.Check(map[string]int64{"a": int64(c.lines)})
		return b.Lost == 0
	}, func() string { return fmt.Sprintf("%+v", b) })
	if b.Disordered != 0 || ledger.Strange() != 0 || c.kind == "local" && b.Duplicated != 0 {
		t.Errorf("%+v", b)
	}
	if !r.agent.running() {
		t.Error("the agent has ended")
	}
}

// linesOf enters the lines of files, in the order of their names, into a ledger. A line may stand
// in a dead letter.
func linesOf(t *testing.T, pattern string) *demo.Ledger {
	t.Helper()
	ledger := demo.NewLedger()
	names, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // renamed meanwhile
		}
		for _, line := range bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n")) {
			if letter := gjson.GetBytes(line, "reason"); letter.Exists() {
				line = []byte(gjson.GetBytes(line, "value").String())
			}
			if len(line) > 0 {
				ledger.See(line)
			}
		}
	}
	return ledger
}

func free(t *testing.T, dir string) int64 {
	t.Helper()
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		t.Fatal(err)
	}
	return int64(st.Bavail) * int64(st.Bsize)
}

// A consumer whose working files fill their disk makes its cuts earlier, or waits for room, and
// each record is in one object all the same.
func TestSpoolOnAFullDisk(t *testing.T) {
	parallel(t)
	if !runtest.Long() {
		t.Skip("make integration runs it")
	}
	withSmallDisk(t, "8m", spoolOnSmallDisk)
}

func spoolOnSmallDisk(t *testing.T, small string) {
	// Somebody else has most of the disk, and takes the rest.
	hog := filepath.Join(small, "hog")
	if err := os.WriteFile(hog, make([]byte, 6<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	spoolInLittleRoom(t, small, 150_000, func(ag *agent, lake *lake) {
		runtest.Within(
			t, 40*time.Second,
			func() bool { return free(t, small) < 1<<20 || len(lake.objects(t)) > 0 },
			func() string { return "nothing is spooled" },
		)
		f, err := os.OpenFile(hog, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		for err == nil {
			_, err = f.Write(make([]byte, 64<<10))
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		pause(t.Context(), 2*time.Second)
		if !ag.running() {
			t.Fatal("the agent ended on a full disk")
		}
		if err := os.Remove(hog); err != nil {
			t.Fatal(err)
		}
	})
}

// spoolInLittleRoom has a consumer spool more than small has room for, and checks what is archived
// once full has returned.
func spoolInLittleRoom(
	t *testing.T, small string, records int, full func(ag *agent, lake *lake),
) {
	broker, lake := consumerBroker(t), localLake(t)
	feed := newFeed(t, broker.Addr())
	config := replaceAll(
		consumerConfig, "BROKER", broker.Addr(), "DATA", filepath.Join(small, "data"),
		"MEMBER", "lake-1", "PROTOCOL", "classic", "SESSION", "10s", "KIND", "local",
		"STORE", lake.block, `size    = "64KiB"`, `size    = "1GiB"`,
		"records = 3000", "records = 100000000", `age     = "1s"`, `age     = "1h"`,
		`idle    = "500ms"`, `idle    = "3s"`,
	)
	ag := newAgent(t, "lake", config)
	ag.start()
	waitAssigned(t, []*agent{ag})
	feed.write(t.Context(), records)
	if err := feed.cl.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	full(ag, lake)
	waitArchived(t, broker.Addr(), lakeGroup, feed.produced(), 60*time.Second)
	leave(t, ag)
	if wrong := checkLake(lake.objects(t), feed.produced()); wrong != nil {
		t.Errorf("the lake is wrong:\n%s", strings.Join(wrong, "\n"))
	}
}

// The file system of the data directory turns read-only under the agent, as ext4 does after an
// error: it says so, does not end, and after a repair and a restart every line arrives.
func TestReadOnlyRemount(t *testing.T) {
	parallel(t)
	if !runtest.Long() {
		t.Skip("make integration runs it")
	}
	if os.Getuid() != 0 {
		t.Skip("a loop device needs root")
	}
	image, mnt := filepath.Join(t.TempDir(), "image"), t.TempDir()
	mount := func() string {
		t.Helper()
		if out, err := exec.Command("mount", "-o", "loop,errors=remount-ro", image, mnt).
			CombinedOutput(); err != nil {
			t.Skipf("mount: %v: %s", err, out)
		}
		dev, err := exec.Command("findmnt", "-no", "SOURCE", mnt).Output()
		if err != nil {
			t.Skip(err)
		}
		return filepath.Base(strings.TrimSpace(string(dev)))
	}
	if out, err := exec.Command("sh", "-c", "truncate -s 256M "+image+" && mkfs.ext4 -q -F "+image).
		CombinedOutput(); err != nil {
		t.Skipf("mkfs.ext4: %v: %s", err, out)
	}
	dev := mount()
	t.Cleanup(func() { _ = exec.Command("umount", "-l", mnt).Run() })
	r := newRig(
		t,
		replaceAll(
			plainEdge,
			"DIR/data",
			filepath.Join(mnt, "data"),
			"to   = [output.kafka.events]",
			`to   = [output.kafka.events]
  buffer {
    segment_size = "4MiB"
    min_free     = "16MiB"
  }`,
		),
	)
	r.agent.start()
	r.write(20_000)
	r.arrives(20 * time.Second)
	if err := os.WriteFile("/sys/fs/ext4/"+dev+"/trigger_fs_error", []byte("1"), 0); err != nil {
		t.Skip(err)
	}
	r.write(20_000)
	runtest.Within(t, 20*time.Second, func() bool {
		code, body, err := r.agent.get("/readyz")
		return err == nil && code == http.StatusServiceUnavailable &&
			strings.Contains(body, "read-only")
	}, func() string {
		_, body, err := r.agent.get("/readyz")
		return fmt.Sprintf("readyz says %q (%v)", body, err)
	})
	if !r.agent.running() {
		t.Fatal("the agent has ended")
	}
	// It must end; what it could not write it reads again.
	r.agent.terminateUnread(40 * time.Second)
	r.must(exec.Command("umount", mnt).Run())
	var exit *exec.ExitError
	if err := exec.Command("fsck.ext4", "-y", image).Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	mount()
	r.agent.start()
	runtest.Within(
		t,
		30*time.Second,
		func() bool { return r.ledger.Distinct() >= r.app.Written() },
		func() string {
			return fmt.Sprintf("%+v", r.ledger.Check(map[string]int64{"a": r.app.Written()}))
		},
	)
	if b := r.ledger.Check(
		map[string]int64{"a": r.app.Written()},
	); b.Lost != 0 ||
		b.Disordered != 0 {
		t.Errorf("%+v", b)
	}
}
