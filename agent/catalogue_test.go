package agent

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/penstock/penstock/agent/config"
)

func TestEveryFieldIsDocumented(t *testing.T) {
	t.Parallel()
	if missing := Components().Config().MissingDocs(); missing != nil {
		t.Errorf("fields without a doc tag that is a sentence:\n%s", strings.Join(missing, "\n"))
	}
}

// The decoder panics on tags and types it does not know; the reference walks all of them.
func TestReferenceOfEveryComponent(t *testing.T) {
	t.Parallel()
	cat := Components().Config()
	for _, subject := range cat.Subjects() {
		var b strings.Builder
		if err := cat.WriteReference(&b, subject, 100); err != nil {
			t.Errorf("%s: %v", subject, err)
		}
		if len(b.String()) < 60 || strings.Contains(b.String(), "%!") {
			t.Errorf("%s: %s", subject, b.String())
		}
	}
}

func TestCatalogueIsConsistent(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, c := range Components() {
		name := string(c.Kind) + "." + c.Type
		if seen[name] {
			t.Errorf("%s stands twice", name)
		}
		seen[name] = true
		set := 0
		for _, is := range []bool{c.input != nil, c.source != nil, c.output != nil, c.filter != nil} {
			if is {
				set++
			}
		}
		if set != 1 || c.Source != (c.source != nil) ||
			(c.Kind == config.Output) != (c.output != nil) ||
			(c.Kind == config.Filter) != (c.filter != nil) {
			t.Errorf("%s has the wrong constructor", name)
		}
		if c.Kind == config.Filter && c.Cost == "" {
			t.Errorf("%s does not say what it costs", name)
		}
		if a, b := c.Default(), c.Default(); a == b && reflect.TypeOf(a).Elem().Size() > 0 {
			t.Errorf("%s: defaults are shared", name)
		}
	}
}

func TestEveryInputIsTestedByTheSuite(t *testing.T) {
	t.Parallel()
	inputs := map[string]int{} // of each package
	for _, c := range Components() {
		if c.input != nil {
			inputs[reflect.TypeOf(c.Default()).Elem().PkgPath()]++
		}
	}
	for pkg, n := range inputs {
		dir := filepath.Join("..", strings.TrimPrefix(pkg, "github.com/penstock/penstock/"))
		files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		calls := 0
		for _, name := range files {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			calls += bytes.Count(text, []byte("inputstest.Conformance("))
		}
		if calls < n {
			t.Errorf("%s has %d inputs, and calls inputstest.Conformance %d times", pkg, n, calls)
		}
	}
}
