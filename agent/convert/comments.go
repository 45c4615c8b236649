package convert

import (
	"path/filepath"
	"strings"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/kit"
)

// syntax is how files have comments.
type syntax struct {
	marks  string // characters that begin one
	where  where
	quotes string // of texts, in which there are none
	triple bool   // texts in three quotes go over lines, as in TOML
	blocks bool   // there are /* */, too
	yaml   bool   // there are texts by indentation
	vrl    bool   // texts over several lines are programs, whose comments count
}

type where int

const (
	atStart    where = iota // of a line
	afterSpace              // or at the start of a line
	anywhere
)

func yaml(string, []byte) syntax {
	return syntax{marks: "#", where: afterSpace, quotes: `"'`, yaml: true}
}

func properties(string, []byte) syntax { return syntax{marks: "#!", where: atStart} }

func fluent(string, []byte) syntax { return syntax{marks: "#", where: afterSpace, quotes: `"`} }

func script(string, []byte) syntax {
	return syntax{marks: "#", where: anywhere, quotes: `"'`, blocks: true}
}

func classic(file string, src []byte) syntax {
	if kit.IsYAML(file, src) {
		return yaml(file, src)
	}
	return syntax{marks: "#", where: atStart}
}

func vrl(file string, src []byte) syntax {
	if filepath.Ext(file) == ".toml" || file == "-" && !kit.IsYAML(file, src) {
		return syntax{marks: "#", where: anywhere, quotes: `"'`, triple: true, vrl: true}
	}
	s := yaml(file, src)
	s.vrl = true
	return s
}

// comments returns what the files that a draft was made of have.
func comments(
	d *draft.Draft, files []string, from kit.Reader, of func(file string, src []byte) syntax,
) ([]draft.Remark, error) {
	var out []draft.Remark
	seen := map[string]bool{}
	for _, file := range append(files, d.Files()...) {
		if seen[file] {
			continue
		}
		seen[file] = true
		src, err := from(file)
		if err != nil {
			return nil, err
		}
		s := scanner{syntax: of(file, src), file: file, indent: -1}
		for i, line := range strings.Split(strings.ReplaceAll(string(src), "\r\n", "\n"), "\n") {
			s.line(i+1, line)
		}
		s.flush(s.last, s.said)
		out = append(out, s.out...)
	}
	return out, nil
}

// scanner goes through a file line by line.
type scanner struct {
	syntax
	file    string
	quote   string // of the text that goes on
	comment bool   // a /* */ goes on
	scalar  bool   // a text by indentation goes on
	parent  int    // the indentation that ends it
	indent  int    // its own, -1 before its first line
	waiting []draft.Remark
	out     []draft.Remark
	last    int    // line with anything but comments
	said    string // in it
}

func (s *scanner) flush(line int, said string) {
	for _, r := range s.waiting {
		r.At, r.Of = draft.Place{File: s.file, Line: line}, said
		s.out = append(s.out, r)
	}
	s.waiting = nil
}

func (s *scanner) line(n int, line string) {
	code, remark := s.divide(line)
	if remark = strings.TrimSpace(strings.TrimLeft(remark, s.marks+"* \t")); remark != "" {
		s.waiting = append(s.waiting, draft.Remark{Text: remark})
	}
	if strings.TrimSpace(code) != "" {
		said := code
		if s.last == 0 {
			said = "" // it is about the file
		}
		s.flush(n, said)
		s.last, s.said = n, code
	}
}

// divide divides a line into what it says and a comment.
func (s *scanner) divide(line string) (code, remark string) {
	text := strings.TrimLeft(line, " \t")
	depth := len(line) - len(text)
	if s.scalar {
		if s.indent < 0 && text != "" {
			s.indent = depth
		}
		if text == "" || s.indent > s.parent && depth >= s.indent {
			if i := kit.IndexUnquoted(line, "#"); s.vrl && i >= 0 {
				return line[:i], line[i:]
			}
			return line, ""
		}
		s.scalar = false
	}
	code, remark = s.walk(line)
	if end := strings.TrimRight(code, " \t"); s.yaml && s.quote == "" {
		end = strings.TrimRight(end, "+-0123456789")
		before := strings.TrimRight(strings.TrimRight(end, "|>"), " ")
		if end != before && (strings.HasSuffix(before, ":") || strings.HasSuffix(before, "-")) {
			s.scalar, s.parent, s.indent = true, depth, -1
		}
	}
	return code, remark
}

func (s *scanner) walk(line string) (code, remark string) {
	var out, said strings.Builder
	for i := 0; i < len(line); {
		rest := line[i:]
		switch {
		case s.comment:
			end := strings.Index(rest, "*/")
			if end < 0 {
				said.WriteString(rest)
				return out.String(), said.String()
			}
			said.WriteString(rest[:end])
			s.comment = false
			i += end + 2
		case s.quote != "":
			if at := kit.IndexUnquoted(rest, "#"); s.vrl && len(s.quote) == 3 && at >= 0 &&
				!strings.Contains(rest[:at], s.quote) {
				return out.String() + rest[:at], rest[at:]
			}
			n := 1
			switch {
			case rest[0] == '\\' && len(rest) > 1 && s.quote[0] == '"':
				n = 2
			case strings.HasPrefix(rest, s.quote):
				n = len(s.quote)
				s.quote = ""
			}
			out.WriteString(rest[:n])
			i += n
		case strings.IndexByte(s.marks, rest[0]) >= 0 && s.begins(line[:i]):
			return out.String(), said.String() + rest
		case s.blocks && strings.HasPrefix(rest, "/*") && isApart(line[:i]):
			s.comment = true
			i += 2
		case strings.IndexByte(s.quotes, rest[0]) >= 0 && s.opens(line[:i], rest):
			s.quote = rest[:1]
			if s.triple && strings.HasPrefix(rest, strings.Repeat(s.quote, 3)) {
				s.quote = rest[:3]
			}
			out.WriteString(s.quote)
			i += len(s.quote)
		default:
			out.WriteByte(rest[0])
			i++
		}
	}
	if len(s.quote) == 1 && !s.yaml && s.where != anywhere || s.triple && len(s.quote) == 1 {
		s.quote = ""
	}
	return out.String(), said.String()
}

// begins reports whether a comment may begin behind a text.
func (s *scanner) begins(before string) bool {
	switch s.where {
	case anywhere:
		return true
	case afterSpace:
		return isApart(before)
	}
	return strings.TrimSpace(before) == ""
}

// isApart reports whether what follows a text is no part of a word of it, such as /etc/*.conf.
func isApart(before string) bool {
	return before == "" || strings.HasSuffix(before, " ") || strings.HasSuffix(before, "\t")
}

// opens reports whether a quote behind a text begins one, and is none within a word.
func (s *scanner) opens(before, rest string) bool {
	if s.where == anywhere {
		return true
	}
	if before != "" && !strings.ContainsAny(before[len(before)-1:], " \t[{,:(") {
		return false
	}
	return s.yaml || strings.Contains(rest[1:], rest[:1])
}
