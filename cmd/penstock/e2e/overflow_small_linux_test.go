package e2e

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/runtest"
)

// TestOverflowOutlastsAFullDisk has the directory that takes the overflow fill up during an outage:
// that is said, records wait on the agent's own disk, and when there is room and the brokers are
// back all arrive.
func TestOverflowOutlastsAFullDisk(t *testing.T) {
	parallel(t)
	withSmallDisk(t, "1m", func(t *testing.T, small string) {
		overflowInLittleRoom(t, small, "no space left on device", func() error {
			return syscall.Mount("tmpfs", small, "tmpfs", syscall.MS_REMOUNT, "size=256m")
		})
	})
}

func TestOverflowOutlastsAQuota(t *testing.T) {
	parallel(t)
	withQuota(t, "1M", func(t *testing.T, small string, lift func() error) {
		overflowInLittleRoom(t, small, overQuota, lift)
	})
}

func overflowInLittleRoom(t *testing.T, small, reason string, makeRoom func() error) {
	r := newRig(t, strings.ReplaceAll(plainEdge, `  topic   = "app-logs"
}`, `  topic   = "app-logs"
  failover {
    to          = output.local.overflow
    after       = "1s"
    recover     = "500ms"
    object_size = "64KiB"
    object_age  = "1s"
  }
}
output "local" "overflow" { directory = "`+small+`/overflow" }`))
	r.must(r.broker.Stop())
	r.agent.start()
	for range 60 { // some megabytes, in many objects
		r.write(2000)
	}
	runtest.Within(t, 60*time.Second, func() bool {
		log, _ := os.ReadFile(r.agent.logPath)
		return strings.Contains(string(log), reason)
	}, func() string {
		return fmt.Sprintf("nobody says that the disk is full, %d bytes are free", free(t, small))
	})
	r.agent.kill()
	r.agent.start()
	r.write(1000)
	r.must(makeRoom())
	r.must(r.broker.Start())
	r.arrives(2 * time.Minute)
	if !r.agent.running() {
		t.Error("the agent has ended")
	}
}
