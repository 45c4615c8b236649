package convert_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/penstock/penstock/agent/convert"
)

var shows = regexp.MustCompile(`(?m)^\s*(?:#|//|--)+ Shows: (.*)$`)

// testdata/README.md tells of each case what it shows, and which program's records it is held to.
func TestTableTellsWhatEachCaseShows(t *testing.T) {
	table := bytes.NewBufferString(`# What is converted in tests

Each folder has the files of a tool, the configuration made of them and its summary. Where a program
is named, it has been given the same lines, and the configuration has to make the same records.
Those that could not be run here are held to their documentation.
`)
	for _, tool := range convert.Tools() {
		fmt.Fprintf(table, "\n## %s\n\n| case | shows | held to |\n| --- | --- | --- |\n", tool.Name)
		dirs, err := filepath.Glob(filepath.Join("testdata", tool.Name, "*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, dir := range dirs {
			fmt.Fprintf(
				table, "| [%s](%s/%s) | %s | %s |\n", filepath.Base(dir), tool.Name,
				filepath.Base(dir), showsOf(t, dir), heldTo(t, dir),
			)
		}
	}
	compare(t, filepath.Join("testdata", "README.md"), table.Bytes())
}

func showsOf(t *testing.T, dir string) string {
	t.Helper()
	mains, err := filepath.Glob(filepath.Join(dir, "main.*"))
	if err != nil || len(mains) != 1 {
		t.Fatal(dir, mains, err)
	}
	text, err := os.ReadFile(mains[0])
	if err != nil {
		t.Fatal(err)
	}
	m := shows.FindSubmatch(text)
	if m == nil {
		t.Fatalf("%s does not say what it shows", mains[0])
	}
	return strings.ReplaceAll(strings.TrimSuffix(string(m[1]), "."), "|", `\|`)
}

// heldTo returns the programs, and their versions, whose records lie beside a case.
func heldTo(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.records"))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		head, _, _ := bytes.Cut(text, []byte("\n"))
		var from told
		if err := json.Unmarshal(head, &from); err != nil {
			t.Fatal(file, err)
		}
		name := strings.FieldsFunc(from.From, func(c rune) bool { return c == ',' || c == ';' })[0]
		if !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return strings.Join(all, ", ")
}
