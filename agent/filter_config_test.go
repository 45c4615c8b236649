package agent

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/penstock/penstock/agent/config"
	"github.com/penstock/penstock/agent/filter"
)

const pipelineText = `
input "stdin" "in" {}
output "stdout" "out" {}
pipeline "p" {
  from = [input.stdin.in]
  to   = [output.stdout.out]
}`

// loadReal loads a config against the real catalogue and returns what is reported.
func loadReal(t *testing.T, text string) (*config.Config, string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "p.hcl")
	if err := os.WriteFile(file, []byte(text+pipelineText), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, report := config.Load([]string{file}, Components().Config(), config.Options{})
	var all strings.Builder
	report.Write(&all, false)
	return cfg, all.String()
}

// A mistake in an expression is told with its line.
func TestExpressionsInConfigs(t *testing.T) {
	t.Parallel()
	_, text := loadReal(t, `
filter "set" "s" {
  fields = {
    a = "fild.x"
    b = 2
    c = true
  }
  if = "field.a + 1 +"
}
filter "where" "w" {
  condition = "len(value)"
}`)
	for _, want := range []string{"p.hcl:4", "unknown name fild", "p.hcl:8", "unexpected token", "p.hcl:11", "condition: is a int"} {
		if !strings.Contains(text, want) {
			t.Errorf("the report lacks %q:\n%s", want, text)
		}
	}
	cfg, text := loadReal(t, `
filter "set" "s" {
  fields = {
    a = 2
    b = true
    "c.d" = "'x'"
  }
  if = "field.status >= 500"
}`)
	if cfg == nil {
		t.Fatal(text)
	}
	set := cfg.Find("filter.set.s")
	c := set.Config.(*filter.SetConfig)
	if c.Fields["a"].String() != "2" || c.Fields["b"].String() != "true" ||
		set.Common.(*filter.Common).If.IsZero() {
		t.Errorf("%+v", c)
	}
	again, _ := loadReal(t, `
filter "set" "s" {
  if     = "field.status >= 500"
  fields = { b = true, a = 2, "c.d" = "'x'" }
}`)
	same := again.Find("filter.set.s")
	if config.Fingerprint(set.Config, set.Common) != config.Fingerprint(same.Config, same.Common) {
		t.Error("two configs that mean the same have two fingerprints")
	}
}

// An archive makes the same objects again after a crash; what its filters cannot repeat is refused.
func TestFiltersThatAnArchiveCannotFollow(t *testing.T) {
	t.Parallel()
	cfg, text := loadReal(t, `
filter "explode" "lines" {
  separator = "\n"
  if        = "len(value) > 10"
}
input "stdin" "other" {}
output "local" "lake" {
  directory = "/tmp/none"
  path = "dt=${strftime("%Y")}"
  format "ndjson" {}
}
pipeline "lake" {
  from   = [input.stdin.other]
  filter = [filter.explode.lines]
  to     = [output.local.lake]
}`)
	if cfg == nil {
		t.Fatal(text)
	}
	cfg.Agent.DataDir = t.TempDir()
	_, err := New(cfg, Options{Catalogue: Components(), Log: slog.New(slog.DiscardHandler)})
	if err == nil ||
		!strings.Contains(
			err.Error(),
			"filter.explode.lines: makes several records of one position, which output.local.lake cannot archive",
		) {
		t.Error(err)
	}
}

func TestMetricsOfOneNameAgree(t *testing.T) {
	t.Parallel()
	cfg, text := loadReal(t, `
input "stdin" "other" {}
output "stdout" "other" {}
pipeline "q" {
  from = [input.stdin.other]
  filter "count" { name = "n_total" }
  filter "count" {
    name = "n_total"
    if   = "key == ''"
  }
  filter "count" {
    name = "n_total"
    help = "Another."
  }
  to = [output.stdout.other]
}`)
	if cfg == nil {
		t.Fatal(text)
	}
	cfg.Agent.DataDir = t.TempDir()
	_, err := New(cfg, Options{Catalogue: Components(), Log: slog.New(slog.DiscardHandler)})
	if err == nil ||
		!strings.Contains(
			err.Error(), "filter.count.q.3: name: n_total is a counter with the help",
		) ||
		strings.Contains(err.Error(), "q.2: ") {
		t.Error(err)
	}
}
