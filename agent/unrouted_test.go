package agent

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/penstock/penstock/buffer/record/runtest"
)

// What no route takes, by its tag or by conditions, is in the dead letter of the first output.
func TestUnroutedRecordsGoToTheDeadLetter(t *testing.T) {
	t.Parallel()
	for name, routes := range map[string]string{
		"tags": `
  route {
    match = ["t"]
    to    = [output.fake.x]
  }
  route {
    match = ["u"]
    to    = [output.fake.y]
  }`,
		"conditions": `
  route {
    if = "value startsWith 't'"
    to = [output.fake.x]
  }
  route {
    match = ["u"]
    if    = "value startsWith 'u'"
    to    = [output.fake.y]
  }`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, dir := newWorld(), t.TempDir()
			r := startAgent(t, w, dir, `
input "fake" "a" { name = "a" }
output "fake" "x" { name = "x" }
output "fake" "y" { name = "y" }
pipeline "p" {
  from     = [input.fake.a]
  unrouted = "dead_letter"`+routes+`
}`)
			w.send(t, "a", "t", "t1", "t2")
			w.send(t, "a", "nowhere", "lost1", "lost2")
			w.send(t, "a", "u", "u1")
			w.await(t, "both", func() bool { return len(w.got["x"]) == 2 && len(w.got["y"]) == 1 })
			read := func(output string) string {
				files, err := filepath.Glob(filepath.Join(dir, "dead-letter", output, "*.ndjson"))
				if err != nil {
					t.Fatal(err)
				}
				var all strings.Builder
				for _, f := range files {
					text, err := os.ReadFile(f)
					if err != nil {
						t.Fatal(err)
					}
					all.Write(text)
				}
				return all.String()
			}
			runtest.Until(t, "the dead letters", func() bool {
				return strings.Count(read("output.fake.x"), "no route of the pipeline takes it") == 2
			})
			if text := read("output.fake.x"); !strings.Contains(text, "lost1") ||
				!strings.Contains(text, "lost2") {
				t.Error(text)
			}
			if text := read("output.fake.y"); text != "" {
				t.Errorf("twice in the dead letter:\n%s", text)
			}
			if m := get(t, r, "/metrics"); !strings.Contains(
				m, `penstock_route_unrouted_records_total{component="route.p.output.fake.x"} 2`,
			) {
				t.Errorf("not counted:\n%s", m)
			}
		})
	}
}

func TestRoutesThatMayBeIncompleteAreRefused(t *testing.T) {
	t.Parallel()
	const refused = "some records of pipeline.q may have no output"
	const warned = "pipeline.q discards records that no route takes"
	for _, c := range []struct{ body, want string }{
		{`unrouted = "error"`, refused},
		{`unrouted = "count"`, warned},
		{``, warned},
		{`unrouted = "dead_letter"`, ""},
		{"unrouted = \"error\"\notherwise = [output.stdout.out]", ""},
		{"unrouted = \"error\"\nto = [output.stdout.out]", ""},
		{"unrouted = \"error\"\nroute {\n match = [\"**\"]\n to = [output.stdout.out]\n}", ""},
		{
			"unrouted = \"error\"\nroute {\n match = [\"**\"]\n if = \"field.a == 1\"\n" +
				" to = [output.stdout.out]\n}",
			refused,
		},
		{`unrouted = "err"`, `Did you mean "error"`},
	} {
		_, text := loadReal(t, `
input "stdin" "other" {}
pipeline "q" {
  from = [input.stdin.other]
  `+c.body+`
  route {
    match = ["app.*"]
    to    = [output.stdout.out]
  }
}`)
		for _, s := range []string{refused, warned} {
			if strings.Contains(text, s) != (s == c.want) {
				t.Errorf("%s: %q: %v; the report is\n%s", c.body, s, s != c.want, text)
			}
		}
		if !strings.Contains(text, c.want) {
			t.Errorf("%s: no %q in\n%s", c.body, c.want, text)
		}
	}
}

// The rehearsal says the same as the agent.
func TestTrialTellsOfUnroutedRecords(t *testing.T) {
	t.Parallel()
	w := newWorld()
	a, err := New(loadTest(t, w, t.TempDir(), `
input "fake" "a" { name = "a" }
output "fake" "x" { name = "x" }
pipeline "q" {
  from     = [input.fake.a]
  unrouted = "dead_letter"
  route {
    if = "value == 'x'"
    to = [output.fake.x]
  }
}`), Options{Catalogue: w.catalogue(), Log: discard()})
	if err != nil {
		t.Fatal(err)
	}
	trials, err := a.Try(Sample{Data: []byte("x\ny\n")})
	if err != nil {
		t.Fatal(err)
	}
	if len(trials) != 2 || trials[0].Refused != "" || len(trials[0].Out) != 1 ||
		trials[1].Refused != "no route of the pipeline takes it" || len(trials[1].Out) != 0 {
		t.Errorf("%+v", trials)
	}
}
