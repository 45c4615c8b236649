package admin

import (
	"fmt"
	"html"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/agent/state"
	"github.com/penstock/penstock/buffer/record/runtest"
)

// scene is an agent in one condition, made of facts as those of a running one are.
func scene(now time.Time, pipelines ...state.Pipeline) *fakeAgent {
	a := &fakeAgent{}
	a.status = Status{
		Agent: "web-1", Version: "1.2.3", Started: now.Add(-3 * time.Hour), Loaded: now.Add(-3 * time.Hour),
		Ready: true, Memory: 30 << 20,
	}
	var states []state.PipelineState
	for _, p := range pipelines {
		s := p.State(now)
		states = append(states, s)
		a.status.Level = max(a.status.Level, s.Level)
		shown := Pipeline{Name: p.Name, State: "running", Now: s}
		if b := p.Buffer; b != nil {
			shown.Buffer = &Buffer{Bytes: b.Used, Fill: b.Fill, Blocked: b.Blocked}
		}
		for _, in := range p.Inputs {
			shown.Inputs = append(shown.Inputs, Component{ID: in.ID, State: in.Unit, Records: 5000, Bytes: 1 << 20})
		}
		for _, o := range p.Outputs {
			c := Component{ID: o.ID, State: o.Unit, Records: 4000, Bytes: 1 << 19}
			if o.Objects > 0 || o.StoreError != "" {
				c.Overflow = &Overflow{
					State: o.Mode, Objects: o.Objects, Bytes: 3 << 20, Oldest: now.Add(-150 * time.Second),
					Error: o.StoreError,
				}
			}
			shown.Outputs = append(shown.Outputs, c)
		}
		a.status.Pipelines = append(a.status.Pipelines, shown)
	}
	a.status.Sentence = state.Sentence(states)
	return a
}

// filesToKafka is a pipeline of files into Kafka, where all is well.
func filesToKafka(name string, files int) state.Pipeline {
	return state.Pipeline{
		Name: name, Buffer: &state.Buffer{Used: 1 << 20, Room: 10 << 30},
		Inputs: []state.Input{{
			ID: "input.tail." + name, Unit: "running", OfFiles: true, Files: files, Rate: 600,
		}},
		Outputs: []state.Output{{
			ID: "output.kafka." + name, Unit: "running", Mode: "direct", In: 600, Out: 600,
			To: "output.s3.overflow",
		}},
	}
}

// outage has the destination of p be away for two and a half minutes.
func outage(p state.Pipeline, now time.Time) state.Pipeline {
	o := &p.Outputs[0]
	o.FailingSince, o.Stalled = now.Add(-150*time.Second), 150*time.Second
	o.Error, o.Do, o.Out = "connection refused", "start the broker", 0
	o.Waiting, o.Oldest = 10_200, 17*time.Second
	p.Buffer.Waiting, p.Buffer.Oldest, p.Buffer.Fill = o.Waiting, o.Oldest, 0.1
	p.Buffer.Grows = float64(p.Buffer.Room) / (200 * 60)
	return p
}

