package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/penstock/penstock/agent/state"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/outputs/kafka"
	"github.com/penstock/penstock/outputs/replay"
)

// refusesText has each record that is no JSON become a dead letter of its output.
const refusesText = `
input "fake" "a" { name = "a" }
output "fake" "x" { name = "x" }
pipeline "p" {
  from = [input.fake.a]
  filter "parse" {
    format     = "json"
    on_failure = "dead_letter"
  }
  to = [output.fake.x]
}`

// A running agent shows what was refused, and delivers it when it is told to, what is chosen first.
func TestARunningAgentReplaysItsDeadLetters(t *testing.T) {
	t.Parallel()
	w := newWorld()
	r := startAgent(t, w, t.TempDir(), refusesText)
	look := func(query string) (o replay.Overview) {
		t.Helper()
		if err := json.Unmarshal([]byte(get(t, r, "/api/dead-letters"+query)), &o); err != nil {
			t.Fatal(err)
		}
		return o
	}
	if o := look(""); len(o.Reasons) != 0 {
		t.Errorf("%+v", o)
	}
	if code, text := post(t, r, "/api/dead-letters/replay?output=fake.x"); code != 200 ||
		!strings.Contains(text, "nothing was ever refused") {
		t.Errorf("%d %s", code, text)
	}
	w.send(t, "a", "t", "one", "two")
	w.send(t, "a", "u", "three")
	runtest.Until(t, "all are refused", func() bool {
		o := look("?n=5")
		return len(o.Reasons) == 1 && o.Reasons[0].Records == 3
	})
	if o := look("?n=2"); len(o.Reasons[0].Samples) != 2 || o.Reasons[0].Output != "output.fake.x" {
		t.Errorf("%+v", o)
	}
	if o := look("?reason=nonsense"); len(o.Reasons) != 0 {
		t.Errorf("%+v", o)
	}
	for _, want := range []string{
		"<b>output.fake.x</b>", "3 records", "t from origin", "<pre>one</pre>",
	} {
		if page := get(t, r, "/dead-letters"); !strings.Contains(page, want) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
	dead := func() int64 { return r.States()[0].Outputs[0].Dead }
	runtest.Until(t, "all are told", func() bool { return dead() == 3 })
	for _, c := range []struct {
		path, want string
		code       int
	}{
		{"?output=fake.x&reason=nonsense", "replayed 0 records into output.fake.x", 200},
		{"?output=fake.x&since=1x", "neither a time", 409},
		{"?output=fake.none", "outputs are output.fake.x", 404},
		{"?output=output.fake.x", "replayed 3 records into output.fake.x", 200},
	} {
		code, text := post(t, r, "/api/dead-letters/replay"+c.path)
		if code != c.code || !strings.Contains(text, c.want) {
			t.Errorf("%s: %d %s", c.path, code, text)
		}
	}
	equal(t, "x", w.delivered("x"), "t/one", "t/two", "u/three")
	for _, want := range []string{
		`msg="dead letters are being brought back".* component=output.fake.x .*files=1 records=3`,
		`msg="dead letters were brought back" component=output.fake.x records=3 of=3 damaged_files=0`,
	} {
		if !regexp.MustCompile(want).MatchString(r.log.String()) {
			t.Errorf("the log lacks %s:\n%s", want, r.log)
		}
	}
	if o := look(""); len(o.Reasons) != 0 {
		t.Errorf("left: %+v", o)
	}
	if s := r.Status().Sentence; dead() != 0 || strings.Contains(s, "refused") {
		t.Errorf("what is brought back is told as dead: %d, %s", dead(), s)
	}
	if code, _ := post(
		t, r, "/api/dead-letters/replay?output=fake.x", "Origin", "http://elsewhere",
	); code != 403 {
		t.Errorf("of another origin: %d", code)
	}
}

// While dead letters are brought back, state, sentence and problems say so, and how far that is.
func TestAReplayOfDeadLettersIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld()
	r := startAgent(t, w, t.TempDir(), refusesText)
	w.send(t, "a", "t", "one", "two", "three")
	runtest.Until(t, "all are refused", func() bool {
		return strings.Contains(get(t, r, "/api/dead-letters"), `"records": 3`)
	})
	slow := make(chan struct{})
	w.change(func() { w.slow = slow })
	answer := make(chan string, 1)
	go func() {
		_, text := post(t, r, "/api/dead-letters/replay?output=fake.x")
		answer <- text
	}()
	const says = "output.fake.x delivers, and brings dead letters back by hand: 0 of 3 records"
	runtest.Until(t, "the sentence tells of it", func() bool {
		return strings.Contains(r.Status().Sentence, says)
	})
	now := r.Status().Pipelines[0].Now
	if o := now.Outputs[0]; o.Kind != state.Replaying || o.Since.IsZero() {
		t.Errorf("%+v", o)
	}
	if len(now.Problems) != 1 || now.Problems[0].Level != state.Notice || !now.Safe {
		t.Errorf("%+v", now)
	}
	if code, text := post(t, r, "/api/dead-letters/replay?output=fake.x"); code == 200 {
		t.Errorf("a second one at once is let: %s", text)
	}
	if s := r.Status().Sentence; !strings.Contains(s, says) {
		t.Errorf("after one that was refused: %s", s)
	}
	close(slow)
	if text := <-answer; !strings.Contains(text, "replayed 3 records") {
		t.Error(text)
	}
	runtest.Until(t, "all is well", func() bool {
		s := r.Status()
		return s.Level == state.OK && s.Sentence == "All safe. Everything is delivered."
	})
}

