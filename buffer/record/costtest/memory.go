package costtest

import (
	"fmt"
	"os"
	"strings"
)

// Anonymous is how much memory of a process is resident and of no file; 0 where the system does not
// tell.
func Anonymous(pid int) int64 { return memory(pid, "RssAnon:") }

// Files is how much of files a process has resident.
func Files(pid int) int64 { return memory(pid, "RssFile:") }

// MostResident is the most memory that a process has had resident.
func MostResident(pid int) int64 { return memory(pid, "VmHWM:") }

func memory(pid int, field string) (kib int64) {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if _, rest, ok := strings.Cut(string(status), field); ok {
		_, _ = fmt.Sscan(rest, &kib)
	}
	return kib << 10
}
