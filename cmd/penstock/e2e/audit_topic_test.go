package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// countedInTopic publishes its counts into a topic.
const countedInTopic = `
agent {
  data_dir = "DIR/NAME"
  name     = "NAME"
  shutdown_timeout = "2s"
  admin { listen = "ADMIN" }
  audit {
    to       = output.kafka.events
    topic    = "counts"
    interval = "1s"
  }
}
output "kafka" "events" {
  brokers = ["BROKER"]
  topic   = "TOPIC"
}
`

const topicEdge = countedInTopic + `
input "tail" "app" { paths = ["DIR/*.log"] }
pipeline "app" {
  from = [input.tail.app]
  to   = [output.kafka.events]
}
`

func TestFleetAuditByTopic(t *testing.T) {
	parallel(t)
	auditByTopic(t, consumerBroker(t))
}

func TestFleetAuditByTopicOfApacheKafka(t *testing.T) {
	parallel(t)
	auditByTopic(t, realConsumerBroker(t))
}

// auditByTopic has an edge and a consumer publish into a topic that is missing at first: data goes
// on meanwhile. What the brokers lose later is named.
func auditByTopic(t *testing.T, broker stopper) {
	dir := t.TempDir()
	lakeConfig := countedInTopic + auditedLake[len(auditedAgent):]
	make := func(name, config string) *agent {
		return newAgent(t, name, replaceAll(
			config, "$$", "$", "DIR", dir, "NAME", name, "BROKER", broker.Addr(), "TOPIC", topic,
		))
	}
	edge, lake := make("web-1", topicEdge), make("lake-1", lakeConfig)
	write := func(n int) {
		t.Helper()
		f, err := os.OpenFile(
			filepath.Join(dir, "app.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644,
		)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for i := range n {
			fmt.Fprintf(f, "{\"line\":%d}\n", i)
		}
	}
	want := func(wrote, archived, missing int64) {
		t.Helper()
		what := fmt.Sprintf("%d are read, %d archived, %d missing", wrote, archived, missing)
		runtest.Until(t, what, func() bool {
			r, read := fleetAudit(t, edge.config)
			lost := int64(0)
			for _, d := range r.Differences {
				lost += d.Missing
			}
			return read["web-1/app"] == wrote && read["lake-1/lake"] == archived && lost == missing
		})
	}
	write(1000)
	edge.start()
	lake.start()
	runtest.Until(t, "it is said that the topic is missing", func() bool {
		failures, err := edge.metric("penstock_audit_publish_failures_total")
		return err == nil && failures > 0 &&
			edge.logged("publishing the counts of the audit", "topic counts") > 0
	})
	runtest.Until(t, "data is delivered all the same", func() bool {
		objects, err := filepath.Glob(filepath.Join(dir, "lake", "*", "*.gz"))
		return err == nil && len(objects) > 0
	})
	createCompacted(t, broker.Addr(), "counts")
	want(1000, 1000, 0)
	if code := lake.terminate(20 * time.Second); code != 0 {
		t.Fatal("exit code", code)
	}
	write(60)
	want(1060, 1000, 0)
	deleteAll(t, broker.Addr())
	lake.start()
	write(40)
	want(1100, 1040, 60)
}

func createCompacted(t *testing.T, addr, name string) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	policy := "compact,delete"
	if _, err := kadm.NewClient(cl).CreateTopic(
		t.Context(), 2, 1, map[string]*string{"cleanup.policy": &policy}, name,
	); err != nil {
		t.Fatal(err)
	}
}
