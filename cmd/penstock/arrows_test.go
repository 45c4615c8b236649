package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// arrows says for each room which others it may import. The first prefix that fits a folder counts.
// What lies in a room may import the rest of it.
var arrows = []struct {
	room string
	may  []string
}{
	{"cmd", []string{"agent", "inputs", "outputs", "spool", "network", "buffer"}},
	{".ci", nil},
	{"examples", nil},
	{"agent", []string{"inputs", "outputs", "spool", "network", "buffer"}},
	{"inputs", []string{"network", "buffer/record"}},
	{"outputs", []string{"spool", "network", "buffer/record"}},
	{"spool", []string{"buffer/record"}},
	{"network", []string{"buffer/record"}},
	{"buffer/record", nil},
	{"buffer", []string{"buffer/record"}},
}

const module = "github.com/penstock/penstock/"

// One arrow downwards, of all that is not a test: cmd, agent, then inputs, outputs and spool, then
// network, then buffer/record. Nothing imports across, least of all outputs from inputs.
func TestArrowsPointDownwards(t *testing.T) {
	root := filepath.Join("..", "..")
	seen := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); name == ".cache" || name == ".git" || name == "testdata" {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		folder, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		for _, spec := range file.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if to, ours := strings.CutPrefix(name, module); ours {
				seen++
				if !mayImport(folder, to) {
					t.Errorf("%s imports %s, which is above it or beside it", path, to)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 500 {
		t.Errorf("%d imports seen, too few for the test to mean anything", seen)
	}
}

func mayImport(folder, to string) bool {
	for _, a := range arrows {
		if !within(folder, a.room) {
			continue
		}
		for _, room := range append([]string{a.room}, a.may...) {
			if within(to, room) {
				return true
			}
		}
		return false
	}
	return false
}

func within(folder, room string) bool {
	return folder == room || strings.HasPrefix(folder, room+"/")
}

// The rule forbids what it is for.
func TestArrowsFindsWhatPointsUp(t *testing.T) {
	for _, c := range [][2]string{
		{"outputs/forward", "inputs/listen"}, {"inputs/tail", "buffer"}, {"inputs", "outputs"},
		{"network", "inputs"}, {"buffer/record", "network"}, {"buffer", "network"},
		{"spool", "outputs"}, {"agent", "cmd/penstock"},
		{"outputs/drain", "agent/state"}, {"buffer", "spool"}, {"somewhere", "buffer/record"},
	} {
		if mayImport(c[0], c[1]) {
			t.Errorf("%s may import %s", c[0], c[1])
		}
	}
}
