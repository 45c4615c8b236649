package convert_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/penstock/penstock/agent/convert"
	"github.com/penstock/penstock/buffer/record/runtest"
)

// written is a place of a configuration at which a value stands.
type written struct {
	start, end           int // of all of it, what is taken out
	valueStart, valueEnd int
	removable            bool
}

var (
	lineSetting = map[string]*regexp.Regexp{
		"yaml": regexp.MustCompile(
			`(?m)^( *(?:- )*[^\s:#][^:\n]*: |( *- )+)([^|>\s\n{\[](?:[^\n]*[^:\n])?)$`,
		),
		"vector":     regexp.MustCompile(`(?m)^( *[\w.-]+ *= *)(\S[^\n]*)$`),
		"fluentd":    regexp.MustCompile(`(?m)^( *@?[\w.]+ +)([^\s<][^\n]*)$`),
		"fluent-bit": regexp.MustCompile(`(?m)^( +[\w.]+ +)(\S[^\n]*)$`),
		"flume":      regexp.MustCompile(`(?m)^( *[\w.-]+ *[=:] *)(\S[^\\\n]*)$`),
		"secor":      regexp.MustCompile(`(?m)^( *[\w.-]+ *[=:] *)(\S[^\\\n]*)$`),
		"logstash":   regexp.MustCompile(`(["\w]+ *=> *)("[^"\n]*"|'[^'\n]*'|[\w.]+\b)`),
		"rsyslog":    regexp.MustCompile(`([\w.]+=)("[^"\n]*")`),
	}
	// what is told of the whole that it stands in, and what leads nowhere
	excused = regexp.MustCompile(
		`next_state:|\blocalhost$|Match debug|^value="[{}]"|processor\.priority\.|selector\.header = kafka_topic|string="/var/log/%|^inputs = \["vmstat"\]$`,
	)
	// what says of which kind something is, or what it is called
	naming = regexp.MustCompile(
		`(?i)^[\s-]*(?:\S*\.)?(?:@?(?:type|id|label|include)|name|format|channels?|sources?|sinks?|` +
			`job_name|activeProperties|secor\.generation)\W*$`,
	)
)

// settingsOf returns what a configuration sets, each with its place.
func settingsOf(tool, ext, src string) []written {
	form := tool
	if ext == ".yaml" || ext == ".yml" {
		form = "yaml"
	}
	var out []written
	for _, m := range lineSetting[form].FindAllStringSubmatchIndex(src, -1) {
		value := m[len(m)-2:]
		if key := src[m[0]:value[0]]; !naming.MatchString(key) {
			out = append(out, written{
				m[0], m[1], value[0], value[1], !strings.HasPrefix(strings.TrimSpace(key), "-"),
			})
		}
	}
	return out
}

// variants are a configuration without a setting, and with other values of it.
func (s written) variants(src string, words []string) []string {
	var out []string
	add := func(value string) { out = append(out, src[:s.valueStart]+value+src[s.valueEnd:]) }
	if s.removable {
		out = append(out, src[:s.start]+src[s.end:])
	}
	value := src[s.valueStart:s.valueEnd]
	quote := ""
	if value[0] == '"' || value[0] == '\'' {
		quote = value[:1]
	}
	for _, word := range append([]string{"other7", "7", "true", "false"}, words...) {
		add(quote + word + quote)
	}
	return out
}

var (
	placeOfNote = regexp.MustCompile(`(?m)^\S+:\d+: `)
	counted     = regexp.MustCompile(`(?m)^carried .*$`)
)

func outcome(r *convert.Result) string {
	return string(r.HCL) + counted.ReplaceAllString(placeOfNote.ReplaceAllString(summary(r), ""), "")
}

// inBlocks writes YAML with one setting a line.
func inBlocks(t *testing.T, src string) string {
	t.Helper()
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(src), &doc); err != nil {
		t.Fatal(err)
	}
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		if n.Kind != yaml.ScalarNode {
			n.Style &^= yaml.FlowStyle
		}
		n.HeadComment, n.LineComment, n.FootComment = "", "", ""
		for _, k := range n.Content {
			walk(k)
		}
	}
	walk(&doc)
	out, err := yaml.Marshal(&doc)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// tried returns which of n that are tried alike are: a few, and in the long form of a test about
