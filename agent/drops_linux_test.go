package agent

import (
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/penstock/penstock/agent/admin"
	"github.com/penstock/penstock/agent/state"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/inputs/socket"
	"github.com/penstock/penstock/inputs/syslog"
)

// Datagrams that the kernel drops are the state of their input, on page, status, readiness and in
// metrics, while that goes on.
func TestDatagramsThatTheKernelDropsAreTold(t *testing.T) {
	t.Parallel()
	for input, config := range map[string]string{
		"udp":    `listen = "127.0.0.1:0"`,
		"syslog": `listen = ["udp://127.0.0.1:0"]`,
	} {
		t.Run(input, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.more = Catalogue{
				InputType("udp", "UDP.", socket.DefaultUDP, socket.NewUDP),
				InputType("syslog", "Syslog.", syslog.Default, syslog.New),
			}
			addr := freeUDP(t)
			config = strings.ReplaceAll(config, "127.0.0.1:0", addr)
			r := startAgent(t, w, t.TempDir(), fmt.Sprintf(`
input %q "in" {
  %s
  receive_buffer = "2KiB"
}
output "fake" "out" { name = "out" }
pipeline "p" {
  from = [input.%s.in]
  to   = [output.fake.out]
}`, input, config, input))
			conn, err := net.Dial("udp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			long := []byte("<34>1 - - - - - - " + strings.Repeat("x", 1200))
			var now state.PipelineState
			runtest.Until(t, "it is told", func() bool {
				for range 500 {
					_, _ = conn.Write(long) // refused while nobody listens yet
				}
				var s admin.Status
				if err := json.Unmarshal([]byte(get(t, r, "/api/status")), &s); err != nil {
					t.Fatal(err)
				}
				now = s.Pipelines[0].Now
				return now.Inputs[0].Kind == state.Dropped
			})
			in := now.Inputs[0]
			if in.Level != state.Warning || in.Since.IsZero() || now.Safe ||
				!strings.HasPrefix(in.Text, "lost ") || !strings.Contains(in.Do, "receive_buffer") {
				t.Errorf("%+v", now)
			}
			what := "input." + input + ".in lost "
			for _, page := range []string{"/readyz", "/"} {
				if text := get(t, r, page); !strings.Contains(text, what) {
					t.Errorf("%s does not say it:\n%s", page, text)
				}
			}
			want := fmt.Sprintf(
				`penstock_state{component="input.%s.in",pipeline="p",state="dropped"} 1`, input,
			)
			if metrics := get(t, r, "/metrics"); !strings.Contains(metrics, want) {
				t.Errorf("metrics lack %s", want)
			}
		})
	}
}

// freeUDP returns an address that nobody uses.
func freeUDP(t *testing.T) string {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	return pc.LocalAddr().String()
}
