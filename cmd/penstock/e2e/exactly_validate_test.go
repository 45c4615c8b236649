package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What exactly_once cannot do is refused before anything runs, with what to write instead.
func TestExactlyOnceRefusesWhatItCannotDo(t *testing.T) {
	parallel(t)
	const kafka = `output "kafka" "events" {
  brokers  = ["b:9092"]
  topic    = "TOPIC"
  delivery = "exactly_once"
  MORE
}
output "stdout" "other" {}
pipeline "p" {
  from = [INPUT]
  to   = [output.kafka.events, output.stdout.other]
}`
	const tail = "input \"tail\" \"in\" {\n  paths = [\"/var/log/x.log\"]\n}\n"
	for name, c := range map[string]struct{ text, want string }{
		"works":               {replaceAll(tail+kafka, "TOPIC", "logs", "MORE", "", "INPUT", "input.tail.in"), ""},
		"topic per record":    {replaceAll(tail+kafka, "TOPIC", "logs-${tag}", "MORE", "", "INPUT", "input.tail.in"), "set position_topic"},
		"with position_topic": {replaceAll(tail+kafka, "TOPIC", "logs-${tag}", "MORE", `position_topic = "positions"`, "INPUT", "input.tail.in"), ""},
		"standby":             {replaceAll(tail+kafka, "TOPIC", "logs", "MORE", "failover {\n    to = output.stdout.other\n  }", "INPUT", "input.tail.in"), "name an object store"},
		"a topic as source": {replaceAll(strings.Replace(kafka, ", output.stdout.other", "", 1)+"\ninput \"kafka\" \"in\" {\n  brokers = [\"b:9092\"]\n  topics = [\"a\"]\n  group = \"g\"\n}\n",
			"TOPIC", "logs", "MORE", "", "INPUT", "input.kafka.in"), `write delivery = "at_least_once"`},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "p.hcl")
			if err := os.WriteFile(path, []byte(c.text), 0o644); err != nil {
				t.Fatal(err)
			}
			out, err := exec.Command(binary, "validate", path).CombinedOutput()
			if (err != nil) != (c.want != "") || !strings.Contains(string(out), c.want) {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}