// fifty, others in each run. All of a long configuration would take minutes.
func tried(t testing.TB, n int) func(i int) bool {
	step, from := max(4, n/8), 0
	if runtest.Long() {
		step = max(1, n/50)
		from = runtest.Rand(t).IntN(step)
	}
	return func(i int) bool { return i%step == from }
}

// A setting that makes no difference, whatever its value is, was lost without a word.
func TestEachSettingMakesADifference(t *testing.T) {
	t.Parallel()
	for _, tool := range convert.Tools() {
		mains, err := filepath.Glob(filepath.Join("testdata", tool.Name, "*", "main.*"))
		if err != nil || mains == nil {
			t.Fatal(mains, err)
		}
		words := names(t, tool.Name)
		for _, main := range mains {
			t.Run(tool.Name+"/"+filepath.Base(filepath.Dir(main)), func(t *testing.T) {
				t.Parallel()
				ext := filepath.Ext(main)
				src := texts(t, []string{main})
				if ext == ".yaml" || ext == ".yml" {
					src = inBlocks(t, src)
				}
				dir := t.TempDir()
				if err := os.CopyFS(dir, os.DirFS(filepath.Dir(main))); err != nil {
					t.Fatal(err)
				}
				file := filepath.Join(dir, filepath.Base(main))
				of := func(src string) (*convert.Result, error) {
					if err := os.WriteFile(file, []byte(src), 0o600); err != nil {
						t.Fatal(err)
					}
					return convert.Convert(tool.Name, []string{file})
				}
				base, err := of(src)
				if err != nil {
					t.Fatal(err)
				}
				all := settingsOf(tool.Name, ext, src)
				isTried := tried(t, len(all))
				for i, s := range all {
					if !isTried(i) {
						continue
					}
					differs := excused.MatchString(src[s.start:s.end]) || withWhole(base, src, s.start)
					for i, variant := range s.variants(src, words) {
						if differs {
							break
						}
						r, err := of(variant)
						isRemoved := s.removable && i == 0 // which may break the file
						differs = err != nil && !isRemoved ||
							err == nil && outcome(r) != outcome(base)
					}
					if !differs {
						t.Errorf("it makes no difference: %s", src[s.start:s.end])
					}
				}
			})
		}
	}
}

var literal = regexp.MustCompile("[\"`]([@A-Za-z][\\w.@-]{1,50})[\"`]")

// names returns the texts of a tool's package: what it looks for is among them.
func names(t *testing.T, tool string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(strings.ReplaceAll(tool, "-", ""), "*.go"))
	if err != nil || files == nil {
		t.Fatal(files, err)
	}
	seen := map[string]bool{}
	for _, m := range literal.FindAllStringSubmatch(texts(t, files), -1) {
		seen[m[1]] = true
	}
	return slices.Sorted(maps.Keys(seen))
}

// What is taken from a configuration is used: a call whose value nobody looks at passes a setting
// without a word.
func TestNothingIsTakenAndThrownAway(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("*", "*.go"))
	if err != nil || files == nil {
		t.Fatal(files, err)
	}
	takes := []string{"Take", "Text", "Texts", "On", "List", "get", "value", "all"}
	for _, file := range files {
		set := token.NewFileSet()
		parsed, err := parser.ParseFile(set, file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			statement, ok := n.(*ast.ExprStmt)
			if !ok {
				return true
			}
			call, ok := statement.X.(*ast.CallExpr)
			if !ok {
				return true
			}
			of, ok := call.Fun.(*ast.SelectorExpr)
			if ok && slices.Contains(takes, of.Sel.Name) && !isFlow(of.X) && len(call.Args) > 0 &&
				isText(call.Args[0]) {
				t.Errorf("%s: the value of %s is not used", set.Position(n.Pos()), of.Sel.Name)
			}
			return true
		})
	}
}

// isFlow reports whether something is a flow, which takes records.
func isFlow(e ast.Expr) bool {
	name, ok := e.(*ast.Ident)
	return ok && name.Name == "f"
}

func isText(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.BasicLit:
		return true
	case *ast.Ident:
		return e.Obj != nil // a variable that goes through names
	case *ast.BinaryExpr:
		return isText(e.X)
	}
	return false
}
