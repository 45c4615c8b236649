package reference

import (
	"fmt"
	"io"
	"strings"
)

// WriteMan prints the page for man. It is of section 1 or 5, and named penstock-NAME.
func (p *Page) WriteMan(w io.Writer, section int) {
	name := ManName(p.Name)
	fmt.Fprintf(w, ".TH %s %d \"\" penstock\n", roffArg(strings.ToUpper(name)), section)
	// Without hyphenation and stretched spaces, what is shown can be copied.
	fmt.Fprintf(w, ".nh\n.ad l\n.SH NAME\n%s \\- %s\n.SH DESCRIPTION\n", roff(name),
		roff(strings.TrimSuffix(p.Brief, ".")))
	for _, b := range p.Blocks {
		switch {
		case b.Heading != "":
			fmt.Fprintf(w, ".SH %s\n", roffArg(strings.ToUpper(b.Heading)))
		case b.Code != "":
			fmt.Fprintf(w, ".PP\n.RS 4\n.nf\n%s.fi\n.RE\n", roffLines(b.Code))
		case b.Text != "":
			fmt.Fprintf(w, ".PP\n%s\n", roff(b.Text))
		}
		manEntries(w, b.Entries)
		manEntries(w, b.Names)
	}
}

// ManName returns the name of the man page of a subject.
func ManName(subject string) string {
	if subject == "penstock" {
		return subject
	}
	return "penstock-" + strings.ReplaceAll(subject, " ", "-")
}

func manEntries(w io.Writer, entries []Entry) {
	for _, e := range entries {
		fmt.Fprintf(w, ".TP\n\\fB%s\\fR", strings.TrimPrefix(roff(e.Term), `\&`))
		if e.Traits != "" {
			fmt.Fprintf(w, "  (%s)", strings.TrimPrefix(roff(e.Traits), `\&`))
		}
		fmt.Fprintf(w, "\n%s\n", roff(e.Text))
		if e.Inner != nil {
			fmt.Fprint(w, ".RS\n")
			manEntries(w, e.Inner)
			fmt.Fprint(w, ".RE\n")
		}
	}
}

// roff makes a line of text one that shows it as it is.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`, "\n", " ").Replace(s)
	if s == "" || s[0] == '.' || s[0] == '\'' {
		s = `\&` + s
	}
	return s
}

func roffLines(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(roff(strings.TrimSuffix(line, "\n")) + "\n")
	}
	return b.String()
}

func roffArg(s string) string {
	return `"` + strings.ReplaceAll(roff(s), `"`, `\(dq`) + `"`
}
