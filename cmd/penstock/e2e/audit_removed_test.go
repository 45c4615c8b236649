package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/agent/ledger"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/buffer/record/tally"
	"github.com/penstock/penstock/cmd/penstock/e2e/servers"
)

// auditedFleet is an edge, a forwarder and a consumer that publish their counts.
type auditedFleet struct {
	t                *testing.T
	dir, log         string
	edge, tron, lake *agent
	written          int
}

func newAuditedFleet(t *testing.T) *auditedFleet {
	t.Helper()
	f := &auditedFleet{t: t, dir: t.TempDir()}
	f.log = filepath.Join(f.dir, "app.log")
	tron, broker := servers.FreeAddr(t), consumerBroker(t)
	agent := func(name, config string) *agent {
		a := newAgent(t, name, replaceAll(
			config, "$$", "$", "DIR", f.dir, "NAME", name, "TRON", tron, "BROKER", broker.Addr(),
			"TOPIC", topic,
		))
		a.start()
		return a
	}
	f.edge, f.tron = agent("web-1", auditedEdge), agent("tron", auditedTron)
	f.lake = agent("lake-1", auditedLake)
	return f
}

func (f *auditedFleet) write(n int) {
	f.t.Helper()
	log, err := os.OpenFile(f.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		f.t.Fatal(err)
	}
	defer log.Close()
	for range n {
		f.written++
		fmt.Fprintf(log, "{\"line\":%d}\n", f.written)
	}
}

// holdBack has n records wait in the buffer of an agent, and published so.
func (f *auditedFleet) holdBack(n int, a *agent, output string) {
	f.t.Helper()
	out, err := exec.Command(binary, "pause", output, "--admin", a.admin).CombinedOutput()
	if err != nil {
		f.t.Fatalf("%v: %s", err, out)
	}
	f.write(n)
	runtest.Until(f.t, "they wait for "+output, func() bool {
		var r tally.Report
		_, body, err := a.get("/api/audit")
		waiting := int64(0)
		if err == nil && json.Unmarshal([]byte(body), &r) == nil {
			for _, l := range r.Lines {
				waiting += l.Waiting
			}
		}
		return waiting == int64(n)
	})
	pages := func() float64 {
		published, _ := a.metric("penstock_audit_pages_total")
		return published
	}
	before := pages()
	runtest.Until(f.t, "that is published", func() bool { return pages() >= before+3 })
}

// await waits until so many are read by each, and this is what is named: sums by where they are
// missing. It returns the report.
func (f *auditedFleet) await(read [3]int64, want map[string]int64) (r ledger.Report) {
	f.t.Helper()
	var last string
	defer func() {
		if f.t.Failed() {
			f.t.Log(last)
		}
	}()
	runtest.Until(f.t, fmt.Sprint(read, " are read, named are ", want), func() bool {
		var by map[string]int64
		r, by = fleetAudit(f.t, f.edge.config)
		got := map[string]int64{}
		for _, d := range r.Differences {
			got[fmt.Sprint(d.Pipeline, " ", d.After, ": ", strings.ReplaceAll(d.Origin, f.dir, ""))] += d.Missing
		}
		last = fmt.Sprintf("%v %+v %v", by, r.Differences, r.Notes)
		return [3]int64{by["web-1/app"], by["tron/relay"], by["lake-1/lake"]} == read &&
			fmt.Sprint(got) == fmt.Sprint(want)
	})
	return r
}

// loseDisk ends an agent, removes all that it had on its disk, and starts it again.
func (f *auditedFleet) loseDisk(a *agent, name string) {
	f.t.Helper()
	a.kill()
	if err := os.RemoveAll(filepath.Join(f.dir, name)); err != nil {
		f.t.Fatal(err)
	}
	a.start()
}

// TestFleetAuditNamesWhatARemovedBufferHeldAndNothingElse has the disks of a forwarder and of an
// edge lost: with nothing on them that was not delivered, and with some.
func TestFleetAuditNamesWhatARemovedBufferHeldAndNothingElse(t *testing.T) {
	parallel(t)
	f := newAuditedFleet(t)
	begin := time.Now().Add(-time.Minute)
	named := map[string]int64{}
	f.write(1000)
	f.await([3]int64{1000, 1000, 1000}, named)

	f.loseDisk(f.tron, "tron") // with nothing undelivered
	f.write(100)
	f.await([3]int64{1100, 1100, 1100}, named)

	const inTron, inEdge = 37, 23
	f.holdBack(inTron, f.tron, "output.kafka.events")
	f.await([3]int64{1137, 1137, 1100}, named)
	f.loseDisk(f.tron, "tron")
	f.write(50)
	named["tron/relay buffered: web-1/web-1:/app.log"] = inTron
	f.await([3]int64{1187, 1187, 1150}, named)

	remove := func() { // the disk of the edge has its logs, too
		t.Helper()
		if err := os.Remove(f.log); err != nil {
			t.Fatal(err)
		}
	}
	remove()
	f.loseDisk(f.edge, "web-1")
	f.write(60)
	f.await([3]int64{1247, 1247, 1210}, named)

	f.holdBack(inEdge, f.edge, "output.forward.tron")
	remove()
	f.loseDisk(f.edge, "web-1")
	f.write(70)
	named["web-1/app buffered: web-1:/app.log"] = inEdge
	r := f.await([3]int64{1340, 1317, 1280}, named)
	if slices.ContainsFunc(r.Notes, func(n string) bool { return strings.Contains(n, "removed") }) {
		t.Error(r.Notes)
	}
	for _, d := range r.Differences {
		if d.Before != "taken" || d.From.Before(begin.Truncate(time.Minute)) ||
			d.From.After(time.Now()) || !strings.Contains(d.Explain, "removed") {
			t.Error(d.String(), d.Explain)
		}
	}
}
