package agent

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/penstock/penstock/agent/state"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/outputs/local"
)

// A store that would take no dead letter is told before there is one, and until it is well.
func TestAnOutputTellsOfTheStoreOfItsDeadLettersAtTheStart(t *testing.T) {
	t.Parallel()
	for kind, attribute := range map[string]string{"fake": `name`, "local": `directory`} {
		t.Run(kind, func(t *testing.T) {
			w := newWorld()
			w.more = Catalogue{ArchiveType("local", "Directories.", local.Default, local.New)}
			dir := t.TempDir()
			letters := filepath.Join(dir, "letters")
			if err := os.WriteFile(letters, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			r := startAgent(t, w, t.TempDir(), fmt.Sprintf(`
input "fake" "a" { name = "a" }
output "local" "letters" { directory = %q }
output %q "o" {
  %s = %q
  dead_letter { to = output.local.letters }
}
pipeline "p" {
  from = [input.fake.a]
  to   = [output.%s.o]
}`, letters, kind, attribute, filepath.Join(dir, "o"), kind))
			is := func(kind string) func() bool {
				return func() bool { return r.States()[0].Outputs[0].Kind == kind }
			}
			runtest.Until(t, "a file is in the way", is(state.StoreFails))
			if err := os.Remove(letters); err != nil {
				t.Fatal(err)
			}
			runtest.Until(t, "it is not any more", is(state.Delivering))
		})
	}
}

// An archive whose store would take nothing is told before anything has to go there, and until the
// store is well.
func TestAnArchiveTellsOfItsStoreAtTheStart(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.more = Catalogue{ArchiveType("local", "Directories.", local.Default, local.New)}
	lake := filepath.Join(t.TempDir(), "lake")
	if err := os.WriteFile(lake, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r := startAgent(t, w, t.TempDir(), fmt.Sprintf(`
input "fake" "a" { name = "a" }
output "local" "lake" { directory = %q }
pipeline "p" {
  from = [input.fake.a]
  to   = [output.local.lake]
}`, lake))
	is := func(kind string, l state.Level) func() bool {
		return func() bool {
			s := r.States()[0]
			return s.Outputs[0].Kind == kind && s.Level == l && s.Outputs[0].Level == l
		}
	}
	runtest.Until(t, "a file is in the way", is(state.StoreFails, state.Warning))
	if err := os.Remove(lake); err != nil {
		t.Fatal(err)
	}
	runtest.Until(t, "it is not any more", is(state.Delivering, state.OK))
	if _, err := os.Stat(lake); !os.IsNotExist(err) {
		t.Errorf("the store was made: %v", err)
	}
}
