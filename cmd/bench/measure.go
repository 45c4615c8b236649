package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/buffer/record/costtest"
)

// usage is what a process has used.
type usage struct {
	wall       time.Duration
	cpu        time.Duration
	peakAnon   int64 // bytes: anonymous memory
	peakMapped int64 // bytes: resident file mappings and shared memory
	wroteDisk  int64 // bytes sent to the block layer
	writes     int64 // system calls that write
	lines      int64 // if not those of the workload
	moved      int64 // bytes of what was moved, if that is not the corpus
}

// meter samples a running process until stop is called.
type meter struct {
	pid   int
	start time.Time
	stop  chan struct{}
	done  chan usage
}

func watch(pid int) *meter {
	m := &meter{pid: pid, start: time.Now(), stop: make(chan struct{}), done: make(chan usage)}
	go func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		var u usage
		for {
			sample(m.pid, &u)
			select {
			case <-m.stop:
				sample(m.pid, &u)
				u.wall = time.Since(m.start)
				m.done <- u
				return
			case <-tick.C:
			}
		}
	}()
	return m
}

func (m *meter) end() usage {
	close(m.stop)
	return <-m.done
}

func sample(pid int, u *usage) {
	if status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)); err == nil {
		u.peakAnon = max(u.peakAnon, statusKB(status, "RssAnon:")<<10)
		u.peakMapped = max(
			u.peakMapped, (statusKB(status, "RssFile:")+statusKB(status, "RssShmem:"))<<10,
		)
	}
	u.cpu = max(u.cpu, costtest.ProcessorTime(pid))
	if io, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid)); err == nil {
		u.wroteDisk = max(u.wroteDisk, statusKB(io, "write_bytes:"))
		u.writes = max(u.writes, statusKB(io, "syscw:"))
	}
}

func statusKB(status []byte, field string) int64 {
	sc := bufio.NewScanner(strings.NewReader(string(status)))
	for sc.Scan() {
		if rest, ok := strings.CutPrefix(sc.Text(), field); ok {
			f := strings.Fields(rest)
			n, _ := strconv.ParseInt(f[0], 10, 64)
			return n
		}
	}
	return 0
}

// runSelf runs one of this program's own workloads in a process of its own, to its end.
func runSelf(ctx context.Context, args ...string) (usage, error) {
	exe, err := os.Executable()
	if err != nil {
		return usage{}, err
	}
	cmd := exec.CommandContext(ctx, exe, args...)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return usage{}, err
	}
	m := watch(cmd.Process.Pid)
	err = cmd.Wait()
	u := m.end()
	if err != nil {
		return u, fmt.Errorf("%s: %w", strings.Join(args, " "), err)
	}
	u.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return u, nil
}
