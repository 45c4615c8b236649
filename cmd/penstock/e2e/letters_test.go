package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/runtest"
)

// What a filter refuses before an archive is told with the tag and the file that it came with, and
// is brought back with them. The archive stays whole.
func TestRefusedLinesOfAFileComeBackAsTheyWere(t *testing.T) {
	parallel(t)
	dir := t.TempDir()
	config := replaceAll(`
agent {
  data_dir = "DIR/data"
  name     = "web-1"
  admin { listen = "ADMIN" }
}
input "tail" "app" {
  paths = ["DIR/*.log"]
  tag   = "orig.app"
}
output "local" "lake" {
  directory = "DIR/lake"
  path      = "${tag}"
  roll { age = "200ms" }
}
output "file" "again" {
  path   = "DIR/again"
  format = "full"
}
pipeline "lake" {
  from = [input.tail.app]
  filter "rename_tag" { to = "renamed" }
  filter "parse" {
    format     = "json"
    on_failure = "dead_letter"
  }
  to = [output.local.lake]
}
`, "DIR", dir)
	log := filepath.Join(dir, "x.log")
	if err := os.WriteFile(log, []byte("bad one\n{\"n\":1}\nbad two\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a := newAgent(t, "web-1", config)
	a.start()
	letters := func() (keys []string) {
		for key := range filesBelow(t, filepath.Join(dir, "lake")) {
			if strings.HasPrefix(key, "_dead_letter/orig.app/") {
				keys = append(keys, key)
			}
		}
		return keys
	}
	runtest.Within(t, 30*time.Second, func() bool { return len(letters()) > 0 }, func() string {
		return fmt.Sprint("no dead letters among ", filesBelow(t, filepath.Join(dir, "lake")))
	})
	if code := a.terminate(20 * time.Second); code != 0 {
		t.Errorf("exit code %d", code)
	}
	run := func(args ...string) string {
		t.Helper()
		out, err := exec.Command(binary, args...).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v: %s", args, err, out)
		}
		return string(out)
	}
	origin := fmt.Sprintf(`"origin":"web-1:%s"`, log)
	said := run("archive", "cat", "--config", a.config, "--envelope", "_dead_letter/")
	for _, want := range []string{
		`"tag":"orig.app"`, origin, `"value_text":"bad one"`, `"value_text":"bad two"`, "not_json",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("archive cat does not tell %s: %s", want, said)
		}
	}
	run(
		"replay", "--config", a.config, "--output", "output.file.again", "--from", "output.local.lake",
		"--dead-letter",
	)
	again, err := os.ReadFile(filepath.Join(dir, "again"))
	if n := strings.Count(string(again), origin); err != nil || n != 2 ||
		strings.Count(string(again), `"tag":"orig.app"`) != 2 {
		t.Errorf("they came back as %s %v", again, err)
	}
	if left := letters(); len(left) > 0 {
		t.Errorf("they wait still: %v", left)
	}
	if rep, err := archiveVerify(t, a.config); err != nil {
		t.Errorf("archive verify: %v: %+v", err, rep.Problems)
	}
}
