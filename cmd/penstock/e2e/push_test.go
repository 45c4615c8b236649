package e2e

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// The agent pushes what /metrics has, the push itself among it, to a StatsD server.
func TestMetricsArePushed(t *testing.T) {
	parallel(t)
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	dir := t.TempDir()
	a := newAgent(t, "pushing", fmt.Sprintf(`
agent {
  data_dir = %q
  name     = "web-1"
  admin { listen = "ADMIN" }
  metrics {
    to       = "dogstatsd"
    address  = %q
    interval = "1s"
    prefix   = "logs."
  }
}
input "tail" "app" { paths = [%q] }
output "file" "out" { path = %q }
pipeline "app" {
  from = [input.tail.app]
  to   = [output.file.out]
}
`, dir+"/data", c.LocalAddr().String(), dir+"/app.log", dir+"/out.log"))
	a.start()
	if err := c.SetReadDeadline(time.Now().Add(60 * time.Second)); err != nil {
		t.Fatal(err)
	}
	missing := map[string]bool{
		"logs.penstock_agent_ready:1|g|#agent:web-1":          true,
		"logs.penstock_push_snapshots_total:1|c|#agent:web-1": true,
		"logs.penstock_pipeline_safe:1|g|#agent:web-1,":       true,
	}
	b := make([]byte, 1<<16)
	for len(missing) > 0 {
		n, _, err := c.ReadFrom(b)
		if err != nil {
			t.Fatalf("%v: %v", err, missing)
		}
		for line := range strings.Lines(string(b[:n])) {
			for want := range missing {
				if strings.HasPrefix(line, want) {
					delete(missing, want)
				}
			}
		}
	}
}
