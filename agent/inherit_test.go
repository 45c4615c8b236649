package agent

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"testing"

	"github.com/penstock/penstock/inputs/tail"
)

// An input that is renamed goes on where it was, by a reload as by a restart, and a new one beside
// it reads its files as start_at says.
func TestARenamedInputReadsOn(t *testing.T) {
	t.Parallel()
	logs := t.TempDir()
	line := func(file, text string) {
		t.Helper()
		f, err := os.OpenFile(filepath.Join(logs, file), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Fprintln(f, text); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	config := func(name, more string) string {
		return fmt.Sprintf(`
input "tail" %[1]q { paths = ["%[2]s/*.log"] }
input "tail" "other" { paths = ["%[2]s/*.txt"] }
output "fake" "x" { name = "x" }
pipeline "p" {
  from = [input.tail.%[1]s%[3]s]
  to   = [output.fake.x]
}
`, name, logs, more)
	}
	w := newWorld()
	w.more = Catalogue{InputType("tail", "Tail.", tail.Default, tail.New)}
	line("a.log", "1")
	line("b.txt", "not yet")
	dir := t.TempDir()
	r := startAgent(t, w, dir, config("app", ""))
	w.await(t, "the first", w.has("x", 1))
	if err := r.reload(config("web", "")); err != nil {
		t.Fatal(err)
	}
	line("a.log", "2")
	w.await(t, "the second", w.has("x", 2))
	r.stop()
	r.wait()

	line("a.log", "3")
	startAgent(t, w, dir, config("site", ", input.tail.other"))
	w.await(t, "the rest", w.has("x", 4))
	var got []string
	for _, v := range w.delivered("x") {
		got = append(got, path.Base(v))
	}
	slices.Sort(got)
	equal(t, "what was delivered", got, "1", "2", "3", "not yet")
}
