package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/agent/ledger"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/cmd/penstock/e2e/servers"
	"github.com/penstock/penstock/inputs/forward"
	"github.com/penstock/penstock/inputs/inputstest"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// auditedAgent publishes its counts.
const auditedAgent = `
agent {
  data_dir = "DIR/NAME"
  name     = "NAME"
  shutdown_timeout = "2s"
  admin { listen = "ADMIN" }
  audit {
    to       = output.local.counts
    interval = "1s"
  }
}
output "local" "counts" { directory = "DIR/counts" }
`

const auditedEdge = auditedAgent + `
input "tail" "app" { paths = ["DIR/*.log"] }
output "forward" "tron" {
  server "tron" { address = "TRON" }
  shared_key   = "between us"
  recover_wait = "0s"
  retry { max = "200ms" }
}
pipeline "app" {
  from = [input.tail.app]
  to   = [output.forward.tron]
}
`

const auditedTron = auditedAgent + `
input "forward" "in" {
  listen = "TRON"
  security { shared_key = "between us" }
}
output "kafka" "events" {
  brokers = ["BROKER"]
  topic   = "TOPIC"
}
pipeline "relay" {
  from = [input.forward.in]
  to   = [output.kafka.events]
}
`

const auditedLake = auditedAgent + `
input "kafka" "events" {
  brokers = ["BROKER"]
  topics  = ["TOPIC"]
  group   = "lake"
}
output "local" "lake" {
  directory = "DIR/lake"
  path      = "$${topic}"
  format "ndjson" {}
  roll {
    age  = "500ms"
    idle = "200ms"
  }
}
pipeline "lake" {
  from = [input.kafka.events]
  to   = [output.local.lake]
}
`

// fleetAudit runs penstock audit --fleet.
func fleetAudit(t *testing.T, config string) (r ledger.Report, read map[string]int64) {
	t.Helper()
	cmd := exec.Command(binary, "audit", "--fleet", "--json", config)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if len(out) == 0 {
		t.Logf("audit: %v %s", err, stderr.String())
		return r, nil // nothing is published yet
	}
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatalf("audit: %v: %s", err, out)
	}
	read = map[string]int64{}
	for _, l := range r.Lines {
		read[l.Pipeline] += l.Counts["read"].Records
	}
	return r, read
}

// TestFleetAuditFollowsRecordsFromAFileToTheLake has records taken away between an edge and the
// forwarder, and between that and the consumer, and has some added: one command names each.
func TestFleetAuditFollowsRecordsFromAFileToTheLake(t *testing.T) {
	parallel(t)
	dir, broker, tronAddr := t.TempDir(), consumerBroker(t), servers.FreeAddr(t)
	make := func(name, config string) *agent {
		return newAgent(t, name, replaceAll(
			config, "$$", "$", "DIR", dir, "NAME", name, "TRON", tronAddr, "BROKER", broker.Addr(),
			"TOPIC", topic,
		))
	}
	edge, tron, lake := make("web-1", auditedEdge), make("tron", auditedTron), make("lake-1", auditedLake)
	written := 0
	write := func(n int) {
		t.Helper()
		f, err := os.OpenFile(filepath.Join(dir, "app.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for range n {
			written++
			fmt.Fprintf(f, "{\"line\":%d}\n", written)
		}
	}
	// want waits until each has counted so many, and these are missing on the way to the next.
	want := func(toTron, toLake int64, counted ...int64) {
		t.Helper()
		last := ""
		defer func() {
			if t.Failed() {
				t.Log(last)
			}
		}()
		runtest.Until(t, fmt.Sprint(counted, " are counted, ", toTron, " and ", toLake, " missing"), func() bool {
			r, read := fleetAudit(t, edge.config)
			missing := map[string]int64{}
			for _, d := range r.Differences {
				missing[d.Pipeline] += d.Missing
			}
			last = fmt.Sprintf("%v %+v %v", read, r.Differences, r.Notes)
			was := []int64{read["web-1/app"], read["tron/relay"], read["lake-1/lake"]}
			for _, pipeline := range []string{"web-1/app", "tron/relay to lake"} {
				if missing[pipeline] == 0 {
					delete(missing, pipeline)
				}
			}
			hops := 0
			for _, n := range []int64{toTron, toLake} {
				if n != 0 {
					hops++
				}
			}
			return fmt.Sprint(was) == fmt.Sprint(counted) && missing["web-1/app"] == toTron &&
				missing["tron/relay to lake"] == toLake && len(missing) == hops
		})
	}
	write(1000)
	for _, a := range []*agent{edge, tron, lake} {
		a.start()
	}
	want(0, 0, 1000, 1000, 1000)

	// somebody in between takes fifty and says that they have arrived
	if code := tron.terminate(20 * time.Second); code != 0 {
		t.Fatal("exit code", code)
	}
	sink, stop := thief(t, tronAddr)
	write(50)
	runtest.Until(t, "they are taken", func() bool { return len(sink.Records()) == 50 })
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	tron.start()
	write(100)
	want(50, 0, 1150, 1100, 1100)

	// the brokers lose sixty before the consumer has read them
	if code := lake.terminate(20 * time.Second); code != 0 {
		t.Fatal("exit code", code)
	}
	write(60)
	want(50, 0, 1210, 1160, 1100)
	deleteAll(t, broker.Addr())
	lake.start()
	write(40)
	want(50, 60, 1250, 1200, 1140)

	// and somebody else writes seven
	produceValues(t, broker.Addr(), 7, func(i int) []byte { return fmt.Appendf(nil, `{"more":%d}`, i) })
	want(50, 53, 1250, 1200, 1147)
}

// thief is a forwarder that keeps what it is sent.
func thief(t *testing.T, addr string) (*inputstest.MemSink, func() error) {
	t.Helper()
	cfg := forward.Default()
	cfg.Listen, cfg.Security = addr, &forward.Security{
		SharedKey: "between us", AllowAnonymousSource: true,
	}
	env := inputstest.Env("input.forward.thief", t.TempDir())
	env.Agent = "thief"
	f, err := forward.New(cfg, env)
	if err != nil {
		t.Fatal(err)
	}
	sink := inputstest.New()
	return sink, background(t.Context(), func(ctx context.Context) error { return f.Run(ctx, sink) })
}

// deleteAll deletes all records of the topic.
func deleteAll(t *testing.T, addr string) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	end, err := adm.ListEndOffsets(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	r, err := adm.DeleteRecords(t.Context(), end.Offsets())
	if err == nil {
		err = r.Error()
	}
	if err != nil {
		t.Fatal(err)
	}
}