// A replay that is going on ends with the way to its destination: it says why and what to do, and
// what was not sent stays.
func TestAReplayOfDeadLettersIsEnded(t *testing.T) {
	t.Parallel()
	const window = "\n  window {\n    batches = 1\n    lanes   = 1\n  }\n"
	text := strings.Replace(refusesText, `name = "x" }`, `name = "x"`+window+"}", 1)
	text = strings.Replace(text, `output "fake" "x" { `, `output "fake" "x" {`+"\n", 1)
	for name, c := range map[string]struct {
		end  func(t *testing.T, r *running)
		want string
	}{
		"paused": {func(t *testing.T, r *running) {
			if code, text := post(t, r, "/api/pause?output=fake.x"); code != 200 {
				t.Error(code, text)
			}
		}, "output.fake.x was paused: resume it, and replay again"},
		"replaced": {func(t *testing.T, r *running) {
			changed := strings.Replace(text, `name = "x"`, `name = "x"`+"\n  mode = \"new\"", 1)
			if err := r.reload(changed); err != nil {
				t.Error(err)
			}
			r.w.await(t, "the old output is closed", func() bool {
				return slices.Contains(r.w.events, "close x ")
			})
		}, "a reload has replaced output.fake.x, or removed it: replay again"},
		"stopped": {func(_ *testing.T, r *running) {
			r.stop()
			r.wait()
		}, "the agent stops: replay again once it runs"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, dir := newWorld(), t.TempDir()
			r := startAgent(t, w, dir, text)
			for _, tag := range []string{"t", "u", "v", "w"} {
				w.send(t, "a", tag, "one")
			}
			w.send(t, "a", "t", "{}") // committed at once, and what was refused before it
			w.await(t, "all are refused", w.has("x", 1))
			w.change(func() { w.slow = make(chan struct{}) })
			answer := make(chan string, 1)
			go func() {
				_, text := post(t, r, "/api/dead-letters/replay?output=fake.x")
				answer <- text
			}()
			runtest.Until(t, "it goes on", func() bool {
				return r.Status().Pipelines[0].Now.Outputs[0].Kind == state.Replaying
			})
			c.end(t, r)
			select {
			case text := <-answer:
				if !strings.Contains(text, c.want) || !strings.Contains(text, "the others stay") {
					t.Error(text)
				}
			case <-time.After(20 * time.Second):
				t.Fatalf("it does not end\n%s", r.log)
			}
			w.change(func() { w.slow = nil })
			switch name {
			case "paused":
				if code, text := post(t, r, "/api/resume?output=fake.x"); code != 200 {
					t.Error(code, text)
				}
			case "stopped":
				r = startAgent(t, w, dir, text)
			}
			_, text := post(t, r, "/api/dead-letters/replay?output=fake.x")
			if !strings.Contains(text, "replayed 4 records into output.fake.x") {
				t.Error(text)
			}
			equal(t, "x", w.delivered("x"), "t/{}", "t/one", "u/one", "v/one", "w/one")
		})
	}
}

