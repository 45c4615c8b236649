package agent

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/penstock/penstock/agent/admin"
	"github.com/penstock/penstock/agent/state"
	"github.com/penstock/penstock/outputs/kafka"
)

// A broker that goes away is told by page, status, readiness and metrics within five seconds of the
// first try that fails. It was after delivery_timeout, two minutes.
func TestAnOutageIsToldEverywhereWithinFiveSeconds(t *testing.T) {
	t.Parallel()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "app"))
	if err != nil {
		t.Fatal(err)
	}
	addr := cluster.ListenAddrs()[0]
	w := newWorld()
	w.more = Catalogue{AsyncWriterType("kafka", "Kafka.", kafka.Default, kafka.New)}
	r := startAgent(t, w, t.TempDir(), fmt.Sprintf(`
input "fake" "in" { name = "in" }
output "kafka" "a" {
  brokers = [%q]
  topic   = "app"
}
pipeline "p" {
  from = [input.fake.in]
  to   = [output.kafka.a]
}`, addr))
	status := func() (s admin.Status) {
		t.Helper()
		if err := json.Unmarshal([]byte(get(t, r, "/api/status")), &s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	until := func(what string, within time.Duration, ok func(admin.Status) bool) {
		t.Helper()
		deadline := time.Now().Add(within)
		for {
			s := status()
			if ok(s) {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s: not within %v: %q %+v", what, within, s.Sentence, s.Pipelines[0].Now)
			}
			<-time.After(20 * time.Millisecond)
		}
	}
	w.send(t, "in", "app", "1", "2")
	until("delivered", 20*time.Second, func(s admin.Status) bool {
		return s.Sentence == "All safe. Everything is delivered." && s.Level == state.OK
	})
	cluster.Close()
	w.send(t, "in", "app", "3")
	until("told", 5*time.Second, func(s admin.Status) bool {
		now := s.Pipelines[0].Now
		return s.Level == state.Warning && now.Safe && now.Outputs[0].Kind == state.Retrying && strings.Contains(s.Sentence, "All safe. output.kafka.a does not answer") &&
			strings.Contains(s.Sentence, "1 record waits on disk") && len(now.Problems) > 0 &&
			now.Problems[0].Do != ""
	})
	ready := get(t, r, "/readyz")
	if !strings.HasPrefix(ready, "ready\nwarning: retrying: output.kafka.a does not answer") {
		t.Errorf("readyz: %q", ready)
	}
	metrics := get(t, r, "/metrics")
	for _, want := range []string{
		`penstock_output_failing{component="output.kafka.a"} 1`,
		`penstock_state{component="output.kafka.a",pipeline="p",state="retrying"} 1`,
		`penstock_pipeline_safe{pipeline="p"} 1`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	if page := get(t, r, "/"); !strings.Contains(page, "output.kafka.a does not answer") {
		t.Errorf("the page does not say it:\n%s", page)
	}
}
