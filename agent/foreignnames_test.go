package agent

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/penstock/penstock/agent/config"
)

var notSo = regexp.MustCompile(
	`error: (unknown|there is no (?:input|output|filter)|.* is a block|.* is an attribute|.* cannot be|.* must be|.*has no dots|wrong number|invalid|.*without its)`,
)

// What is said of a foreign name to write is understood, so that following a hint leads to no
// second mistake. Each name in the table is one that penstock does not have itself, and leads to
// its hint.
func TestHintsForForeignNamesAreRight(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	report := func(t *testing.T, body string) string {
		t.Helper()
		file := filepath.Join(dir, "penstock.hcl")
		if err := os.WriteFile(file, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
		_, r := config.Load(
			[]string{file}, Components().Config(),
			config.Options{Env: func(string) (string, bool) { return "x", true }},
		)
		return r.Error()
	}
	for i, g := range config.ForeignNames {
		for _, at := range expand(g.At) {
			in := func(text string) string {
				for _, b := range strings.Split(g.Block, ".") {
					switch {
					case b == "":
					case b == "server":
						text = "server \"x\" {\n" + text + "\n}"
					default:
						text = b + " {\n" + text + "\n}"
					}
				}
				kind, typ, _ := strings.Cut(at, ".")
				header := map[string]string{"agent": "agent", "pipeline": `pipeline "x"`}[kind]
				if header == "" {
					header = fmt.Sprintf("%s %q \"x\"", kind, typ)
				}
				return header + " {\n" + text + "\n}\n"
			}
			if g.Write != "" {
				body := in(g.Write)
				if g.Apart {
					body = g.Write + "\n"
				}
				if got := report(t, declared(body)); notSo.MatchString(got) {
					t.Errorf("foreign name %d at %s: %s\nleads to:\n%s", i, at, g.Write, got)
				}
			}
			if g.Write == "" && g.Why == "" {
				t.Errorf("foreign name %d says nothing", i)
			}
			if g.Value != "" {
				continue
			}
			got := report(t, in(strings.Join(strings.Fields(g.Names), " = 1\n")+" = 1"))
			want := g.Write
			if want == "" {
				want = g.Why
			}
			first, _, _ := strings.Cut(want, "\n")
			names := strings.Fields(g.Names)
			for _, name := range names {
				if !strings.Contains(got, fmt.Sprintf("unknown attribute %q", name)) {
					t.Errorf("foreign name %d: %s has %q itself:\n%s", i, at, name, got)
				}
			}
			if n := strings.Count(got, first); n < len(names) {
				t.Errorf("foreign name %d at %s: %d of %s lead to %q:\n%s", i, at, n, g.Names, first, got)
			}
		}
	}
}

// declared adds the components that the table's snippets refer to.
func declared(body string) string {
	for id, text := range map[string]string{
		"input.stdin.in":      "input \"stdin\" \"in\" {}\n",
		"output.stdout.out":   "output \"stdout\" \"out\" {}\n",
		"input.tail.app":      "input \"tail\" \"app\" { paths = [\"/x\"] }\n",
		"output.kafka.events": "output \"kafka\" \"events\" {\n  brokers = [\"k\"]\n  topic = \"t\"\n}\n",
		"output.s3.overflow":  "output \"s3\" \"overflow\" { bucket = \"b\" }\n",
		"filter.grep.errors":  "filter \"grep\" \"errors\" { include = [\"e\"] }\n",
	} {
		if strings.Contains(body, id) {
			body += text
		}
	}
	return body
}

func expand(at string) []string {
	var out []string
	for _, a := range strings.Fields(at) {
		kind, typ, _ := strings.Cut(a, ".")
		if typ != "*" {
			out = append(out, a)
			continue
		}
		for _, c := range Components() {
			if string(c.Kind) == kind {
				out = append(out, kind+"."+c.Type)
			}
		}
	}
	return out
}
