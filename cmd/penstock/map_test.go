package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// repository is what the map may name.
type repository struct {
	folders   []string
	tests     map[string][]string // folders by the test functions in them
	variables map[string]bool     // of the environment, where a test or a script reads them
	targets   string              // the Makefile
}

const mapFolders = `(?:agent|buffer|cmd|examples|inputs|network|outputs|spool|\.ci)`

var (
	mapPath     = regexp.MustCompile(`(?:^|[^\w-])(` + mapFolders + `(?:/[\w./-]*\w)?)\b`)
	mapFile     = regexp.MustCompile(`[\w./-]+\.go\b`)
	mapTest     = regexp.MustCompile(`\b(?:Test|Fuzz|Benchmark)[A-Z]\w*`)
	mapFunc     = regexp.MustCompile(`([\w./-]+\.go), (\w+)[,);:]`)
	mapVariable = regexp.MustCompile(`\b(?:PENSTOCK|TAIL)_[A-Z_]+\b`)
	mapTarget   = regexp.MustCompile("(?:`|^(?://)?\\s+)make ([a-z]+)\\b")
	testFunc    = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)\w+)\(`)
)

func readRepository(t *testing.T, root string) *repository {
	r := &repository{tests: map[string][]string{}, variables: map[string]bool{}}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			if name := d.Name(); path != root && strings.HasPrefix(name, ".") && name != ".ci" {
				return fs.SkipDir
			}
			dir, err := filepath.Rel(root, path)
			r.folders = append(r.folders, filepath.ToSlash(dir))
			return err
		case filepath.Ext(path) != ".go" && filepath.Base(filepath.Dir(path)) != ".ci":
			return nil
		case path == filepath.Join(root, "cmd/penstock/doc.go"):
			return nil // it does not bear witness to itself
		}
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, name := range mapVariable.FindAll(src, -1) {
			r.variables[string(name)] = true
		}
		dir, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		for _, m := range testFunc.FindAllSubmatch(src, -1) {
			r.tests[string(m[1])] = append(r.tests[string(m[1])], filepath.ToSlash(dir))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	r.targets = string(makefile)
	return r
}

// wrong returns what a line of the map names that is not there. A test stands on a line with its
// folder.
func (r *repository) wrong(root, line string) (wrong []string) {
	var folders []string
	for _, m := range mapPath.FindAllStringSubmatch(line, -1) {
		path := m[1]
		folders = append(folders, path)
		if _, err := os.Stat(filepath.Join(root, path)); err != nil {
			wrong = append(wrong, path+" is not there")
		}
	}
	for _, name := range mapFile.FindAllString(line, -1) {
		if name != "doc.go" && !slices.Contains(folders, strings.TrimLeft(name, "./")) {
			wrong = append(wrong, name+" does not say in which folder it is")
		}
	}
	for _, name := range mapTest.FindAllString(line, -1) {
		named := func(dir string) bool { return slices.Contains(folders, dir) }
		if dirs := r.tests[name]; !slices.ContainsFunc(dirs, named) {
			wrong = append(
				wrong, name+" is in no folder on its line, but in: "+strings.Join(dirs, ", "),
			)
		}
	}
	for _, name := range mapVariable.FindAllString(line, -1) {
		if !r.variables[name] {
			wrong = append(wrong, name+" is read nowhere")
		}
	}
	for _, m := range mapTarget.FindAllStringSubmatch(line, -1) {
		if !strings.Contains(r.targets, "\n"+m[1]+":") {
			wrong = append(wrong, "the Makefile has no "+m[1])
		}
	}
	return wrong
}

// missing returns the functions and types, named behind their files, that are not there.
func missing(root, text string) (wrong []string) {
	text = regexp.MustCompile(`\n// +`).ReplaceAllString(text, " ")
	for _, m := range mapFunc.FindAllStringSubmatch(text, -1) {
		src, err := os.ReadFile(filepath.Join(root, m[1]))
		declared := regexp.MustCompile(`(?m)^(func (\([^)]*\) )?|type |\t)` + m[2] + `\b`)
		if err == nil && !declared.Match(src) {
			wrong = append(wrong, m[1]+" has no "+m[2])
		}
	}
	return wrong
}

