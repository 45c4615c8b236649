package reference

import (
	"fmt"
	"io"
	"strings"
)

// Columns bounds the lines of Markdown, and of text where no terminal is narrower.
const Columns = 100

// WriteText prints the page in lines of at most so many columns.
func (p *Page) WriteText(w io.Writer, columns int) {
	t := text{w, columns}
	for i, b := range p.Blocks {
		if i > 0 {
			fmt.Fprintln(w)
		}
		switch {
		case b.Heading != "":
			fmt.Fprintf(w, "%s:\n", b.Heading)
		case b.Code != "" && i == 0:
			fmt.Fprint(w, b.Code)
		case b.Code != "":
			fmt.Fprint(w, indented(b.Code, "    "))
		case b.Text != "":
			t.wrapped("", b.Text)
		}
		t.entries("", b.Entries)
		t.names(b.Names)
	}
}

// text is written in lines of at most so many columns.
type text struct {
	io.Writer
	columns int
}

func (t text) entries(indent string, entries []Entry) {
	for _, e := range entries {
		if len(e.Term) < 4 && e.Traits == "" && e.Inner == nil { // an exit code
			t.row(indent, 3, e)
			continue
		}
		head := e.Term
		if e.Traits != "" {
			head += "  (" + e.Traits + ")"
		}
		t.head(indent, head)
		t.wrapped(indent+"    ", e.Text)
		t.entries(indent+"    ", e.Inner)
	}
}

// row prints a term and what explains it beside each other.
func (t text) row(indent string, width int, e Entry) {
	term := e.Term
	for _, line := range Wrap(e.Text, t.columns-len(indent)-width-2) {
		fmt.Fprintf(t, "%s%-*s  %s\n", indent, width, term, line)
		term = ""
	}
}

func (t text) names(entries []Entry) {
	width := 0
	for _, e := range entries {
		width = max(width, len(e.Term))
	}
	for _, e := range entries {
		t.row("  ", width, e)
	}
}

// head prints a term with its traits, which keeps its spaces and goes on indented deeper than what
// explains it.
func (t text) head(indent, head string) {
	if len(indent)+len([]rune(head)) <= t.columns {
		fmt.Fprintf(t, "%s%s\n", indent, head)
		return
	}
	term, traits, _ := strings.Cut(head, "  ")
	first := ""
	if traits != "" {
		first, head = term+"  ", traits
	}
	lines := Wrap(head, t.columns-len(indent)-8-len([]rune(first)))
	fmt.Fprintf(t, "%s%s%s\n", indent, first, lines[0])
	t.wrapped(indent+"        ", strings.Join(lines[1:], " "))
}

func (t text) wrapped(indent, text string) {
	for _, line := range Wrap(text, t.columns-len(indent)) {
		fmt.Fprintf(t, "%s%s\n", indent, line)
	}
}

func indented(text, indent string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if line != "\n" {
			b.WriteString(indent)
		}
		b.WriteString(line)
	}
	return b.String()
}

// Groups returns blocks that name pages and what each is about, under the headings of their groups.
func Groups(pages []Page) []Block {
	var out []Block
	group := ""
	for _, p := range pages {
		if p.Group != group {
			group = p.Group
			out = append(out, Block{Heading: group})
		}
		names := &out[len(out)-1].Names
		*names = append(*names, Entry{Term: p.Name, Text: p.Brief})
	}
	return out
}
