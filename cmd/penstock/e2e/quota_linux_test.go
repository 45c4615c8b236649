package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/runtest"
)

const overQuota = "disk quota exceeded"

// withQuota runs fn with a directory in which there is room for a size such as "8M" and no more,
// though the file system has room: a subvolume of btrfs. lift ends that.
func withQuota(t *testing.T, size string, fn func(t *testing.T, dir string, lift func() error)) {
	t.Helper()
	if !runtest.Long() {
		t.Skip("make integration runs it")
	}
	if os.Getuid() != 0 {
		t.Skip("a loop device needs root")
	}
	at := t.TempDir()
	image, mnt := filepath.Join(at, "image"), filepath.Join(at, "mnt")
	if err := os.Mkdir(mnt, 0o755); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("sh", "-ec", `
		truncate -s 1G "$1"
		PATH=$PATH:/usr/sbin mkfs.btrfs -q -m single -d single "$1"
		mount -o loop "$1" "$2"
		btrfs quota enable "$2"
		btrfs subvolume create "$2/small"
		btrfs qgroup limit "$3" "$2/small"`, "sh", image, mnt, size).CombinedOutput()
	t.Cleanup(func() { _ = exec.Command("umount", "-l", mnt).Run() })
	if err != nil {
		t.Skipf("a quota needs btrfs: %v: %s", err, out)
	}
	small := filepath.Join(mnt, "small")
	fn(t, small, func() error {
		return exec.Command("btrfs", "qgroup", "limit", "none", small).Run()
	})
}

// A quota is a full disk to whoever writes, though the file system says that it has room.
func TestEveryWriterOutlastsAQuota(t *testing.T) {
	parallel(t)
	for _, c := range smallWriters(t) {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			withQuota(t, "1M", func(t *testing.T, small string, lift func() error) {
				c.outlasts(t, small, overQuota, lift)
			})
		})
	}
}

func TestBufferUnderAQuota(t *testing.T) {
	parallel(t)
	withQuota(t, "24M", func(t *testing.T, small string, lift func() error) {
		r := newRig(
			t,
			replaceAll(
				plainEdge, "DIR/data", filepath.Join(small, "data"),
				"to   = [output.kafka.events]", `to   = [output.kafka.events]
  buffer { segment_size = "4MiB" }`,
			),
		)
		r.must(r.broker.Stop())
		r.agent.start()
		r.write(600_000) // about 40 MB even compressed
		runtest.Within(t, 60*time.Second, func() bool {
			log, _ := os.ReadFile(r.agent.logPath)
			return strings.Contains(string(log), overQuota)
		}, func() string { return "nobody says that there is no room" })
		r.agent.kill()
		r.agent.start()
		pause(t.Context(), time.Second)
		if !r.agent.running() {
			t.Fatal("the agent does not start without room")
		}
		r.must(lift())
		r.must(r.broker.Start())
		r.arrives(2 * time.Minute)
	})
}

func TestSpoolUnderAQuota(t *testing.T) {
	parallel(t)
	withQuota(t, "1M", func(t *testing.T, small string, _ func() error) {
		spoolInLittleRoom(t, small, 1_000_000, func(ag *agent, lake *lake) {
			runtest.Within(
				t, 60*time.Second,
				func() bool {
					log, _ := os.ReadFile(ag.logPath)
					return strings.Contains(string(log), overQuota)
				},
				func() string { return "nobody says that there is no room" },
			)
		})
	})
}
