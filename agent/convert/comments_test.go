package convert_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/penstock/penstock/agent/convert"
)

// planter puts comments into every place of a configuration that takes one.
type planter struct {
	tool, ext string
	scalar    int // the indentation of a key whose text follows by indentation; -1 outside
	within    bool
	planted   []string
}

var textFollows = regexp.MustCompile(`[:-] *[|>][-+]?$`)

func (p *planter) plant(src string) string {
	var out []string
	p.scalar = -1
	for i, line := range strings.Split(src, "\n") {
		indent := len(line) - len(strings.TrimLeft(line, " \t"))
		text := strings.TrimSpace(line)
		if text != "" && indent <= p.scalar {
			p.scalar = -1
		}
		inText := p.scalar >= 0 || p.within
		if p.tool == "vector" || !inText {
			out = append(out, strings.Repeat(" ", indent)+p.comment(i, "above"))
		}
		if text != "" && text[0] != '#' && p.takesBehind(text, inText) {
			line += " " + p.comment(i, "behind")
		}
		out = append(out, line)
		isYAML := p.ext == ".yml" || p.ext == ".yaml"
		if p.scalar < 0 && isYAML && textFollows.MatchString(text) {
			p.scalar = indent
		}
		switch {
		case strings.Count(text, "'''")%2 == 1:
			p.within = !p.within
		case p.ext == ".properties":
			p.within = strings.HasSuffix(text, `\`)
		}
	}
	return strings.Join(append(out, p.comment(0, "end")), "\n")
}

func (p *planter) comment(i int, where string) string {
	name := fmt.Sprintf("planted-%s-%d-", where, i)
	p.planted = append(p.planted, name)
	return "# " + name
}

func (p *planter) takesBehind(text string, inText bool) bool {
	switch {
	case p.tool == "fluent-bit" && p.ext == ".conf", p.ext == ".properties":
		return false
	case p.tool == "fluentd":
		return !strings.HasPrefix(text, "@include")
	case p.ext == ".yml" || p.ext == ".yaml":
		return !inText
	case p.ext == ".toml":
		return !inText && !strings.Contains(text, "'''")
	}
	return true
}

var comment = regexp.MustCompile(`(?m)^\s*#.*\n`)

// plain is a configuration without comments, which also align what they stand between.
func plain(r *convert.Result) string {
	return strings.Join(strings.Fields(comment.ReplaceAllString(string(r.HCL), "")), " ")
}

// Every comment is in the result, once, and changes nothing of it.
func TestEveryCommentIsKept(t *testing.T) {
	t.Parallel()
	for _, tool := range convert.Tools() {
		mains, err := filepath.Glob(filepath.Join("testdata", tool.Name, "*", "main.*"))
		if err != nil || mains == nil {
			t.Fatal(mains, err)
		}
		for _, main := range mains {
			t.Run(tool.Name+"/"+filepath.Base(filepath.Dir(main)), func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				if err := os.CopyFS(dir, os.DirFS(filepath.Dir(main))); err != nil {
					t.Fatal(err)
				}
				p := &planter{tool: tool.Name, ext: filepath.Ext(main)}
				file := filepath.Join(dir, filepath.Base(main))
				planted := p.plant(texts(t, []string{main}))
				if err := os.WriteFile(file, []byte(planted), 0o600); err != nil {
					t.Fatal(err)
				}
				with, err := convert.Convert(tool.Name, []string{file})
				if err != nil {
					t.Fatal(err)
				}
				for _, name := range p.planted {
					if n := strings.Count(string(with.HCL), name); n != 1 {
						t.Errorf("%s stands there %d times", name, n)
					}
				}
				without, err := convert.Convert(tool.Name, []string{main})
				if err != nil {
					t.Fatal(err)
				}
				got, want := plain(with), plain(without)
				if got != want {
					t.Errorf("with comments it is\n%s\nwithout\n%s", got, want)
				}
				if t.Failed() {
					t.Logf("of\n%s\nis\n%s", planted, with.HCL)
				}
			})
		}
	}
}
