package metrics

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/penstock/penstock/agent/state"
)

var (
	anyMetric = regexp.MustCompile(`penstock_[a-z0-9_]+`)
	anyState  = regexp.MustCompile(`\bstate=~?"([a-z_|]+)"`)
	rate      = regexp.MustCompile(`(?:rate|increase)\((penstock_[a-z0-9_]+)`)
)

// Alerts, dashboard and manifests name metrics and states that there are, and take rates of
// counters.
func TestExamplesNameMetricsThatThereAre(t *testing.T) {
	var paths []string
	for _, folder := range []string{"monitoring", "kubernetes"} {
		err := filepath.WalkDir(filepath.Join("../../examples", folder),
			func(path string, d fs.DirEntry, err error) error {
				if err == nil && !d.IsDir() {
					paths = append(paths, path)
				}
				return err
			})
		if err != nil {
			t.Fatal(err)
		}
	}
	kinds := append(slices.Clone(state.OutputKinds), state.InputKinds...)
	seen := 0
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(string(data), `\"`, `"`)
		for _, name := range anyMetric.FindAllString(text, -1) {
			seen++
			if _, ok := Find(name); !ok {
				t.Errorf("%s names %s, which there is not", path, name)
			}
		}
		for _, m := range anyState.FindAllStringSubmatch(text, -1) {
			for _, s := range strings.Split(m[1], "|") {
				if !slices.Contains(kinds, s) {
					t.Errorf("%s names the state %s, which there is not", path, s)
				}
			}
		}
		for _, m := range rate.FindAllStringSubmatch(text, -1) {
			if row, ok := Find(m[1]); ok && row.Kind == "gauge" {
				t.Errorf("%s takes the rate of %s, a gauge", path, m[1])
			}
		}
		if strings.HasSuffix(path, ".json") && !json.Valid(data) {
			t.Errorf("%s is no JSON", path)
		}
	}
	if seen < 20 {
		t.Errorf("only %d metrics found", seen)
	}
}
