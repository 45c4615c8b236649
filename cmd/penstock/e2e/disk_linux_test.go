package e2e

import (
	"bytes"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/runtest"
)

// The data directory's filesystem fills up while the broker is away, first by the buffer itself,
// then by somebody else: no SIGBUS, nothing acknowledged is lost, and the agent goes on by itself
// when there is space again.
func TestFullDisk(t *testing.T) { withSmallDisk(t, "64m", fillDisk) }

func fillDisk(t *testing.T, data string) {
	r := newRig(
		t,
		replaceAll(
			plainEdge,
			"DIR/data",
			data,
			"to   = [output.kafka.events]",
			`to   = [output.kafka.events]
  buffer {
    segment_size = "4MiB"
    min_free     = "16MiB"
  }`,
		),
	)
	r.must(r.broker.Stop())
	r.agent.start()
	r.write(1_500_000) // about 100 MB even compressed
	var before float64
	runtest.Within(t, 60*time.Second, func() bool {
		var st syscall.Statfs_t
		r.must(syscall.Statfs(data, &st))
		n, err := r.agent.metric("penstock_input_records_total")
		stopped := err == nil && n > 0 && n == before
		before = n
		pause(t.Context(), 300*time.Millisecond)
		return stopped && int64(st.Bavail)*int64(st.Bsize) < 32<<20
	}, func() string { return "the disk did not fill" })
	// Somebody else takes the rest.
	takeAll(r, data)
	pause(t.Context(), time.Second)
	if !r.agent.running() {
		t.Fatal("the agent ended on a full disk")
	}
	r.agent.kill() // and on a full disk it also starts
	r.agent.start()
	pause(t.Context(), time.Second)
	if !r.agent.running() {
		t.Fatal("the agent does not start on a full disk")
	}
	r.must(os.Remove(filepath.Join(data, "hog")))
	r.must(r.broker.Start())
	r.arrives(2 * time.Minute)
}

// takeAll has somebody else take what there is of a disk, on top of what they have.
func takeAll(r *rig, dir string) {
	hog, err := os.OpenFile(filepath.Join(dir, "hog"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	r.must(err)
	for n := 1 << 20; n > 0; n /= 2 {
		for block := make([]byte, n); err == nil; {
			_, err = hog.Write(block)
		}
		err = nil
	}
	r.must(hog.Close())
}

// An agent that is killed again and again while somebody else takes every byte that it gives up
// starts all the same, and delivers what it has.
func TestRestartsOnAFullDisk(t *testing.T) { withSmallDisk(t, "64m", restartOnAFullDisk) }

func restartOnAFullDisk(t *testing.T, data string) {
	r := newRig(
		t,
		replaceAll(
			plainEdge, "DIR/data", data, "to   = [output.kafka.events]",
			`to   = [output.kafka.events]
  buffer { min_free = "4MiB" }`,
		),
	)
	r.must(r.broker.Stop())
	r.agent.start()
	r.write(20_000)
	runtest.Within(t, 30*time.Second, func() bool {
		n, err := r.agent.metric("penstock_buffer_appended_records_total")
		return err == nil && n == float64(r.app.Written())
	}, func() string { return "not all is in the buffer" })
	says := func() bool {
		log, err := os.ReadFile(r.agent.logPath)
		r.must(err)
		return bytes.Contains(log, []byte("buffer: the disk is full; inputs wait, outputs go on"))
	}
	for n := 0; n < 8 || !says(); n++ { // a restart may free as much as the next one needs
		if n == 40 {
			t.Fatal("nobody says that the disk is full\n", lastLines(r.agent.logPath, 20))
		}
		r.agent.kill()
		takeAll(r, data)
		r.agent.start()
		runtest.Within(t, 30*time.Second, func() bool {
			_, _, err := r.agent.get("/healthz")
			return err == nil || !r.agent.running()
		}, func() string { return "the agent does not answer" })
		if !r.agent.running() {
			t.Fatal("the agent does not start on a full disk\n", lastLines(r.agent.logPath, 5))
		}
		takeAll(r, data)
	}
	r.must(r.broker.Start())
	r.arrives(time.Minute)
	r.write(1000)
	r.must(os.Remove(filepath.Join(data, "hog")))
	r.arrives(time.Minute)
}