// The map names files, functions, tests, variables and targets that are there, so that whoever
// moves one moves the map.
func TestMapNamesWhatIsThere(t *testing.T) {
	root := filepath.Join("..", "..")
	r := readRepository(t, root)
	for _, file := range []string{"README.md", "cmd/penstock/doc.go"} {
		text, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range missing(root, string(text)) {
			t.Errorf("%s: %s", file, w)
		}
		names := 0
		for i, line := range bytes.Split(text, []byte("\n")) {
			names += len(mapPath.FindAll(line, -1))
			for _, w := range r.wrong(root, string(line)) {
				t.Errorf("%s:%d: %s", file, i+1, w)
			}
		}
		if names < 10 {
			t.Errorf(
				"%s: %d paths found, which is too few for the test to mean anything", file, names,
			)
		}
	}
}

// Every folder's doc.go names files and tests that are there, too: files of its own folder by their
// names alone.
func TestDocsNameWhatIsThere(t *testing.T) {
	root := filepath.Join("..", "..")
	r := readRepository(t, root)
	docs, names := 0, 0
	for _, dir := range r.folders {
		if dir == "cmd/penstock" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(root, dir, "doc.go"))
		if err != nil {
			code, _ := filepath.Glob(filepath.Join(root, dir, "*.go"))
			if len(code) > 0 && !strings.Contains(dir, "testdata") {
				t.Errorf(
					"%s has no doc.go: say there what the package owns and what it never does", dir,
				)
			}
			continue
		}
		docs++
		for _, name := range mapFile.FindAllString(string(text), -1) {
			names++
			_, here := os.Stat(filepath.Join(root, dir, name))
			_, there := os.Stat(filepath.Join(root, name))
			if here != nil && there != nil {
				t.Errorf("%s/doc.go: %s is neither in this folder nor in the repository", dir, name)
			}
		}
		for _, name := range mapTest.FindAllString(string(text), -1) {
			if r.tests[name] == nil {
				t.Errorf("%s/doc.go: there is no %s", dir, name)
			}
		}
	}
	if docs < 30 || names < 50 {
		t.Errorf(
			"%d doc.go with %d names of files, too few for the test to mean anything", docs, names,
		)
	}
}

// The check finds what it is for.
func TestMapFindsWhatIsGone(t *testing.T) {
	root := filepath.Join("..", "..")
	r := readRepository(t, root)
	good := []string{
		"outputs/deliver/flight.go has the window; outputs/drain TestDrainUnderRandomFaults guards it.",
		"go test ./buffer -run 'TestModel$', with PENSTOCK_SEED, after `make test`",
		"//	make slowest",
		"Every folder's doc.go says what it owns and makes others wait.",
	}
	for _, line := range good {
		if w := r.wrong(root, line); w != nil {
			t.Errorf("%s: %v", line, w)
		}
	}
	there := "(buffer/writer.go, publish), (buffer/writer.go,\n//     settled):"
	if w := missing(root, there); w != nil {
		t.Error(w)
	}
	if w := missing(root, "(buffer/writer.go, nothingOfTheKind)"); len(w) != 1 {
		t.Error(w)
	}
	for _, line := range []string{
		"outputs/deliver/fright.go", "flight.go", "no/such/flight.go", "(buffer/nothing)",
		"outputs/drain TestNothingOfTheKind", "buffer TestDrainUnderRandomFaults",
		"buffer, spool/protocol: TestSuccessWaitsForAllPartitions",
		"PENSTOCK_" + "NOTHING=1", "//	make coffee",
	} {
		if len(r.wrong(root, line)) != 1 {
			t.Errorf("%s: %v", line, r.wrong(root, line))
		}
	}
}
