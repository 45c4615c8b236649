package e2e

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/tally"
)

// wantBalance has a stopped agent's books account for every record, and returns how many records
// are counted by output and stage.
func (a *agent) wantBalance() map[string]int64 {
	a.t.Helper()
	cmd := exec.Command(binary, "audit", "--json", a.config)
	cmd.Env = append(os.Environ(), a.env...)
	out, err := cmd.Output()
	if e, ok := err.(*exec.ExitError); ok && bytes.Contains(e.Stderr, []byte("there are no buffers")) {
		return nil // it reads Kafka
	}
	var r tally.Report
	if jerr := json.Unmarshal(out, &r); jerr != nil {
		a.t.Fatalf("audit: %v, %v: %s", err, jerr, out)
	}
	a.wantNoDifference(r)
	sums := map[string]int64{}
	for _, l := range r.Lines {
		for stage, n := range l.Counts {
			sums[l.Output+" "+stage] += n.Records
		}
		sums[l.Output+" waiting"] += l.Waiting
	}
	a.t.Logf("audit: %v", sums)
	return sums
}

func (a *agent) wantNoDifference(r tally.Report) {
	a.t.Helper()
	for _, d := range r.Differences {
		if d.Before == tally.Replayed.String() && d.Missing < 0 {
			a.t.Logf("audit: %s", d.String()) // an object came again, killed as it was removed
			continue
		}
		a.t.Errorf("audit: %s; %s", d.String(), d.Explain)
	}
}

// wantBalanceNow audits the running agent, if it answers.
func (a *agent) wantBalanceNow() {
	a.t.Helper()
	c := http.Client{Timeout: time.Second}
	resp, err := c.Get("http://" + a.admin + "/api/audit")
	if err != nil {
		return
	}
	defer resp.Body.Close()
	var r tally.Report
	if resp.StatusCode == http.StatusOK && json.NewDecoder(resp.Body).Decode(&r) == nil {
		a.wantNoDifference(r)
	}
}

// wantAudit is wantBalance for lines that went to Kafka, so many at least.
func (a *agent) wantAudit(lines int64) {
	a.t.Helper()
	sums := a.wantBalance()
	const output = "output.kafka.events "
	done := sums[output+"delivered"] + sums[output+"confirmed"] + sums[output+"replayed"]
	if sums[output+"read"] < lines || done < lines {
		a.t.Errorf("audit: %d lines were written; counted: %v", lines, sums)
	}
}

func TestAuditCannotTellOfAnAgentThatIsRunningOrIsNot(t *testing.T) {
	out, err := exec.Command(binary, "audit", "--admin", "127.0.0.1:1").CombinedOutput()
	if e, ok := err.(*exec.ExitError); !ok || e.ExitCode() != 2 {
		t.Errorf("%v: %s", err, out)
	}
}
