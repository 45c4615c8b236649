package e2e

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/cmd/penstock/demo"
)

const scrapeEvery = 5 // seconds

// A life, in scrapes: all is well, Kafka is away, Kafka is back, the agent is killed.
const (
	wellFor   = 8
	awayFor   = 20
	backFor   = 20
	killedFor = 18
)

// outage is what Prometheus would have seen of an agent: the values of each series by scrape, ""
// where there was none.
type outage struct {
	t        *testing.T
	instance string
	wanted   map[string]bool // names of metrics
	series   map[string][]string
	scrapes  int
}

var scraped = regexp.MustCompile(`^([a-z_]+)(?:\{(.*)\})? (\S+)$`)

// scrape adds what the agent says now, or that it says nothing.
func (o *outage) scrape(a *agent) {
	up, labels := "0", fmt.Sprintf(`instance=%q,job="penstock"`, o.instance)
	if status, body, err := a.get("/metrics"); err == nil && status == 200 {
		up = "1"
		for line := range strings.Lines(body) {
			m := scraped.FindStringSubmatch(strings.TrimSpace(line))
			if m == nil || !o.wanted[m[1]] {
				continue
			}
			with := labels
			if m[2] != "" {
				with = m[2] + "," + labels
			}
			o.put(m[1]+"{"+with+"}", m[3])
		}
	}
	o.put("up{"+labels+"}", up)
	o.scrapes++
}

func (o *outage) put(series, value string) {
	values := o.series[series]
	for len(values) < o.scrapes {
		values = append(values, "")
	}
	o.series[series] = append(values, value)
}

// compact writes values as promtool reads them. What ends is marked, as Prometheus does it.
func compact(values []string, n int) string {
	var out []string
	for i := 0; i < n; {
		at := func(j int) string {
			if j < len(values) {
				return values[j]
			}
			return ""
		}
		run := 1
		for i+run < n && at(i+run) == at(i) {
			run++
		}
		switch {
		case at(i) != "":
			out = append(out, fmt.Sprintf("%sx%d", at(i), run-1))
		case i == 0:
			out = append(out, fmt.Sprintf("_x%d", run))
		case run == 1:
			out = append(out, "stale")
		default:
			out = append(out, "stale", fmt.Sprintf("_x%d", run-1))
		}
		i += run
	}
	return strings.Join(out, " ")
}

// file writes the test: the series, and which alerts there have to be at each time. Within a minute
// of a change either is right.
func (o *outage) file() string {
	var b strings.Builder
	b.WriteString("# Recorded from an agent by TestAlertsOfAnOutage -update: promtool test rules FILE.\n" +
		"rule_files: [../alerts.yml]\n" +
		fmt.Sprintf("evaluation_interval: %ds\ntests:\n  - interval: %[1]ds\n    input_series:\n", scrapeEvery))
	for _, name := range slices.Sorted(maps.Keys(o.series)) {
		fmt.Fprintf(&b, "      - series: '%s'\n        values: '%s'\n", name, compact(o.series[name], o.scrapes))
	}
	b.WriteString("    promql_expr_test:\n")
	change := []int{0, wellFor, wellFor + awayFor, wellFor + awayFor + backFor, o.scrapes}
	alerts := []string{"", "PenstockDestinationAway", "", "PenstockGone"}
	for phase, alert := range alerts {
		for i := change[phase]; i < change[phase+1]; i++ {
			if phase > 0 && (i-change[phase])*scrapeEvery < 60 {
				continue
			}
			fmt.Fprintf(&b, "      - expr: count by (alertname) (ALERTS{alertstate=\"firing\"})\n"+
				"        eval_time: %ds\n", i*scrapeEvery)
			if alert == "" {
				b.WriteString("        exp_samples: []\n")
				continue
			}
			fmt.Fprintf(&b, "        exp_samples: [{labels: '{alertname=\"%s\"}', value: 1}]\n", alert)
		}
	}
	return b.String()
}

// record lives through an outage, for five minutes.
func (o *outage) record(failover string) {
	rules, err := os.ReadFile(filepath.Join(examplesDir, "monitoring", "alerts.yml"))
	if err != nil {
		o.t.Fatal(err)
	}
	for _, name := range regexp.MustCompile(`penstock_[a-z_]+`).FindAllString(string(rules), -1) {
		o.wanted[name] = true
	}
	b, err := demo.StartBroker(4, []string{topic})
	if err != nil {
		o.t.Fatal(err)
	}
	defer b.Close()
	dir := o.t.TempDir()
	log := filepath.Join(dir, "app.log")
	write := func() {
		f, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			o.t.Fatal(err)
		}
		defer f.Close()
		for i := range 500 {
			fmt.Fprintf(f, "line %d of scrape %d\n", i, o.scrapes)
		}
	}
	write()
	a := newAgent(o.t, "recorded", fmt.Sprintf(`
agent {
  data_dir = %q
  admin { listen = "ADMIN" }
}
input "tail" "app" { paths = [%q] }
output "kafka" "events" {
  brokers = [%q]
  topic   = %q
  %s
}
output "local" "overflow" { directory = %q }
pipeline "app" {
  from = [input.tail.app]
  to   = [output.kafka.events]
}
`, filepath.Join(dir, "data"), log, b.Addr(), topic, failover, filepath.Join(dir, "overflow")))
	a.start()
	tick := time.NewTicker(scrapeEvery * time.Second)
	defer tick.Stop()
	<-tick.C
	for range wellFor + awayFor + backFor + killedFor {
		switch o.scrapes {
		case wellFor:
			err = b.Stop()
		case wellFor + awayFor:
			err = b.Start()
		case wellFor + awayFor + backFor:
			a.kill()
		}
		if err != nil {
			o.t.Fatal(err)
		}
		write()
		<-tick.C
		o.scrape(a)
	}
}

// The alert rules, evaluated by Prometheus's own promtool on what agents said in outages: the alert
// of the outage is there within a minute, goes within a minute, and there is no other.
func TestAlertsOfAnOutage(t *testing.T) {
	promtool := findPromtool(t)
	for name, failover := range map[string]string{
		"waits": "",
		"overflows": `failover {
    to      = output.local.overflow
    after   = "5s"
    recover = "5s"
  }`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(examplesDir, "monitoring", "recorded", name+".yml")
			if runtest.Update() {
				o := &outage{t: t, instance: name, wanted: map[string]bool{}, series: map[string][]string{}}
				o.record(failover)
				if err := os.WriteFile(path, []byte(o.file()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			testRules(t, promtool, path)
		})
	}
}

// A loss, and counts that cannot be published, have alerts; one failure among successes has none.
func TestAlertsOfTheAudit(t *testing.T) {
	path := filepath.Join(examplesDir, "monitoring", "recorded", "audit.yml")
	testRules(t, findPromtool(t), path)
}

func findPromtool(t *testing.T) string {
	t.Helper()
	promtool := os.Getenv("PENSTOCK_PROMTOOL")
	if promtool == "" {
		t.Skip("PENSTOCK_PROMTOOL names no promtool")
	}
	return promtool
}

func testRules(t *testing.T, promtool, path string) {
	t.Helper()
	out, err := exec.Command(promtool, "test", "rules", path).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
