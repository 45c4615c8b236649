package reference

import (
	"fmt"
	"io"
	"strings"
)

// columns bounds the lines of text and of Markdown.
const columns = 100

// WriteText prints the page for a terminal.
func (p *Page) WriteText(w io.Writer) {
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
			writeWrapped(w, "", b.Text)
		}
		writeEntries(w, "", b.Entries)
	}
}

func writeEntries(w io.Writer, indent string, entries []Entry) {
	for _, e := range entries {
		if len(e.Term) < 4 && e.Traits == "" && e.Inner == nil { // an exit code
			for i, line := range Wrap(e.Text, columns-len(indent)-5) {
				fmt.Fprintf(w, "%s%-3s  %s\n", indent, []string{e.Term, ""}[min(i, 1)], line)
			}
			continue
		}
		head := e.Term
		if e.Traits != "" {
			head += "  (" + e.Traits + ")"
		}
		writeHead(w, indent, head)
		writeWrapped(w, indent+"    ", e.Text)
		writeEntries(w, indent+"    ", e.Inner)
	}
}

// writeHead prints a term with its traits, which keeps its spaces and goes on indented deeper than
// what explains it.
func writeHead(w io.Writer, indent, head string) {
	if len(indent)+len([]rune(head)) <= columns {
		fmt.Fprintf(w, "%s%s\n", indent, head)
		return
	}
	term, traits, _ := strings.Cut(head, "  ")
	lines := Wrap(traits, columns-len(indent)-8-len([]rune(term)))
	if lines == nil {
		fmt.Fprintf(w, "%s%s\n", indent, head)
		return
	}
	fmt.Fprintf(w, "%s%s  %s\n", indent, term, lines[0])
	for _, line := range Wrap(strings.Join(lines[1:], " "), columns-len(indent)-8) {
		fmt.Fprintf(w, "%s        %s\n", indent, line)
	}
}

func writeWrapped(w io.Writer, indent, text string) {
	for _, line := range Wrap(text, columns-len(indent)) {
		fmt.Fprintf(w, "%s%s\n", indent, line)
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

// WriteList prints the names of pages, by group, with what each is about.
func WriteList(w io.Writer, pages []Page) {
	width, group := 0, ""
	for _, p := range pages {
		width = max(width, len(p.Name))
	}
	for i, p := range pages {
		if p.Group != group {
			if i > 0 {
				fmt.Fprintln(w)
			}
			fmt.Fprintf(w, "%s:\n", p.Group)
			group = p.Group
		}
		for i, line := range Wrap(p.Brief, columns-width-4) {
			name := p.Name
			if i > 0 {
				name = ""
			}
			fmt.Fprintf(w, "  %-*s  %s\n", width, name, line)
		}
	}
}
