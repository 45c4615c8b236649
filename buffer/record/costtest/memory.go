package costtest

import (
	"fmt"
	"os"
	"strings"
	"time"
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

// ProcessorTime is what a process has taken of processors, to 10 ms; 0 where the system does not
// tell.
func ProcessorTime(pid int) time.Duration {
	stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, after, _ := strings.Cut(string(stat), ") ") // the command may hold blanks
	f := strings.Fields(after)
	if len(f) < 13 {
		return 0
	}
	var user, system int64
	_, _ = fmt.Sscan(f[11]+" "+f[12], &user, &system)
	return time.Duration(user+system) * 10 * time.Millisecond
}
