package agent

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/penstock/penstock/agent/admin"
	"github.com/penstock/penstock/agent/state"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/outputs/kafka"
	"github.com/penstock/penstock/outputs/s3"
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

// An archive whose store does not answer says so at once, also while it collects for its next cut.
func TestAnArchiveThatFailsShows(t *testing.T) {
	t.Parallel()
	var isUp atomic.Bool
	store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isUp.Load() {
			panic(http.ErrAbortHandler) // nobody is there
		}
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("ETag", `"x"`)
	}))
	defer store.Close()
	w := newWorld()
	w.more = Catalogue{ArchiveType("s3", "Amazon S3.", s3.Default, s3.New)}
	r := startAgent(t, w, t.TempDir(), fmt.Sprintf(`
input "fake" "in" { name = "in" }
output "s3" "lake" {
  bucket     = "lake"
  region     = "us-east-1"
  endpoint   = %[1]q
  path_style = true
  access_key_id     = "id"
  secret_access_key = "secret"
  format "raw" {}
}
pipeline "p" {
  from = [input.fake.in]
  to   = [output.s3.lake]
}
input "fake" "other" { name = "other" }
output "s3" "overflow" { // which holds nothing open
  bucket     = "lake"
  region     = "us-east-1"
  endpoint   = %[1]q
  path_style = true
  access_key_id     = "id"
  secret_access_key = "secret"
}
output "fake" "x" {
  name = "x"
  failover { to = output.s3.overflow }
}
pipeline "q" {
  from = [input.fake.other]
  to   = [output.fake.x]
}`, store.URL))
	pipeline := func() admin.Pipeline {
		var s admin.Status
		if err := json.Unmarshal([]byte(get(t, r, "/api/status")), &s); err != nil {
			t.Fatal(err)
		}
		return s.Pipelines[0]
	}
	output := func() state.OutputState { return pipeline().Now.Outputs[0] }
	w.send(t, "in", "app", "1", "2")
	runtest.Until(t, "it collects", func() bool {
		cuts := pipeline().Outputs[0].Cuts
		return output().Waiting == 2 && len(cuts) == 1 && cuts[0].Records == 2
	})
	runtest.Until(t, "its store is told", func() bool { return output().Kind == state.StoreFails })
	text, err := r.Flush(t.Context(), 0)
	if err != nil || !strings.HasSuffix(text, "now: output.s3.lake") {
		t.Fatal(text, err)
	}
	runtest.Until(t, "it is told", func() bool {
		o := output()
		return o.Kind == state.Retrying && o.Level == state.Warning && o.Do != "" &&
			strings.Contains(o.Text, "does not answer")
	})
	isUp.Store(true)
	runtest.Until(t, "all is well again", func() bool {
		o := output()
		return o.Kind == state.Delivering && o.Waiting == 0
	})
}