// scenes are the conditions in which the page was looked at.
func scenes(now time.Time) map[string]*fakeAgent {
	all := map[string]*fakeAgent{"running": scene(now, filesToKafka("app", 2))}
	app := &all["running"].status.Pipelines[0].Inputs[0]
	app.Files = []File{
		{Path: "/var/log/a.log", Changed: now.Add(-time.Minute)}, {Path: "/var/log/b.log.1.gz", Compressed: true},
	}

	p := outage(filesToKafka("app", 2), now)
	p.Outputs[0].Mode, p.Outputs[0].Down = "overflow", true
	p.Outputs[0].ModeSince = now.Add(-2 * time.Minute)
	p.Outputs[0].Objects, p.Outputs[0].ObjectRecords = 5, 31_640
	all["overflow"] = scene(now, p)

	p.Outputs = append([]state.Output(nil), p.Outputs...)
	object := strings.Repeat("0123456789", 8)
	p.Outputs[0].StoreError = `put s3://b/` + object + `: Put "https://store:9000/` + object + `": EOF`
	all["overflow-store-away"] = scene(now, p)

	gone := state.Pipeline{
		Name: "old", Unclaimed: &state.Unclaimed{Records: 1000, Dir: "/var/lib/penstock/buffer/old"},
	}
	all["pipeline-gone"] = scene(now, filesToKafka("app", 2), gone)

	all["on-disk"] = scene(now, outage(filesToKafka("app", 2), now))

	// It was started again during the outage, and failover has not begun anew.
	p = outage(filesToKafka("app", 2), now)
	p.Outputs[0].Mode, p.Outputs[0].Objects, p.Outputs[0].ObjectRecords = "replay", 5, 31_640
	all["retrying-with-overflow"] = scene(now, p)

	p = filesToKafka("app", 2)
	p.Outputs[0].Mode, p.Outputs[0].ModeSince, p.Outputs[0].Back = "replay", now.Add(-10*time.Second), 500
	p.Outputs[0].Objects, p.Outputs[0].ObjectRecords = 5, 31_640
	all["replay"] = scene(now, p)

	p = filesToKafka("app", 2)
	p.Outputs[0].PausedSince, p.Outputs[0].Objects = now.Add(-time.Hour), 5
	p.Outputs[0].ObjectRecords = 31_640
	all["paused"] = scene(now, p)

	p = outage(filesToKafka("app", 2), now)
	p.Outputs[0].Error = `topic "app": it does not exist: create it`
	p.Outputs[0].Held = []string{p.Outputs[0].Error}
	all["held"] = scene(now, p)

	p = filesToKafka("app", 300)
	p.Inputs[0].Lag = 3 << 20
	all["300-files"] = scene(now, p)
	in := &all["300-files"].status.Pipelines[0].Inputs[0]
	in.FilesBehind = 2
	for i := range ListMost {
		f := File{Path: fmt.Sprintf("/var/log/containers/a-long-name-of-a-service-%03d.log", i)}
		if i < 2 {
			f.Lag, f.Changed = int64(2-i)<<20, now.Add(-5*time.Second)
		}
		in.Files = append(in.Files, f)
	}

	p = filesToKafka("app", 2)
	p.Inputs[0].Unread = []state.UnreadFile{
		{Path: "/var/log/secret.log", Why: "permission denied", Do: "give it read permission", Since: now.Add(-time.Hour)},
		{Path: "/var/log/<private>", Why: "permission denied"},
	}
	all["unreadable"] = scene(now, p)

	five := []state.Pipeline{}
	for _, name := range []string{"audit", "frontend", "metrics", "payments", "search"} {
		five = append(five, filesToKafka(name, 2))
	}
	five[4] = outage(five[4], now)
	five[2].Inputs[0].Files = 0
	all["five-pipelines"] = scene(now, five...)

	p = state.Pipeline{
		Name: "lake",
		Inputs: []state.Input{{
			ID: "input.kafka.events", Unit: "running", Rate: 900,
			Behind: &state.Behind{Partitions: 60, Records: 900, Uncommitted: 12_000, Age: 4 * time.Second},
		}},
		Outputs: []state.Output{{
			ID: "output.s3.lake", Unit: "running", Mode: "direct", Collects: time.Minute, Dead: 7,
		}},
	}
	all["consumer"] = scene(now, p)
	lake := &all["consumer"].status.Pipelines[0]
	lake.Inputs[0].Partitions = []Partition{
		{Topic: "app", Partition: 1, Records: 900, Uncommitted: 9000, Age: 4 * time.Second},
		{Topic: "app", Partition: 0, Uncommitted: 3000},
	}
	lake.Outputs[0].Cuts = []Cut{
		{Log: "app/0", Records: 3000, Bytes: 1 << 20, Since: now.Add(-20 * time.Second)},
		{
			Log: "app/1", Storing: 8000, StoringSince: now.Add(-3 * time.Second),
			Stored: now.Add(-time.Minute), StoredRecords: 1, StoredObjects: 1,
		},
	}
	lake.Outputs[0].Conditions = map[string]float64{
		`archive_cuts_total{reason=age}`: 3, `archive_cuts_total{reason=size}`: 1,
		`kafka_batches_total{path=direct,reason=}`: 5,
	}

	p.Inputs = []state.Input{{
		ID: "input.kafka.events", Unit: "running", Behind: &state.Behind{},
		FailingSince: now.Add(-40 * time.Second), Error: "connection refused", Do: "start the broker",
	}}
	all["consumer-broker-away"] = scene(now, p)

	p = state.Pipeline{
		Name: "app", Buffer: &state.Buffer{Room: 1 << 30, Waiting: 6000, Oldest: 100 * time.Second},
		Inputs: []state.Input{{ID: "input.tail.app", Unit: "running", OfFiles: true, Files: 1}},
		Outputs: []state.Output{{
			ID: "output.s3.lake", Unit: "running", Mode: "direct", Collects: time.Hour, Waiting: 6000,
			Oldest: 100 * time.Second,
		}},
	}
	all["collecting"] = scene(now, p)

	all["no-files"] = scene(now, filesToKafka("app", 0))
	all["empty"] = scene(now)
	return all
}

var (
	tags   = regexp.MustCompile(`<[^>]*>`)
	blanks = regexp.MustCompile(`\s*\n\s*`)
	shows  = regexp.MustCompile(`(?s)<main>(.*)</main>`)
	ways   = regexp.MustCompile(`data-way="([a-z]+)" data-level="([a-z]+)" data-says="([^"]*)"`)
)

// The page says of each condition what testdata/scenes says, word for word; -update writes that.
func TestPageOfEachScene(t *testing.T) { synctest.Test(t, testPageOfEachScene) }

func testPageOfEachScene(t *testing.T) {
	for name, a := range scenes(time.Now()) {
		got := httptest.NewRecorder()
		page := Handler(Options{Anonymous: AnonymousRead}, a, slog.New(slog.DiscardHandler))
		page.ServeHTTP(got, httptest.NewRequest("GET", "http://localhost/", nil))
		main := shows.FindStringSubmatch(got.Body.String())
		if main == nil {
			t.Fatalf("%s: %s", name, got.Body)
		}
		text := a.status.Level.String() + ": " + a.status.Sentence + "\n" + main[1]
		text = ways.ReplaceAllString(text, `>($1, $2: $3)<a`)
		text = html.UnescapeString(tags.ReplaceAllString(text, " "))
		text = strings.TrimSpace(blanks.ReplaceAllString(regexp.MustCompile(`[ \t]+`).ReplaceAllString(text, " "), "\n")) + "\n"
		file := filepath.Join("testdata", "scenes", name+".txt")
		if runtest.Update() {
			if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if text != string(want) {
			t.Errorf("%s:\n%s\nwant:\n%s", name, text, want)
		}
	}
}
