package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/cmd/penstock/e2e/servers"
)

// usage is what the brokers have taken since they were started, and hold.
type usage struct {
	cpu      time.Duration
	resident int64 // bytes
	sockets  int   // established connections at their end
}

// clockTick is that of /proc, which is 100 a second on every Linux.
const clockTick = 10 * time.Millisecond

func brokersUsage(c *servers.Cluster) (u usage, err error) {
	ports := map[string]bool{}
	for i, addr := range c.Addrs() {
		_, port, _ := strings.Cut(addr, ":")
		ports[port] = true
		cpu, resident, err := processUsage(c.PID(i + 1))
		if err != nil {
			return u, err
		}
		u.cpu += cpu
		u.resident += resident
	}
	u.sockets, err = established(ports)
	return u, err
}

func processUsage(pid int) (cpu time.Duration, resident int64, err error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0, err
	}
	_, after, _ := bytes.Cut(stat, []byte(") ")) // the name may hold blanks
	fields := bytes.Fields(after)
	if len(fields) < 22 {
		return 0, 0, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(fields))
	}
	for _, field := range fields[11:13] {
		ticks, err := strconv.ParseInt(string(field), 10, 64)
		if err != nil {
			return 0, 0, err
		}
		cpu += time.Duration(ticks) * clockTick
	}
	pages, err := strconv.ParseInt(string(fields[21]), 10, 64)
	return cpu, pages * int64(os.Getpagesize()), err
}

// established counts connections to local ports.
func established(ports map[string]bool) (n int, err error) {
	for _, path := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		f, err := os.Open(path)
		if err != nil {
			return n, err
		}
		lines := bufio.NewScanner(f)
		for lines.Scan() {
			fields := strings.Fields(lines.Text())
			if len(fields) < 4 || fields[3] != "01" {
				continue
			}
			_, hex, _ := strings.Cut(fields[1], ":")
			if port, err := strconv.ParseUint(hex, 16, 16); err == nil &&
				ports[strconv.FormatUint(port, 10)] {
				n++
			}
		}
		f.Close()
		if err := lines.Err(); err != nil {
			return n, err
		}
	}
	return n, nil
}
