package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/cmd/penstock/demo"
)

// anonymousMemory returns a process's resident anonymous memory in bytes.
func anonymousMemory(t *testing.T, pid int) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, ok := strings.Cut(string(status), "RssAnon:")
	if !ok {
		return 0
	}
	kb, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	return kb << 10
}

func replaceAll(s string, pairs ...string) string { return strings.NewReplacer(pairs...).Replace(s) }

// Ten thousand files, a hundred of them written to: started in seconds, in less than 200 MB.
func TestTenThousandFiles(t *testing.T) {
	r := newRig(t, plainEdge)
	const files, active, each = 10_000, 100, 50
	for i := range files {
		line := demo.AppendLine(nil, fmt.Sprintf("f%05d", i), 0, time.Now())
		r.must(os.WriteFile(filepath.Join(r.dir, "logs", fmt.Sprintf("f%05d.log", i)), line, 0o644))
	}
	started := time.Now()
	r.agent.start()
	eventually(t, 60*time.Second, func() bool { return r.ledger.Distinct() >= files }, func() string {
		return fmt.Sprintf("%d of %d first lines arrived", r.ledger.Distinct(), files)
	})
	t.Logf("the first line of each of %d files arrived after %v", files, time.Since(started).Round(time.Millisecond))
	written := map[string]int64{}
	for i := range files {
		written[fmt.Sprintf("f%05d", i)] = 1
	}
	for seq := range int64(each) {
		for i := range active {
			name := fmt.Sprintf("f%05d", i*100)
			f, err := os.OpenFile(filepath.Join(r.dir, "logs", name+".log"), os.O_APPEND|os.O_WRONLY, 0)
			r.must(err)
			_, err = f.Write(demo.AppendLine(nil, name, seq+1, time.Now()))
			r.must(err)
			r.must(f.Close())
			written[name] = seq + 2
		}
	}
	eventually(t, 30*time.Second, func() bool { return r.ledger.Distinct() >= files+active*each }, func() string {
		return fmt.Sprintf("%d of %d lines arrived", r.ledger.Distinct(), files+active*each)
	})
	if b := r.ledger.Check(written); b.Lost != 0 || b.Duplicated != 0 || b.Disordered != 0 {
		t.Errorf("%+v", b)
	}
	if m := anonymousMemory(t, r.agent.cmd.Process.Pid); m > 200<<20 {
		t.Errorf("%d MiB of anonymous memory, want less than 200", m>>20)
	} else {
		t.Logf("%d MiB of anonymous memory", m>>20)
	}
}
