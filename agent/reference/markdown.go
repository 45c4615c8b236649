package reference

import (
	"fmt"
	"io"
	"regexp"
	"strings"
)

// WriteMarkdown prints the page for a code host. Other pages that it names, as "penstock help
// NAME", become links to those that exists has.
func (p *Page) WriteMarkdown(w io.Writer, exists func(name string) (file string, ok bool)) {
	m := markdown{exists}
	fmt.Fprintf(w, "# %s\n", m.escape(p.Name))
	for _, b := range p.Blocks {
		fmt.Fprintln(w)
		switch {
		case b.Heading != "":
			fmt.Fprintf(w, "## %s\n", m.escape(b.Heading))
			if b.Names != nil {
				fmt.Fprintln(w)
			}
		case b.Code != "":
			fmt.Fprintf(w, "```%s\n%s```\n", language(b.Code), b.Code)
		case b.Text != "":
			m.write(w, "", b.Text)
		}
		m.entries(w, "", b.Entries)
		m.entries(w, "", b.Names)
	}
}

// language tells a code host how to colour an example.
func language(code string) string {
	first, _, _ := strings.Cut(code, "\n")
	switch {
	case strings.HasPrefix(code, "penstock "):
		return "console"
	case strings.HasSuffix(first, "{") || strings.HasSuffix(first, "{}"):
		return "hcl"
	}
	return "text"
}

type markdown struct {
	exists func(name string) (string, bool)
}

func (m markdown) entries(w io.Writer, indent string, entries []Entry) {
	for _, e := range entries {
		head := "`" + strings.ReplaceAll(e.Term, "`", "'") + "`"
		if e.Traits != "" {
			kind, def, given := strings.Cut(e.Traits, "default ")
			if given && m.escape(def) != def {
				def = "`" + def + "`"
			}
			if given {
				kind += "default " + def
			}
			head += ": " + kind
		}
		lines := Wrap(m.escapeBut(head), Columns-2-len(indent)-2)
		for i, line := range lines {
			mark := "  "
			if i == 0 {
				mark = "- "
			}
			if i == len(lines)-1 && e.Text != "" {
				line += "  " // a line of its own for what follows
			}
			fmt.Fprintf(w, "%s%s%s\n", indent, mark, line)
		}
		m.write(w, indent+"  ", e.Text)
		m.entries(w, indent+"  ", e.Inner)
	}
}

func (m markdown) write(w io.Writer, indent, text string) {
	for _, line := range Wrap(m.escape(text), Columns-len(indent)-1) {
		if mark.MatchString(line) {
			line = escapeMark(line)
		}
		fmt.Fprintf(w, "%s%s\n", indent, line)
	}
}

var (
	// Templates, and text in quotes that holds what the code host would read as its own.
	codeLike = regexp.MustCompile("`[^`]*`" + `|"[^"\s]*[*<\\~|$][^"\s]*"|"_[^"\s]*"` +
		`|[\w/-]*\$+\{([^}\s]*\}([\w/-]|\$\{[^}\s]*\})*)?`)
	helpName = regexp.MustCompile(`penstock help (\w[\w.-]*\w)`)
	special  = regexp.MustCompile(`[*\\` + "`" + `]|<[a-zA-Z/!?]|~~|\]\(|\b_+|_+\b`)
	// What begins a list, a heading or a quotation at the start of a line.
	mark = regexp.MustCompile(`^([-+]|#+|>\S*|\d+[.)])( |$)`)
)

// escape makes text Markdown that shows it as it is.
func (m markdown) escape(text string) string {
	var b strings.Builder
	last := 0
	for _, at := range codeLike.FindAllStringIndex(text, -1) {
		b.WriteString(m.plain(text[last:at[0]]))
		b.WriteString("`" + strings.Trim(text[at[0]:at[1]], "`") + "`")
		last = at[1]
	}
	b.WriteString(m.plain(text[last:]))
	return b.String()
}

// escapeBut leaves the term, which is code already, as it is.
func (m markdown) escapeBut(head string) string {
	end := strings.Index(head[1:], "`") + 2
	return strings.ReplaceAll(head[:end], " ", "\u00a0") + m.escape(head[end:])
}

func (m markdown) plain(text string) string {
	text = special.ReplaceAllStringFunc(text, func(s string) string {
		switch {
		case s == "](":
			return `]\(`
		case s[0] == '_':
			return strings.ReplaceAll(s, "_", `\_`)
		}
		return `\` + s
	})
	return helpName.ReplaceAllStringFunc(text, func(s string) string {
		file, ok := m.exists(strings.TrimPrefix(s, "penstock help "))
		if !ok {
			return s
		}
		return "[" + s + "](" + file + ")"
	})
}

func escapeMark(line string) string {
	if i := strings.IndexAny(line, ".)"); line[0] >= '0' && line[0] <= '9' {
		return line[:i] + `\` + line[i:]
	}
	return `\` + line
}

// WriteIndex prints a list of all pages, by group in the order in which the groups come.
func WriteIndex(w io.Writer, title, intro string, pages []Page) {
	m := markdown{func(string) (string, bool) { return "", false }}
	fmt.Fprintf(w, "# %s\n\n", title)
	m.write(w, "", intro)
	var groups []string
	byGroup := map[string][]Page{}
	for _, p := range pages {
		if byGroup[p.Group] == nil {
			groups = append(groups, p.Group)
		}
		byGroup[p.Group] = append(byGroup[p.Group], p)
	}
	for _, g := range groups {
		fmt.Fprintf(w, "\n## %s\n\n| | |\n| --- | --- |\n", g)
		for _, p := range byGroup[g] {
			brief := strings.ReplaceAll(m.escape(p.Brief), "|", `\|`)
			fmt.Fprintf(w, "| [%s](%s) | %s |\n", m.escape(p.Name), p.File(), brief)
		}
	}
}
