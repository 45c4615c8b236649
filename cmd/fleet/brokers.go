package main

import (
	"bufio"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/buffer/record/costtest"
	"github.com/penstock/penstock/cmd/penstock/e2e/servers"
)

// usage is what the brokers have taken since they were started, and hold.
type usage struct {
	cpu      time.Duration
	resident int64 // bytes
	sockets  int   // established connections at their end
}

func brokersUsage(c *servers.Cluster) (u usage, err error) {
	ports := map[string]bool{}
	for i, addr := range c.Addrs() {
		_, port, _ := strings.Cut(addr, ":")
		ports[port] = true
		pid := c.PID(i + 1)
		u.cpu += costtest.ProcessorTime(pid)
		u.resident += costtest.Anonymous(pid) + costtest.Files(pid)
	}
	u.sockets, err = established(ports)
	return u, err
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
