package e2e

import (
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
	hog, err := os.Create(filepath.Join(data, "hog"))
	r.must(err)
	block := make([]byte, 1<<20)
	for err == nil {
		_, err = hog.Write(block)
	}
	r.must(hog.Close())
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
