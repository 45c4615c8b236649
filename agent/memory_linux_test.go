package agent

import (
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
)

// resident returns the kilobytes of a field of /proc/self/status.
func resident(t *testing.T, field string) int {
	t.Helper()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip("no /proc")
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, field); ok {
			n, err := strconv.Atoi(strings.Fields(rest)[0])
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Skip(field + " is not told")
	return 0
}

// The program goes on with its own pages dropped, and touches few of them again.
func TestProgramPagesAreDropped(t *testing.T) {
	before := resident(t, "RssFile:")
	dropProgramPages()
	after := resident(t, "RssFile:")
	if after > before*2/3 {
		t.Errorf("%d kB of files are resident, %d before", after, before)
	}
}

// What a burst has left is seen as unused.
func TestUnusedMemoryIsSeen(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	burst := make([][]byte, 64)
	for i := range burst {
		burst[i] = make([]byte, 1<<20)
		for j := 0; j < len(burst[i]); j += 4096 {
			burst[i][j] = 1
		}
	}
	clear(burst)
	before := unusedMemory()
	if before < worthFreeing {
		t.Errorf("%d bytes unused", before)
	}
	debug.FreeOSMemory()
	if after := unusedMemory(); after > before/2 {
		t.Errorf("%d bytes unused after they were given back, %d before", after, before)
	}
}
