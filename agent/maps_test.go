package agent

import (
	"fmt"
	"log/slog"
	"testing"

	"github.com/penstock/penstock/outputs/forward"
	"github.com/penstock/penstock/outputs/kafka"
)

// A buffer keeps maps in msgpack as they came where an output passes them on and nobody else has to
// make anew what it could have had as it lies.
func TestBufferKeepsMapsForOutputsThatPassThemOn(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.more = Catalogue{
		AsyncWriterType("kafka", "Kafka.", kafka.Default, kafka.New),
		WriterType("forward", "Forward.", forward.Default, forward.New),
	}
	for _, c := range []struct {
		forward, kafka, pipeline string
		want                     bool
	}{
		{"", "", "to = [output.forward.f]", true},
		{"", "", "to = [output.forward.f, output.fake.x]", true},
		{"", "", "to = [output.fake.x]", false},
		{"", "", "to = [output.kafka.k]", false},
		{"", "", "to = [output.forward.f, output.kafka.k]", false},
		// where Kafka's records are looked at one by one, it makes no difference to it
		{"", `key = "x"`, "to = [output.forward.f, output.kafka.k]", true},
		{"", `format = "msgpack"`, "to = [output.kafka.k]", true},
		{"", `format = "msgpack"`, "to = [output.forward.f, output.kafka.k]", true},
		{"", `format = "msgpack"`, "filter = [filter.grep.noise]\n to = [output.kafka.k]", false},
		{"", "", "filter = [filter.grep.noise]\n to = [output.forward.f]", false},
		{`peer = "fluentd"`, "", "to = [output.forward.f]", true},
		{`peer = "penstock"`, "", "to = [output.forward.f]", false},
		{"peer = \"penstock\"\n shared_key = \"k\"", "", "to = [output.forward.f]", true},
	} {
		text := fmt.Sprintf(`
input "fake" "in" { name = "in" }
output "fake" "x" { name = "x" }
output "forward" "f" {
  server "one" { address = "127.0.0.1:1" }
  %s
}
output "kafka" "k" {
  brokers = ["127.0.0.1:1"]
  topic   = "t"
  %s
}
filter "grep" "noise" { exclude = ["noise"] }
pipeline "p" {
  from = [input.fake.in]
  %s
}`, c.forward, c.kafka, c.pipeline)
		a, err := New(
			loadTest(t, w, t.TempDir(), text),
			Options{Catalogue: w.catalogue(), Log: slog.New(slog.DiscardHandler)},
		)
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Discard(); err != nil {
			t.Error(err)
		}
		if got := a.cur.plans[0].takesMaps; got != c.want {
			t.Errorf("forward %q, kafka %q, %q: %v", c.forward, c.kafka, c.pipeline, got)
		}
	}
}
