package agent

import (
	"os"
	"runtime/debug"
	"testing"

	"github.com/penstock/penstock/buffer/record/costtest"
)

// The program goes on with its own pages dropped, and touches few of them again.
func TestProgramPagesAreDropped(t *testing.T) {
	before := costtest.Files(os.Getpid())
	if before == 0 {
		t.Skip("the system does not tell")
	}
	dropProgramPages()
	after := costtest.Files(os.Getpid())
	if after > before*2/3 {
		t.Errorf("%d bytes of files are resident, %d before", after, before)
	}
}

// What a burst has left is seen as unused.
func TestUnusedMemoryIsSeen(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	burst := make([][]byte, 64)
	before := int64(0)
	for range 10 { // the runtime gives back some by itself, when it likes
		for i := range burst {
			burst[i] = make([]byte, 1<<20)
			for j := 0; j < len(burst[i]); j += 4096 {
				burst[i][j] = 1
			}
		}
		clear(burst)
		if before = unusedMemory(); before >= worthFreeing {
			break
		}
	}
	if before < worthFreeing {
		t.Errorf("%d bytes unused", before)
	}
	debug.FreeOSMemory()
	if after := unusedMemory(); after >= min(before, worthFreeing) {
		t.Errorf("%d bytes unused after they were given back, %d before", after, before)
	}
}