// A replay tells what was refused once more: it is a dead letter again.
func TestAReplayTellsWhatIsRefusedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld()
	r := startAgent(t, w, t.TempDir(), `
input "fake" "a" { name = "a" }
output "fake" "x" {
  name = "x"
  mode = "strict"
}
pipeline "p" {
  from = [input.fake.a]
  to   = [output.fake.x]
}`)
	w.send(t, "a", "t", "poison", "fine", "poison")
	runtest.Until(t, "both are refused, and counted, which comes later", func() bool {
		return strings.Contains(get(t, r, "/api/dead-letters"), `"records": 2`) && strings.Contains(
			get(t, r, "/metrics"),
			`penstock_output_dead_letter_records_total{component="output.fake.x"} 2`,
		)
	})
	_, text := post(t, r, "/api/dead-letters/replay?output=fake.x")
	if !strings.Contains(text, "replayed 2 records into output.fake.x; meanwhile 2 records were refused") {
		t.Error(text)
	}
}

// A reload replaces an output whose destination is away while a replay sends there: the replay does
// not go on with what is closed.
func TestAReloadEndsAReplayIntoWhatIsAway(t *testing.T) {
	t.Parallel()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "app"))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	w := newWorld()
	w.more = Catalogue{AsyncWriterType("kafka", "Kafka.", kafka.Default, kafka.New)}
	config := func(linger string) string {
		return fmt.Sprintf(`
input "fake" "in" { name = "in" }
output "kafka" "a" {
  brokers = [%q]
  topic   = "app"
  linger  = %q
}
pipeline "p" {
  from = [input.fake.in]
  filter "parse" {
    format     = "json"
    on_failure = "dead_letter"
  }
  to = [output.kafka.a]
}`, cluster.ListenAddrs()[0], linger)
	}
	r := startAgent(t, w, t.TempDir(), config("5ms"))
	w.send(t, "in", "t", "one", "two")
	w.send(t, "in", "t", "{}") // committed at once, and what was refused before it
	sent := func() bool { return r.Status().Pipelines[0].Outputs[0].Records == 1 }
	runtest.Until(t, "all are refused", sent)
	var away atomic.Bool
	tried := make(chan struct{})
	try := sync.OnceFunc(func() { close(tried) })
	away.Store(true)
	cluster.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		if !away.Load() {
			return nil, nil, false
		}
		try()
		return nil, errors.New("away"), true
	})
	answer := make(chan string, 1)
	go func() {
		_, text := post(t, r, "/api/dead-letters/replay?output=kafka.a")
		answer <- text
	}()
	<-tried
	if err := r.reload(config("6ms")); err != nil {
		t.Fatal(err)
	}
	select {
	case text := <-answer:
		if !strings.Contains(text, "0 records were replayed, the others stay: ") ||
			!strings.Contains(text, "a reload has replaced output.kafka.a") {
			t.Error(text)
		}
	case <-time.After(20 * time.Second):
		t.Fatalf("it does not end: %s\n%s", r.Status().Sentence, r.log)
	}
	away.Store(false)
	_, text := post(t, r, "/api/dead-letters/replay?output=kafka.a")
	if !strings.Contains(text, "replayed 2 records into output.kafka.a") {
		t.Error(text)
	}
}
