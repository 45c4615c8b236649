package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/cmd/penstock/demo"
)

// More files than the process may open, as 1,500 under ulimit -n 1024: each is read, through
// rotation and an outage, and neither outputs nor the buffer ever find too few descriptors. The
// agent raises its soft limit, and the tail keeps to its share of the hard one.
func TestMoreFilesThanDescriptors(t *testing.T) {
	parallel(t)
	limit, files := 256, 375
	if runtest.Long() {
		limit, files = 1024, 1500
	}
	// Rotated files are not in the glob: they are found again by where they went.
	r := newRig(
		t,
		replaceAll(
			plainEdge,
			`"DIR/logs/*.log", "DIR/logs/*.log.*"`,
			`"DIR/logs/*.log"`,
			"app-logs\"\n}",
			`app-logs"
  failover {
    to    = output.local.overflow
    after = "1s"
    recover = "500ms"
    object_size = "64KiB"
    object_age  = "1s"
  }
}
output "local" "overflow" { directory = "DIR/overflow" }`,
			"to   = [output.kafka.events]",
			`to   = [output.kafka.events]
  buffer { segment_size = "1MiB" }`,
		),
	)
	r.agent.files = limit
	apps := make([]*demo.App, files)
	for i := range apps {
		source := fmt.Sprintf("s%04d", i)
		apps[i] = &demo.App{
			Source: source,
			Path:   filepath.Join(r.dir, "logs", source+".log"),
			Rand:   rand.New(rand.NewPCG(1, uint64(i))),
			Kinds:  []demo.Rotation{demo.Rename},
		}
		t.Cleanup(func() { _ = apps[i].Close() })
	}
	each := func(do func(a *demo.App) error) {
		t.Helper()
		for _, a := range apps {
			r.must(do(a))
		}
	}
	write := func(n int) { t.Helper(); each(func(a *demo.App) error { return a.Write(n) }) }
	repeats := false
	arrives := func(what string) {
		t.Helper()
		want, total := map[string]int64{}, int64(0)
		for _, a := range apps {
			want[a.Source] = a.Written()
			total += a.Written()
		}
		runtest.Within(
			t,
			time.Minute,
			func() bool { return r.ledger.Distinct() >= total },
			func() string {
				return fmt.Sprintf(
					"%s: %d of %d lines arrived: %v", what, r.ledger.Distinct(), total,
					r.ledger.Check(want).Notes,
				)
			},
		)
		if b := r.ledger.Check(
			want,
		); b.Lost != 0 || b.Disordered != 0 || b.Duplicated != 0 && !repeats ||
			r.ledger.Strange() != 0 {
			t.Fatalf("%s: %+v", what, b)
		}
	}
	write(20)
	r.agent.start()
	arrives("at the start")
	write(20)
	arrives("as they grow")
	// Rotated while idle ones are closed, with lines that nobody has read.
	each(func(a *demo.App) error {
		if err := a.Write(3); err != nil {
			return err
		}
		if _, err := a.Rotate(); err != nil {
			return err
		}
		return a.Write(3)
	})
	arrives("after a rotation")
	repeats = true // what was on its way when failover begins
	r.must(r.broker.Stop())
	for range 4 {
		write(50)
		pause(t.Context(), 500*time.Millisecond)
	}
	runtest.Within(t, 20*time.Second, func() bool {
		n, err := r.agent.metric("penstock_overflow_objects_written_total")
		return err == nil && n > 0
	}, func() string { return "nothing went to the overflow: " + lastLines(r.agent.logPath, 5) })
	r.must(r.broker.Start())
	arrives("after an outage")
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	for ctx.Err() == nil { // all of them are active
		write(1)
	}
	arrives("all being active")
	if n := r.agent.logged("too many open files"); n > 0 {
		t.Errorf("descriptors ran out %d times", n)
	}
	if n := r.agent.logged("more files than may be open", `"do":`); n != 1 {
		t.Errorf("said %d times that files are closed between reads", n)
	}
}
