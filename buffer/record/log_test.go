package record

import (
	"go/ast"
	goparser "go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

type bareLog struct{ Log }

type endLog struct{ bareLog }

func (endLog) End() int64 { return 7 }

type wrapping struct{ Log }

func (w wrapping) Unwrap() Log { return w.Log }

type fillingWrapping struct{ wrapping }

func (fillingWrapping) Fill() float64 { return 0.5 }

func TestAWrappingLogHasTheAbilitiesOfBoth(t *testing.T) {
	t.Parallel()
	log := wrapping{fillingWrapping{wrapping{endLog{}}}}
	if e, ok := As[Ender](log); !ok || e.End() != 7 {
		t.Error("no end")
	}
	if f, ok := As[Filler](log); !ok || f.Fill() != 0.5 {
		t.Error("no fill")
	}
	if _, ok := As[Mortal](log); ok {
		t.Error("it can do what neither can")
	}
	if _, ok := As[Ender](wrapping{bareLog{}}); ok {
		t.Error("a log without an end has one")
	}
	if _, ok := As[Ender](nil); ok {
		t.Error("no log has an end")
	}
}

// A type assertion finds nothing behind a log that wraps another: what a log can do is asked of As
// everywhere.
func TestNobodyAssertsAbilities(t *testing.T) {
	t.Parallel()
	file, err := goparser.ParseFile(token.NewFileSet(), "log.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{`tally\.Keeper`}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if ok && spec.Name.Name != "Log" {
			if _, is := spec.Type.(*ast.InterfaceType); is {
				names = append(names, `record\.`+spec.Name.Name)
			}
		}
		return true
	})
	if len(names) < 10 {
		t.Fatalf("only %v are known", names)
	}
	asserts := regexp.MustCompile(`\.\((?:` + strings.Join(names, "|") + `)\)`)
	root := os.DirFS("../..")
	err = fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != "." && strings.HasPrefix(d.Name(), "."):
			return fs.SkipDir
		case d.IsDir() || filepath.Ext(path) != ".go":
			return nil
		}
		text, err := fs.ReadFile(root, path)
		if err != nil {
			return err
		}
		for _, found := range asserts.FindAllString(string(text), -1) {
			t.Errorf("%s: %s: ask record.As", path, found)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
