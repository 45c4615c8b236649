package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/cmd/penstock/demo"
)

// clockReader is added to the program that has a clock to step: it takes what a file says, in
// seconds.
const clockReader = `package main

import (
	"os"
	"strconv"
	"strings"
	"time"
)

func init() {
	go func() {
		for {
			text, _ := os.ReadFile(os.Getenv("PENSTOCK_TEST_CLOCK"))
			n, _ := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
			time.Step.Store(n)
			time.Sleep(10 * time.Millisecond)
		}
	}()
}
`

// buildWithClock builds the program with a standard library whose wall clock can be stepped, as an
// administrator or a time server does; the monotonic clock is as ever. It returns the program.
func buildWithClock(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	library := filepath.Join(strings.TrimSpace(string(goroot)), "src", "time", "time.go")
	source, err := os.ReadFile(library)
	if err != nil {
		t.Fatal(err)
	}
	const now = "\tsec, nsec, mono := runtimeNow()\n"
	if strings.Count(string(source), now) != 1 || !strings.Contains(string(source), "import (\n") {
		t.Fatal("the standard library's clock is not where it was")
	}
	stepped := strings.Replace(string(source), now, now+"\tsec += Step.Load()\n", 1)
	stepped = strings.Replace(
		stepped, "import (\n", "import (\n\t\"sync/atomic\"\n", 1,
	) + "\n// Step is added to the wall clock, in seconds.\nvar Step atomic.Int64\n"
	main, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	overlay := map[string]map[string]string{
		"Replace": {
			library:                                filepath.Join(dir, "time.go"),
			filepath.Join(main, "clock_reader.go"): filepath.Join(dir, "reader.go"),
		},
	}
	text, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"time.go": stepped, "reader.go": clockReader, "overlay.json": string(text)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	program := filepath.Join(dir, "penstock")
	build := exec.Command(
		"go", "build", "-overlay", filepath.Join(dir, "overlay.json"), "-o", program,
		"github.com/penstock/penstock/cmd/penstock",
	)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

// The wall clock jumps by an hour and by a day, forwards and back, while lines are written, files
// are rotated, Kafka comes and goes and the agent is killed. No line is lost or out of order, none
// waits for the clock, and only what was in flight at a kill or an outage comes twice.
func TestClockSteps(t *testing.T) {
	parallel(t)
	if !runtest.Long() {
		t.Skip("make integration runs it: the standard library is built anew")
	}
	clock := filepath.Join(t.TempDir(), "clock")
	rng := runtest.Rand(t)
	s3 := newFaultyS3(t, rng, "overflow")
	r := newRig(
		t,
		fmt.Sprintf(
			edgeConfig, "DIR", "BROKER", "s3",
			s3Block(s3.URL, "overflow", "key", "secret")+"\n  timeout = \"1s\"",
		),
	)
	r.app.Kinds = []demo.Rotation{demo.Rename, demo.RenameGzip}
	r.agent.program = buildWithClock(t)
	r.agent.env = []string{"PENSTOCK_TEST_CLOCK=" + clock}
	step := func(seconds int) {
		t.Helper()
		r.must(os.WriteFile(clock, fmt.Append(nil, seconds), 0o600))
	}
	step(0)
	r.agent.start()
	const hour, day = 3600, 86400
	before, wasKilled := int64(0), false
	for _, at := range []int{hour, 0, -hour, 0, day, -day, 0, day, hour} {
		r.write(1000)
		step(at)
		pause(t.Context(), 300*time.Millisecond)
		outage, kill := rng.IntN(2) == 0, rng.IntN(2) == 0
		if outage {
			r.must(r.broker.Stop())
		}
		r.write(1000)
		_, err := r.app.Rotate()
		r.must(err)
		r.write(1000)
		if outage {
			pause(t.Context(), 2*time.Second)
		}
		if kill {
			r.agent.kill()
			r.agent.start()
		}
		if outage {
			r.must(r.broker.Start())
		}
		began := time.Now()
		runtest.Within(
			t,
			40*time.Second,
			func() bool { return r.ledger.Distinct() >= r.app.Written() },
			func() string {
				return fmt.Sprintf(
					"the clock at %+d s: %+v", at,
					r.ledger.Check(map[string]int64{"a": r.app.Written()}),
				)
			},
		)
		t.Logf(
			"the clock at %+d s, outage %v, kill %v: all lines after %.1f s", at, outage, kill,
			time.Since(began).Seconds(),
		)
		b := r.ledger.Check(map[string]int64{"a": r.app.Written()})
		repeated := b.Duplicated - before
		if before = b.Duplicated; b.Lost != 0 || b.Disordered != 0 {
			t.Fatalf("the clock at %+d s: %+v", at, b)
		}
		// What comes again after a kill may come a little later than what is new.
		if !outage && !kill && !wasKilled && repeated != 0 {
			t.Fatalf("the clock at %+d s: %d lines came again", at, repeated)
		}
		wasKilled = outage || kill
	}
}
