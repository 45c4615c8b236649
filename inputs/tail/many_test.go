package tail

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/costtest"
	"github.com/penstock/penstock/inputs/inputstest"
)

// Ten thousand files, a hundred of them active: all are followed within seconds of the start, in
// less than 200 MB at any time, and for next to nothing while idle.
func TestTenThousandFiles(t *testing.T) {
	if testing.Short() {
		t.Skip("makes 10,000 files")
	}
	const files, active = 10_000, 100
	r := newRig(
		t, func(c *Config) { c.RescanInterval = 10 * time.Second; c.PollInterval = time.Second },
	)
	r.cfg.Paths = []string{r.path("**/*.log")}
	name := func(i int) string { return fmt.Sprintf("d%02d/app%05d.log", i%50, i) }
	for i := range 50 {
		if err := os.Mkdir(r.path(fmt.Sprintf("d%02d", i)), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for i := range files {
		r.write(name(i), fmt.Sprintf("the same first line\n%d\n", i))
	}
	measured := resetPeakMemory() && !raceEnabled
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	goroutines := runtime.NumGoroutine()

	all := func(n int) {
		t.Helper()
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if !r.sink.Wait(ctx, func(rec []inputstest.Record) bool { return len(rec) >= n }) {
			t.Fatalf("%d of %d records", len(r.sink.Values()), n)
		}
	}
	begin, cpu := time.Now(), costtest.CPU()
	r.start()
	all(2 * files)
	t.Logf(
		"first start: %d files are followed after %.2f s, CPU %v", files,
		time.Since(begin).Seconds(), costtest.CPU()-cpu,
	)
	r.halt()

	begin, cpu = time.Now(), costtest.CPU()
	r.start()
	r.write(name(7), "after the restart\n")
	all(2*files + 1)
	t.Logf("restart: ready after %v, CPU %v", time.Since(begin), costtest.CPU()-cpu)
	if used := costtest.CPU() - cpu; used > 5*time.Second {
		t.Errorf("a restart takes %v of CPU", used)
	}

	begin, cpu = time.Now(), costtest.CPU()
	for round := range 5 {
		for i := range active {
			r.write(name(i*97), fmt.Sprintf("round %d\n", round))
		}
		all(2*files + 1 + (round+1)*active)
	}
	t.Logf("5 rounds of 100 active files: %v, CPU %v", time.Since(begin), costtest.CPU()-cpu)

	// The rest of the process and the sink's copies of 20,000 records are in this as well.
	if peak := costtest.MostResident(os.Getpid()); measured && peak >= 200_000_000 {
		t.Errorf("peak memory of the process %d MB", peak/1e6)
	} else {
		t.Logf("peak memory of the process %d MB", peak/1e6)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if used := int64(after.HeapAlloc) - int64(before.HeapAlloc); used > 100<<20 {
		t.Errorf("heap grew by %d MiB", used>>20)
	} else {
		t.Logf(
			"heap grew by %d KiB, %d KiB from the system", used>>10,
			(after.HeapSys-after.HeapReleased)>>10,
		)
	}
	if n := runtime.NumGoroutine() - goroutines; n > 20 {
		t.Errorf("%d goroutines", n)
	}

	cpu = costtest.CPU()
	idle := 3 * time.Second
	<-time.After(idle)
	used := costtest.CPU() - cpu
	t.Logf("idle for %v: CPU %v", idle, used)
	if used > idle/10 {
		t.Errorf("%v of CPU in %v of idleness", used, idle)
	}
	if n := len(r.sink.Values()); n != 2*files+1+5*active {
		t.Errorf("%d records", n)
	}
}
