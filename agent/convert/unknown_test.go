package convert_test

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/penstock/penstock/agent/convert"
	"github.com/penstock/penstock/agent/convert/draft"
)

// plantKeys puts a setting that no tool has into every section, and returns how many.
func plantKeys(t *testing.T, tool, ext, src string) (string, int) {
	t.Helper()
	n := 0
	name := func() string { n++; return fmt.Sprintf("planted%dx", n) }
	after := func(re, form string) string {
		return regexp.MustCompile(re).ReplaceAllStringFunc(src, func(s string) string {
			return s + fmt.Sprintf(form, name())
		})
	}
	switch {
	case ext == ".yaml" || ext == ".yml":
		var doc yaml.Node
		if err := yaml.Unmarshal([]byte(src), &doc); err != nil {
			t.Fatal(err)
		}
		var walk func(n *yaml.Node)
		walk = func(n *yaml.Node) {
			for i, k := range n.Content {
				if i == 0 || n.Content[i-1].Value != "env" { // any name may stand there
					walk(k)
				}
			}
			if n.Kind == yaml.MappingNode {
				n.Content = append([]*yaml.Node{
					{Kind: yaml.ScalarNode, Value: name()}, {Kind: yaml.ScalarNode, Value: "v"},
				}, n.Content...)
			}
		}
		walk(&doc)
		out, err := yaml.Marshal(&doc)
		if err != nil {
			t.Fatal(err)
		}
		return string(out), n
	case tool == "vector":
		return after(`(?m)^\[.*\]$`, "\n%s = \"v\""), n
	case tool == "fluentd":
		return after(`(?m)^\s*<[a-z].*>[^<\n]*$`, "\n        %s v"), n
	case tool == "fluent-bit":
		return after(`(?m)^\s*\[\w+\]$`, "\n  %s v"), n
	case tool == "flume":
		return after(`(?m)^(\w+\.\w+\.\w+)\.type\s*=.*[^\\\n]$`, "\n@@%s = v"), n
	case tool == "secor":
		return src + "\n" + name() + " = v\n", n
	case tool == "logstash":
		plugin := regexp.MustCompile(`(?m)^(.*?)\b([a-z_0-9]+) \{`)
		return plugin.ReplaceAllStringFunc(src, func(s string) string {
			if regexp.MustCompile(`(#.*|^\s*if .*|\b(input|filter|output|else|if .*) \{)$`).MatchString(s) {
				return s
			}
			return s + " " + name() + ` => "v" `
		}), n
	}
	return after(`\b(input|action|module|global|template|ruleset|main_queue)\(`, "%s=\"v\" "), n
}

// withWhole reports whether what begins at an offset stands in a section that was left out.
func withWhole(r *convert.Result, src string, offset int) bool {
	lines := strings.Split(src, "\n")
	at := 1 + strings.Count(src[:offset], "\n")
	key := strings.TrimSpace(lines[at-1])
	indent := func(n int) int {
		return len(lines[n-1]) - len(strings.TrimLeft(lines[n-1], " \t"))
	}
	for _, n := range r.Notes {
		from := n.Place.Line
		if n.Fate != draft.Left || from == 0 || from > at {
			continue
		}
		if strings.HasPrefix(key, n.What+".") {
			return true
		}
		inside := true
		section := strings.HasPrefix(lines[from-1], "[") // of TOML
		for i := from + 1; section && i <= at; i++ {
			section = !strings.HasPrefix(lines[i-1], "[")
		}
		if section {
			return true
		}
		for i := from + 1; i <= at; i++ {
			inside = inside && (indent(i) > indent(from) || i == from+1)
		}
		if inside {
			return true
		}
	}
	return false
}

// What no code looks at is told, in whatever section it stands.
func TestSettingsThatNobodyReadsAreTold(t *testing.T) {
	t.Parallel()
	for _, tool := range convert.Tools() {
		mains, err := filepath.Glob(filepath.Join("testdata", tool.Name, "*", "main.*"))
		if err != nil || mains == nil {
			t.Fatal(mains, err)
		}
		for _, main := range mains {
			t.Run(tool.Name+"/"+filepath.Base(filepath.Dir(main)), func(t *testing.T) {
				t.Parallel()
				src, n := plantKeys(t, tool.Name, filepath.Ext(main), texts(t, []string{main}))
				if tool.Name == "flume" {
					src = regexp.MustCompile(`(?m)^(\w+\.\w+\.\w+)(\.type\s*=.*\n)@@`).
						ReplaceAllString(src, "$1$2$1.")
				}
				dir := filepath.Dir(main)
				r := convertedIn(t, tool.Name, dir, filepath.Base(main), src)
				for i := range n {
					key := fmt.Sprintf("planted%dx", i+1)
					if !strings.Contains(string(r.HCL), key) && !strings.Contains(summary(r), key) &&
						!withWhole(r, src, strings.Index(src, key)) {
						t.Errorf("nothing is said of %s", key)
					}
				}
				if t.Failed() {
					t.Logf("of\n%s\nis\n%s", src, r.HCL)
				}
			})
		}
	}
}
