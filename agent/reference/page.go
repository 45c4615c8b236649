package reference

import "strings"

// Page is one subject.
type Page struct {
	Name   string // what penstock help is asked for: "output.kafka"
	Group  string // the heading it stands under in a list: "Outputs"
	Brief  string // one sentence
	Blocks []Block
}

// Block is a piece of a page: one of its fields is set, or a heading and the names under it.
type Block struct {
	Text    string // a paragraph
	Code    string // lines to be shown as they are
	Heading string
	Entries []Entry
	Names   []Entry // what is explained in a few words, beside its name where there is room
}

// Entry is one thing that is explained: an attribute, a name, a flag, a metric.
type Entry struct {
	Term   string
	Traits string // its type, default and the like
	Text   string
	// Inner are the attributes of a block.
	Inner []Entry
}

// File returns the name of the page's file in Markdown.
func (p *Page) File() string { return strings.ReplaceAll(p.Name, " ", "-") + ".md" }

// Parse makes blocks of a text as help has it: paragraphs with empty lines between them, and
// indented lines, which are shown as they are.
func Parse(text string) []Block {
	var out []Block
	indent := "" // of the code
	for _, part := range strings.Split(strings.Trim(text, "\n"), "\n\n") {
		if strings.TrimSpace(part) == "" {
			continue
		}
		if !strings.HasPrefix(part, "  ") {
			out = append(out, Block{Text: strings.Join(strings.Fields(part), " ")})
			continue
		}
		var lines []string
		n := len(out)
		goesOn := n > 0 && out[n-1].Code != ""
		if !goesOn || !strings.HasPrefix(part, indent) {
			indent = part[:len(part)-len(strings.TrimLeft(part, " "))]
		}
		for line := range strings.SplitSeq(strings.TrimRight(part, "\n"), "\n") {
			lines = append(lines, strings.TrimPrefix(line, indent))
		}
		code := strings.Join(lines, "\n") + "\n"
		if goesOn {
			out[n-1].Code += "\n" + code
			continue
		}
		out = append(out, Block{Code: code})
	}
	return out
}

// Wrap breaks a text into lines of at most so many characters, a longer word apart.
func Wrap(text string, width int) []string {
	var lines []string
	line, n := "", 0
	for _, word := range strings.Fields(text) {
		size := len([]rune(word))
		if n > 0 && n+1+size > width {
			lines = append(lines, line)
			line, n = "", 0
		}
		if n > 0 {
			line += " "
			n++
		}
		line += word
		n += size
	}
	if n > 0 {
		lines = append(lines, line)
	}
	return lines
}
