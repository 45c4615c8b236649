package e2e

import (
	"os/exec"
	"strings"
	"testing"
)

// The demo, which exits with 1 if its count does not come out even.
func TestDemo(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), binary, "demo", "--dir", t.TempDir()).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	names, values := strings.Fields(strings.ReplaceAll(lines[len(lines)-2], "out of order", "disorder")), strings.Fields(lines[len(lines)-1])
	if len(values) != 10 || len(names) != 11 { // "in Kafka" has two words
		t.Fatalf("%s", out)
	}
	if values[0] == "0" || values[1] != values[0] || values[2] == "0" || values[3] == "0" || values[7] != values[0] {
		t.Errorf("the demo shows nothing:\n%s", out)
	}
}
