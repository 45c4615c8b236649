package e2e

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Whoever finds a warning or an error of the log in the handbook's page finds what is safe and what
// to do: each is there, in the words that the log has.
func TestHandbookHasEveryWarning(t *testing.T) {
	text, err := os.ReadFile(guidesDir + "/failures.md")
	if err != nil {
		t.Fatal(err)
	}
	flat := strings.Join(strings.Fields(string(text)), " ")
	lines := warnings(t)
	if len(lines) < 100 {
		t.Fatalf("only %d warnings were found", len(lines))
	}
	for line, file := range lines {
		if !strings.Contains(flat, "`"+strings.TrimSpace(line)) {
			t.Errorf("%s: the handbook has no line that begins with `%s", file, line)
		}
	}
}

// warnings returns what the parts that move records log as warnings and errors, up to the first
// thing that is not known before it happens, by file.
func warnings(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, room := range []string{"agent", "buffer", "inputs", "network", "outputs", "spool"} {
		err := filepath.WalkDir("../../../"+room, func(path string, d fs.DirEntry, err error) error {
			if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") ||
				strings.HasSuffix(filepath.Dir(path), "test") || strings.Contains(path, "preflight") {
				return err // preflight tells the command line alone
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				if f, ok := call.Fun.(*ast.SelectorExpr); ok && tells[f.Sel.Name] && !ofHTTP(f) {
					// Behind a context, a level, or the name under which it is told seldom.
					for _, arg := range call.Args[:min(3, len(call.Args))] {
						if line := beginning(arg); strings.Count(line, " ") > 1 {
							out[line] = path
							break
						}
					}
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// ofHTTP reports whether it is an answer to a request.
func ofHTTP(f *ast.SelectorExpr) bool {
	of, ok := f.X.(*ast.Ident)
	return ok && of.Name == "http"
}

var tells = map[string]bool{
	"Warn": true, "Error": true, "WarnContext": true, "ErrorContext": true,
}

// beginning returns the text that a string begins with, whatever it is put together of.
func beginning(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		if err == nil && e.Kind == token.STRING {
			return text
		}
	case *ast.BinaryExpr:
		left := beginning(e.X)
		if _, known := e.X.(*ast.BasicLit); known || left != "" && literal(e.X) {
			return left + beginning(e.Y)
		}
		return left
	}
	return ""
}

// literal reports whether all of a string is known.
func literal(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.BasicLit:
		return true
	case *ast.BinaryExpr:
		return literal(e.X) && literal(e.Y)
	}
	return false
}
