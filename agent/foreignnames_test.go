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
			if at == "filter.parse" && g.Names == "type kind" {
				continue // which has a row of its own before
			}
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
			got := report(t, in(strings.Join(strings.Fields(g.Names), " = true\n")+" = true"))
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
			n := strings.Count(got, first) + strings.Count(got, "Write it as above, once.")
			if n < len(names) {
				t.Errorf("foreign name %d at %s: %d of %s lead to %q:\n%s", i, at, n, g.Names, first, got)
			}
		}
	}
}

// What is to be written for a block of another tool can be pasted.
func TestHintsForForeignBlocksCanBePasted(t *testing.T) {
	t.Parallel()
	for _, b := range config.ForeignBlocks {
		for _, name := range strings.Fields(b.Names) {
			got := validated(t, name+" {}\n")
			want, _, _ := strings.Cut(b.Write+b.Why, "\n")
			if !strings.Contains(got, want) {
				t.Errorf("%s is not told %q:\n%s", name, want, got)
			}
		}
		if b.Write == "" {
			continue
		}
		if got := validated(t, declared(b.Write+"\n")); notSo.MatchString(got) ||
			strings.Contains(got, "lacks") {
			t.Errorf("%s\nleads to:\n%s", b.Write, got)
		}
	}
}

// The declaration that is told for a component that is not there can be pasted, for each type.
func TestDeclarationsCanBePasted(t *testing.T) {
	t.Parallel()
	for _, c := range Components() {
		list := map[config.Kind]string{
			config.Input: "from", config.Output: "to", config.Filter: "filter",
		}[c.Kind]
		id := string(c.Kind) + "." + c.Type + ".o"
		got := validated(t, fmt.Sprintf("pipeline \"p\" {\n%s = [%s]\n}\n", list, id))
		_, rest, ok := strings.Cut(got, "Declare it:")
		rest, _, _ = strings.Cut(rest, "\nKnown: ")
		if !ok {
			t.Errorf("%s: no declaration is told:\n%s", id, got)
			continue
		}
		var lines []string
		for line := range strings.Lines(rest) {
			if lines = append(lines, line); strings.HasPrefix(strings.TrimPrefix(line, "    "), "}") ||
				strings.HasSuffix(strings.TrimSpace(line), "}") && len(lines) == 1 {
				break
			}
		}
		text := strings.Join(lines, "")
		for line := range strings.Lines(validated(t, text+"\n")) {
			if strings.Contains(line, "error: ") && strings.Contains(line, id) &&
				!strings.Contains(line, "built without WebAssembly") {
				t.Errorf("%s\nleads to: %s", text, line)
			}
		}
	}
}

// validated returns what is said of a configuration.
func validated(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "penstock.hcl")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, r := config.Load(
		[]string{file}, Components().Config(),
		config.Options{Env: func(string) (string, bool) { return "x", true }},
	)
	var out strings.Builder
	r.Write(&out, false)
	return out.String()
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
