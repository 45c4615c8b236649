package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/costtest"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/cmd/penstock/demo"
)

func replaceAll(s string, pairs ...string) string {
	return strings.NewReplacer(pairs...).Replace(s)
}

// Ten thousand files, a hundred of them written to: followed within seconds of the start, in less
// than 200 MB at any time. When those hundred are flooded, that goes for the process's own memory;
// the pages of the buffer's newest segment, which are mapped, come on top and go when others need
// them.
func TestTenThousandFiles(t *testing.T) {
	parallel(t)
	const (
		files, active = 10_000, 100
		within        = 20 * time.Second
		memory        = 200_000_000
	)
	r := newRig(t, plainEdge)
	name := func(i int) string { return fmt.Sprintf("f%05d", i) }
	written := map[string]int64{}
	total := int64(0)
	appendLines := func(i, n int) {
		t.Helper()
		var lines []byte
		for range n {
			lines = demo.AppendLine(lines, name(i), written[name(i)], time.Now())
			written[name(i)]++
			total++
		}
		f, err := os.OpenFile(
			filepath.Join(r.dir, "logs", name(i)+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY,
			0o644,
		)
		r.must(err)
		_, err = f.Write(lines)
		r.must(errors.Join(err, f.Close()))
	}
	pid, anonymous := 0, int64(0)
	arrived := func() {
		t.Helper()
		runtest.Within(t, within, func() bool {
			anonymous = max(anonymous, costtest.Anonymous(pid))
			return r.ledger.Distinct() >= total
		}, func() string { return fmt.Sprintf("%d of %d lines arrived", r.ledger.Distinct(), total) })
	}
	work := func(what string, rounds, each int) {
		t.Helper()
		started, before := time.Now(), total
		for range rounds {
			for i := range active {
				appendLines(i*(files/active), each)
			}
			arrived()
		}
		t.Logf(
			"%s: %d lines to %d files in %.2f s; peak memory %d MB, anonymous %d MB", what,
			total-before, active, time.Since(started).Seconds(), costtest.MostResident(pid)/1e6,
			anonymous/1e6,
		)
	}
	for i := range files {
		appendLines(i, 1)
	}
	started := time.Now()
	r.agent.start()
	pid = r.agent.cmd.Process.Pid
	arrived()
	t.Logf(
		"%d files are followed %.2f s after the start; peak memory %d MB", files,
		time.Since(started).Seconds(), costtest.MostResident(pid)/1e6,
	)
	work("active", 50, 4)
	if peak := costtest.MostResident(pid); peak == 0 || peak >= memory {
		t.Errorf("peak memory %d MB, want less than %d", peak/1e6, memory/1_000_000)
	}
	work("flooded", 20, 500)
	if anonymous == 0 || anonymous >= memory {
		t.Errorf(
			"peak of anonymous memory %d MB, want less than %d", anonymous/1e6, memory/1_000_000,
		)
	}
	if b := r.ledger.Check(written); b.Lost != 0 || b.Duplicated != 0 || b.Disordered != 0 {
		t.Errorf("%+v", b)
	}
}
