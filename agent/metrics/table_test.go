package metrics

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/penstock/penstock/buffer/record/runtest"
)

var metricName = regexp.MustCompile(`^penstock_[a-z0-9_]+$`)

// sources returns the metrics that the sources make: each name with the text that follows it.
func sources(t *testing.T) map[string]Metric {
	t.Helper()
	out := map[string]Metric{}
	fset := token.NewFileSet()
	files := map[string]*ast.File{}
	consts := map[string]string{} // by directory and name
	err := filepath.WalkDir("../..", func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() {
			if name := e.Name(); strings.HasPrefix(name, ".") && path != "../.." ||
				name == "testdata" ||
				name == "cmd" ||
				name == "metrics" {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(fset, path, nil, 0)
		if err != nil {
			return err
		}
		files[path] = file
		for _, d := range file.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.CONST {
				continue
			}
			for _, spec := range g.Specs {
				v := spec.(*ast.ValueSpec)
				for i, name := range v.Names {
					if i < len(v.Values) {
						if text, ok := literal(v.Values[i], nil, ""); ok {
							consts[filepath.Dir(path)+" "+name.Name] = text
						}
					}
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for path, file := range files {
		ast.Inspect(file, func(n ast.Node) bool {
			var args []ast.Expr
			kind := ""
			switch n := n.(type) {
			case *ast.BasicLit:
				if name, ok := literal(n, nil, ""); ok && metricName.MatchString(name) &&
					!strings.HasSuffix(filepath.Dir(path), "network/wire") {
					named[name] = true
				}
			case *ast.CallExpr:
				args = n.Args
			case *ast.CompositeLit:
				for _, e := range n.Elts {
					if kv, ok := e.(*ast.KeyValueExpr); ok {
						args = append(args, kv.Value)
					}
				}
				if sel, ok := n.Type.(*ast.SelectorExpr); ok && sel.Sel.Name == "HistogramOpts" {
					kind = "histogram"
				}
			}
			for i, a := range args {
				name, ok := literal(a, consts, filepath.Dir(path))
				if !ok || !metricName.MatchString(name) || i+1 == len(args) {
					continue
				}
				help, ok := literal(args[i+1], consts, filepath.Dir(path))
				if !ok {
					continue
				}
				m := Metric{name, kind, help}
				if m.Kind == "" {
					m.Kind = "gauge"
					if strings.HasSuffix(name, "_total") {
						m.Kind = "counter"
					}
				}
				if was, ok := out[name]; ok && was != m {
					t.Errorf("%s is made with two meanings:\n%+v\n%+v", name, was, m)
				}
				out[name] = m
			}
			return true
		})
	}
	for name := range named {
		if _, ok := out[name]; !ok {
			t.Errorf("%s is named, and no help follows it", name)
		}
	}
	return out
}

// literal returns the text of an expression of literals and constants.
func literal(e ast.Expr, consts map[string]string, dir string) (string, bool) {
	if id, ok := e.(*ast.Ident); ok {
		s, ok := consts[dir+" "+id.Name]
		return s, ok
	}
	if sum, ok := e.(*ast.BinaryExpr); ok && sum.Op == token.ADD {
		x, ok1 := literal(sum.X, consts, dir)
		y, ok2 := literal(sum.Y, consts, dir)
		return x + y, ok1 && ok2
	}
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(lit.Value)
	return s, err == nil
}

// Every metric that is made is in the table, and the table has no other.
func TestTableIsWhatTheSourcesMake(t *testing.T) {
	made := sources(t)
	if runtest.Update() {
		var b bytes.Buffer
		b.WriteString(
			"package metrics\n\n// Table lists all metrics by name.\nvar Table = []Metric{\n",
		)
		for _, name := range slices.Sorted(maps.Keys(made)) {
			m := made[name]
			fmt.Fprintf(&b, "\t{%q, %q,\n\t\t%q},\n", m.Name, m.Kind, m.Help)
		}
		b.WriteString("}\n")
		src, err := format.Source(b.Bytes())
		if err == nil {
			err = os.WriteFile("table.go", src, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	if len(made) < 100 {
		t.Fatalf("only %d metrics found", len(made))
	}
	seen := map[string]bool{}
	for _, m := range Table {
		seen[m.Name] = true
		switch src, ok := made[m.Name]; {
		case !ok:
			t.Errorf("nothing makes %s", m.Name)
		case src != m:
			t.Errorf("%s is said to be %+v, and is %+v", m.Name, m, src)
		}
		if m.Help == "" || !strings.HasSuffix(m.Help, ".") {
			t.Errorf("%s: the help is %q", m.Name, m.Help)
		}
	}
	for name := range made {
		if !seen[name] {
			t.Errorf("%s is not in the table: run go test ./agent/metrics -update", name)
		}
	}
}
