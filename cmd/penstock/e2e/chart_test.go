package e2e

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"text/template"

	"go.yaml.in/yaml/v3"
)

// rendered is the chart with values over those it comes with: by Helm, if PENSTOCK_HELM names it,
// and else by the templates of Go, which Helm's are, with the functions that the chart uses.
func rendered(t *testing.T, over string) map[string][]byte {
	t.Helper()
	chart := filepath.Join(examplesDir, "kubernetes", "chart")
	if helm := os.Getenv("PENSTOCK_HELM"); helm != "" {
		values := filepath.Join(t.TempDir(), "values.yaml")
		if err := os.WriteFile(values, []byte(over), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, how := range [][]string{
			{"lint", "--strict", chart},
			// a helm that was built by go install takes Kubernetes for an old one
			{"template", "it", chart, "-n", "logs", "--kube-version", "1.33.0"},
		} {
			cmd := exec.Command(helm, append(how, "-f", values)...)
			var said bytes.Buffer
			cmd.Stderr = &said
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("helm %s: %v\n%s%s", how[0], err, out, said.Bytes())
			}
			if how[0] == "template" {
				return map[string][]byte{"helm": out}
			}
		}
	}
	var values, more, about map[string]any
	for file, to := range map[string]*map[string]any{"values.yaml": &values, "Chart.yaml": &about} {
		text, err := os.ReadFile(filepath.Join(chart, file))
		if err != nil {
			t.Fatal(err)
		}
		if err := yaml.Unmarshal(text, to); err != nil {
			t.Fatal(err)
		}
	}
	if err := yaml.Unmarshal([]byte(over), &more); err != nil {
		t.Fatal(err)
	}
	merge(values, more)
	all := template.New("chart").Option("missingkey=error")
	all.Funcs(helmFunctions(all))
	if _, err := all.ParseGlob(filepath.Join(chart, "templates", "*")); err != nil {
		t.Fatal(err)
	}
	found := map[string][]byte{}
	for _, file := range []string{"edge.yaml", "forwarder.yaml", "consumer.yaml"} {
		var b bytes.Buffer
		err := all.ExecuteTemplate(&b, file, map[string]any{
			"Values":  values,
			"Release": map[string]any{"Name": "it", "Namespace": "logs", "Service": "Helm"},
			"Chart": map[string]any{"Name": about["name"], "Version": about["version"],
				"AppVersion": about["appVersion"]},
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(bytes.TrimSpace(b.Bytes())) > 0 {
			found[file] = b.Bytes()
		}
	}
	return found
}

func merge(to, from map[string]any) {
	for k, v := range from {
		if deeper, ok := v.(map[string]any); ok {
			if at, ok := to[k].(map[string]any); ok {
				merge(at, deeper)
				continue
			}
		}
		to[k] = v
	}
}

func helmFunctions(all *template.Template) template.FuncMap {
	return template.FuncMap{
		"include": func(name string, data any) (string, error) {
			var b bytes.Buffer
			err := all.ExecuteTemplate(&b, name, data)
			return b.String(), err
		},
		"toYaml": func(v any) (string, error) {
			out, err := yaml.Marshal(v)
			return strings.TrimSuffix(string(out), "\n"), err
		},
		"nindent": func(n int, s string) string {
			pad := strings.Repeat(" ", n)
			return "\n" + pad + strings.ReplaceAll(s, "\n", "\n"+pad)
		},
		"dict": func(pairs ...any) map[string]any {
			m := map[string]any{}
			for i := 0; i+1 < len(pairs); i += 2 {
				m[pairs[i].(string)] = pairs[i+1]
			}
			return m
		},
		"default": func(d, v any) any {
			if v == nil || v == "" || v == 0 {
				return d
			}
			return v
		},
		"trunc":      func(n int, s string) string { return s[:min(n, len(s))] },
		"trimSuffix": func(end, s string) string { return strings.TrimSuffix(s, end) },
		"quote":      func(v any) string { return fmt.Sprintf("%q", fmt.Sprint(v)) },
		"int64":      func(v int) int64 { return int64(v) },
		"sha256sum":  func(s string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(s))) },
	}
}

// The chart, with each role and with all that can be chosen, makes what the manifests above are.
func TestHelmChartMakesWhatHoldsTogether(t *testing.T) {
	parallel(t)
	for name, c := range map[string]struct {
		values                          string
		pods, services, budgets, scaled int
	}{
		"as it comes": {"", 1, 0, 0, 0},
		"all": {`
forwarder: {enabled: true, env: [{name: A, value: b}], envFrom: [{secretRef: {name: keys}}]}
consumer: {enabled: true, keda: {enabled: true}}
imagePullSecrets: [{name: registry}]
`, 3, 2, 2, 1},
		"consumer alone": {`
edge: {enabled: false}
scrape: false
consumer: {enabled: true, podAnnotations: {a: b}, serviceAccount: {annotations: {role: lake}}}
`, 1, 0, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			m := newManifests(t)
			files := rendered(t, c.values)
			for file, text := range maps.All(files) {
				m.add(file, text)
			}
			m.check()
			m.validate()
			if len(m.pods) != c.pods || len(m.services) != c.services || len(m.budgets) != c.budgets ||
				len(m.scaled) != c.scaled {
				t.Errorf("%d workloads, %d services, %d budgets, %d scaled objects",
					len(m.pods), len(m.services), len(m.budgets), len(m.scaled))
			}
		})
	}
}
