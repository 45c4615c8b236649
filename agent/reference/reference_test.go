package reference

import (
	"strings"
	"testing"
)

// Text is shown as it is: nothing of it becomes a list, emphasis, HTML or mathematics.
func TestMarkdownShowsTextAsItIs(t *testing.T) {
	t.Parallel()
	m := markdown{func(name string) (string, bool) { return name + ".md", name == "templates" }}
	for text, want := range map[string]string{
		"as ${tag[1]} or $${": "as `${tag[1]}` or `$${`",
		"*.log and __x__":     `\*.log and \_\_x\_\_`,
		"commit_interval":     "commit_interval",
		"<script> 1 < 2":      `\<script> 1 < 2`,
		`a "*.hcl" file`:      "a `\"*.hcl\"` file",
		"[a](b)":              `[a]\(b)`,
		"(penstock help templates), penstock help run.": "([penstock help templates](templates.md)), penstock help run.",
	} {
		if got := m.escape(text); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
	var b strings.Builder
	m.write(&b, "", strings.Repeat("x", 98)+" - a "+strings.Repeat("y", 93)+" 12. b # c")
	if want := strings.Repeat("x", 98) + "\n\\- a " + strings.Repeat("y", 93) + "\n12\\. b # c\n"; b.String() != want {
		t.Errorf("got\n%s", &b)
	}
}

// A default is one piece of code, whatever is in it.
func TestMarkdownOfADefault(t *testing.T) {
	t.Parallel()
	p := Page{Blocks: []Block{{Entries: []Entry{
		{Term: "path", Traits: `template; default "${a}/dt=${strftime("%Y")}"`},
		{Term: "level", Traits: `string; default "info"`},
	}}}}
	var b strings.Builder
	p.WriteMarkdown(&b, nil)
	want := "- `path`: template; default `\"${a}/dt=${strftime(\"%Y\")}\"`\n- `level`: string; default \"info\"\n"
	if !strings.HasSuffix(b.String(), want) {
		t.Errorf("got %s, want %s", &b, want)
	}
}

func TestManShowsTextAsItIs(t *testing.T) {
	t.Parallel()
	p := Page{Name: "a b", Brief: "Brief.", Blocks: []Block{
		{Text: ".hidden - \\n"}, {Code: "'a\n  .b\n"}, {Entries: []Entry{{Term: ".x", Text: "'y"}}},
	}}
	var b strings.Builder
	p.WriteMan(&b, 1)
	for _, want := range []string{
		"\\- Brief\n", "\n\\&.hidden \\- \\en\n", "\n\\&'a\n  .b\n", "\\fB.x\\fR\n\\&'y\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("lacks %q:\n%s", want, &b)
		}
	}
}

func TestTextOfCommandsIsParsed(t *testing.T) {
	t.Parallel()
	got := Parse("One\nparagraph.\n\n    code\n      more\n\n    again\n\nTwo.")
	if two := Parse("One.\n\n  code\n    more"); len(two) != 2 || two[1].Code != "code\n  more\n" {
		t.Errorf("%q", two)
	}
	if len(got) != 3 || got[0].Text != "One paragraph." || got[1].Code != "code\n  more\n\nagain\n" ||
		got[2].Text != "Two." {
		t.Errorf("%q", got)
	}
}

// Code goes on behind an empty line, as deep as it stands there.
func TestCodeWithEmptyLinesKeepsItsDepth(t *testing.T) {
	t.Parallel()
	got := Parse("Text.\n\n    a {\n      b\n\n      c\n    }\n\nMore.\n\n  d\n\n    e")
	want := []string{"a {\n  b\n\n  c\n}\n", "d\n\n  e\n"}
	if len(got) != 4 || got[1].Code != want[0] || got[3].Code != want[1] {
		t.Errorf("got %q", got)
	}
}
