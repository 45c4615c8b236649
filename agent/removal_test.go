package agent

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/penstock/penstock/agent/config"
)

// What would remove the only copy of a record is refused, at the attribute that decides it.
func TestNothingRemovesWhatNoOutputHas(t *testing.T) {
	t.Parallel()
	const inputs = `
agent { data_dir = "DIR" }
input "tail" "done" {
  paths      = ["/var/data/*.csv"]
  after_read = "delete"
}
input "tail" "all" { paths = ["/var/data/*"] }
output "stdout" "o" {}
`
	for _, c := range []struct{ pipelines, want string }{
		{`pipeline "p" {
  from = [input.tail.done]
  to   = [output.stdout.o]
}`, ""},
		{`pipeline "p" {
  from = [input.tail.done]
  to   = [output.stdout.o]
  buffer { when_full = "drop_oldest" }
}`, `penstock.hcl:12:24: buffer.when_full: what is dropped would be gone for good: input.tail.done has after_read = "delete"`},
		{`pipeline "p" {
  from = [input.tail.done]
  route {
    match = ["a"]
    to    = [output.stdout.o]
  }
}`, `penstock.hcl:9:1: pipeline.p discards records that no route takes, and input.tail.done has after_read = "delete": they would be gone for good`},
		{`pipeline "p" {
  from = [input.tail.done, input.tail.all]
  to   = [output.stdout.o]
}`, `penstock.hcl:5:16: input.tail.done: after_read: what matches /var/data/*.csv may be read by input.tail.all, too: it would be removed before that has read it`},
	} {
		dir := t.TempDir()
		file := filepath.Join(dir, "penstock.hcl")
		text := strings.ReplaceAll(inputs+c.pipelines, "DIR", dir)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, report := config.Load([]string{file}, Components().Config(), config.Options{})
		got := strings.ReplaceAll(strings.Join(report.Lines(false), "\n"), dir+"/", "")
		if !strings.HasPrefix(got, c.want) || (c.want == "") != (got == "") {
			t.Errorf("%s\n%s, want\n%s", c.pipelines, got, c.want)
		}
	}
}
