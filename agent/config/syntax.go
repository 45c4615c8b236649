package config

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// SyntaxReport returns what keeps src from being read as HCL.
func SyntaxReport(name string, src []byte) *Report {
	report := newReport()
	report.sources[name] = src
	_, diags := hclsyntax.ParseConfig(src, name, hcl.InitialPos)
	report.addSyntax(name, src, diags)
	return report
}

// Summaries of the HCL library for what begins and does not end.
const (
	openInterpolation = "Unclosed template interpolation sequence"
	openControl       = "Unterminated template control sequence"
	openString        = "Unterminated template string"
	brokenString      = "Invalid multi-line string"

	openIndex = "Missing close bracket on index"

	noSeparator  = "Missing item separator"
	noNewline    = "Missing newline after argument"
	noExpression = "Invalid expression"
	noNumber     = "Invalid number literal"

	wrongDirective = "Invalid template directive"
	wrongKeyword   = "Invalid template control keyword"
)

// unrepeated finds names whose values a hint does not repeat.
var unrepeated = regexp.MustCompile(`(?i)passw|secret|token|key$`)

// dotted finds a path of names before an equals sign, which HCL does not have.
var dotted = regexp.MustCompile(`^([A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*)+)\s*=\s*([^\n]*)`)

// addSyntax takes over what the parser found. All that stands behind a string without an end has
// been misread, so only the string itself is told.
func (r *Report) addSyntax(file string, src []byte, diags hcl.Diagnostics) {
	if what, hint := foreignHint(file, src); diags.HasErrors() && what != "" {
		at := hcl.Range{Filename: file, Start: hcl.InitialPos, End: hcl.InitialPos}
		r.tellLast(at, hint, fmt.Sprintf("this looks like %s, and is no HCL", what))
		return
	}
	diags = slices.Clone(diags)
	slices.SortStableFunc(diags, func(a, b *hcl.Diagnostic) int { return place(a) - place(b) })
	from := -1
	for _, d := range diags {
		if from == place(d) && d.Subject != nil && from > 0 {
			continue // one mistake seen twice
		}
		from = place(d)
		switch d.Summary {
		case openInterpolation, openControl, openString, brokenString, openIndex:
			r.unclosed(src, d)
			return
		case noSeparator, noNewline, noExpression, noNumber:
			if d.Subject == nil {
				break
			}
			if d.Summary == noSeparator && r.openList(src, d.Subject) {
				return
			}
			if r.unquoted(src, d.Subject) {
				continue
			}
		case wrongDirective, wrongKeyword:
			if d.Subject != nil {
				r.errorf(
					*d.Subject,
					"A field is ${field.NAME}, a time ${strftime(\"%Y-%m-%d\")}. A %{ that stands for itself, as in a grok pattern, is\nwritten %%{.",
					"%%{ begins a directive of HCL here, and this is none",
				)
				continue
			}
		case "Invalid single-argument block definition":
			r.add(hcl.Diagnostics{d})
			hint := "Write each attribute on a line of its own."
			if at := place(d); at < len(src) && strings.ContainsRune("\r\n", rune(src[at])) {
				hint = "Write its } on this line, or each attribute on a line of its own."
			}
			r.problems[len(r.problems)-1].Hint = hint
			continue
		case "Invalid escape sequence":
			r.add(hcl.Diagnostics{d})
			r.problems[len(r.problems)-1].Hint = `A backslash in a text is written \\, as in "\\d+".`
			continue
		case "Argument or block definition required":
			if d.Subject != nil && r.dottedName(src, d.Subject) {
				continue
			}
		}
		r.add(hcl.Diagnostics{d})
		if d.Severity == hcl.DiagError && d.Summary == "Unclosed configuration block" {
			return
		}
	}
}

func place(d *hcl.Diagnostic) int {
	if d.Subject == nil {
		return 0
	}
	return d.Subject.Start.Byte
}

// unclosed reports a string, or a ${ in it, that does not end in its line.
func (r *Report) unclosed(src []byte, d *hcl.Diagnostic) {
	if d.Subject == nil {
		r.add(hcl.Diagnostics{d})
		return
	}
	at := *d.Subject
	if bracket, ok := indexWithoutEnd(src, at); ok {
		r.tellLast(
			bracket, `Write a ] where the index ends, as in "${tag[1]}" or "${field["name"]}".`,
			"this index has no ]",
		)
		return
	}
	if d.Summary == openIndex {
		r.add(hcl.Diagnostics{d})
		return
	}
	begin := bytes.LastIndexByte(src[:min(at.Start.Byte, len(src))], '\n') + 1
	line, _, _ := bytes.Cut(src[begin:], []byte("\n"))
	if d.Summary == openInterpolation || d.Summary == openControl || openBrace(line) {
		if i := bytes.LastIndex(line, []byte("${")); i >= 0 && d.Summary == brokenString {
			at.Start.Byte = begin + i
			at.Start.Column = 1 + len([]rune(string(line[:i])))
			at.End = at.Start
			at.End.Byte += 2
		}
		r.tellLast(
			at,
			`Write a } where it ends, as in "app-${tag}". A ${ that stands for itself is written $${.`,
			"${ without its }",
		)
		return
	}
	r.tellLast(
		at,
		"Add the quote where the string ends. A line break in a string is written \\n; a text of many lines is\nwritten <<EOT, and EOT on a line of its own behind it.",
		"this line has a string that does not end",
	)
}

// indexWithoutEnd returns the bracket of an index within a ${ that ends before the bracket does, or
// whose line does; it stands before a place.
func indexWithoutEnd(src []byte, before hcl.Range) (hcl.Range, bool) {
	tokens, _ := hclsyntax.LexConfig(src, before.Filename, hcl.InitialPos)
	var open []hclsyntax.Token
	var last hclsyntax.Token
	for _, t := range tokens {
		if n := len(open); n > 1 && open[n-2].Type == hclsyntax.TokenTemplateInterp &&
			open[n-1].Type == hclsyntax.TokenOBrack &&
			(t.Type == hclsyntax.TokenTemplateSeqEnd || t.Type == hclsyntax.TokenNewline) {
			return open[n-1].Range, true
		}
		if t.Range.Start.Byte > before.Start.Byte {
			break
		}
		switch t.Type {
		case hclsyntax.TokenTemplateInterp:
			open = append(open, t)
		case hclsyntax.TokenOBrack:
			if last.Type == hclsyntax.TokenIdent && last.Range.End.Byte == t.Range.Start.Byte {
				open = append(open, t)
			}
		case hclsyntax.TokenCBrack, hclsyntax.TokenTemplateSeqEnd:
			open = open[:max(len(open)-1, 0)]
		}
		last = t
	}
	return hcl.Range{}, false
}

// Texts that are written without quotes.
const bareItem = `(?:/[\w.*?/{}-]*|\w[\w.-]*://[^\s,\]"]*|[A-Za-z_][\w.-]*:\d+|\d[\w.:-]*)`

var (
	bareItems = regexp.MustCompile(
		`^(\[\s*)?(` + bareItem + `(?:\s*,\s*` + bareItem + `)*)[\s\]},]*(?:#.*)?$`,
	)
	quoteWithin = regexp.MustCompile(`^"(?:[^"\\]|\\.)*"\w`)
	nameBefore  = regexp.MustCompile(`([\w-]+)[ \t]*=[ \t]*$`)
	valueBegins = regexp.MustCompile(`(?:^|[{,])[ \t]*[\w-]+[ \t]*=[ \t]*([^\s=])`)
)

// unquoted reports a text without quotes in the line of a place, and those in the lines behind it,
// which the parser does not look at; or a text with a quote in it.
func (r *Report) unquoted(src []byte, at *hcl.Range) bool {
	begin := bytes.LastIndexByte(src[:min(at.Start.Byte, len(src))], '\n') + 1
	line, _, _ := bytes.Cut(src[begin:], []byte("\n"))
	col := at.Start.Byte - begin
	value := 0
	for _, m := range valueBegins.FindAllSubmatchIndex(line, -1) {
		if m[2] <= col {
			value = m[2]
		}
	}
	if value == 0 {
		return false
	}
	where := hcl.Range{Filename: at.Filename, Start: hcl.Pos{
		Line: at.Start.Line, Column: 1 + len([]rune(string(line[:value]))), Byte: begin + value,
	}}
	if !r.bare(line[value:], where) {
		return false
	}
	from := where
	for rest := src[begin+len(line):]; len(rest) > 0; {
		from.Start.Line++
		begin = len(src) - len(rest) + 1
		line, _, _ = bytes.Cut(rest[1:], []byte("\n"))
		rest = src[min(begin+len(line), len(src)):]
		if m := valueBegins.FindSubmatchIndex(line); m != nil && m[0] == 0 {
			from.Start.Byte, from.Start.Column = begin+m[2], 1+len([]rune(string(line[:m[2]])))
			_, diags := hclsyntax.ParseExpression(line[m[2]:], at.Filename, hcl.InitialPos)
			if diags.HasErrors() {
				r.bare(line[m[2]:], from)
			}
		}
	}
	return true
}

// bare reports a text without quotes, or a list of them, or one with quotes in it, where it stands.
func (r *Report) bare(text []byte, where hcl.Range) bool {
	text = bytes.TrimSpace(text)
	if quoteWithin.Match(text) {
		where.End.Byte = where.Start.Byte + len(text)
		r.tellOnly(
			where,
			`Write \" for a quote within a text; expressions take ', too: "field.level == 'debug'".`,
			"this text has a quote in it",
		)
		return true
	}
	m := bareItems.FindSubmatch(text)
	if m == nil {
		return false
	}
	items := strings.Split(string(m[2]), ",")
	for i := range items {
		items[i] = strings.TrimSpace(items[i])
	}
	write := strings.Join(quoted(items), ", ")
	if len(m[1]) > 0 || len(items) > 1 {
		write = "[" + write + "]"
	}
	if name := nameBefore.FindSubmatch(r.sources[where.Filename][:where.Start.Byte]); name != nil &&
		unrepeated.Match(name[1]) {
		write = fmt.Sprintf("env(%q)", strings.ToUpper(string(name[1])))
	}
	where.End.Byte = where.Start.Byte + len(m[1]) + len(m[2])
	tell := r.tellOnly
	if bytes.Contains(text, []byte("/*")) { // which begins a comment
		tell = r.tellLast
	}
	tell(where, "Write "+write+".", "a text without quotes")
	return true
}

// openBrace reports whether the last ${ of a line has no } behind it.
func openBrace(line []byte) bool {
	i := bytes.LastIndex(line, []byte("${"))
	return i >= 0 && (i == 0 || line[i-1] != '$') && !bytes.ContainsRune(line[i:], '}')
}

// openList reports a list that is still open where the next attribute or the end of the block
// stands.
func (r *Report) openList(src []byte, at *hcl.Range) bool {
	before, behind := src[:min(at.Start.Byte, len(src))], src[min(at.Start.Byte, len(src)):]
	tokens, _ := hclsyntax.LexConfig(before, at.Filename, hcl.InitialPos)
	var open []hclsyntax.Token
	for _, t := range tokens {
		switch t.Type {
		case hclsyntax.TokenOBrack, hclsyntax.TokenOBrace, hclsyntax.TokenOParen,
			hclsyntax.TokenTemplateInterp:
			open = append(open, t)
		case hclsyntax.TokenCBrack, hclsyntax.TokenCBrace, hclsyntax.TokenCParen,
			hclsyntax.TokenTemplateSeqEnd:
			open = open[:max(len(open)-1, 0)]
		}
	}
	if len(open) == 0 || !nextBegins.Match(behind) {
		return false
	}
	last := open[len(open)-1]
	if last.Type != hclsyntax.TokenOBrack || last.Range.Start.Line == at.Start.Line {
		return false
	}
	r.tellLast(
		last.Range, `Write a ] where the list ends, as in ["a", "b"].`, "this list has no ]",
	)
	return true
}

// nextBegins finds the end of a block, or the beginning of an attribute or a block.
var nextBegins = regexp.MustCompile(`^(?:\}|[A-Za-z_][\w-]*\s*(?:=|\{|"))`)

// dottedName reports a.b = c, for which HCL has blocks.
func (r *Report) dottedName(src []byte, at *hcl.Range) bool {
	m := dotted.FindSubmatch(src[min(at.Start.Byte, len(src)):])
	if m == nil {
		return false
	}
	parts := strings.Split(string(m[1]), ".")
	last := len(parts) - 1
	where := *at
	where.End.Byte, where.End.Column = at.Start.Byte+len(m[1]), at.Start.Column+len(m[1])
	value := strings.TrimSpace(string(m[2]))
	owner := ownerBefore(src[:at.Start.Byte])
	hint, whole := hintForDotted(owner, parts, value)
	if hint == "" && r.has != nil && !r.has(owner, parts) {
		kind, rest, _ := strings.Cut(owner, ".")
		typ, _, _ := strings.Cut(rest, ".")
		hint, whole = fmt.Sprintf("There is no such setting: penstock help %s.%s", kind, typ), true
	}
	if hint == "" {
		if unrepeated.MatchString(parts[last]) {
			value = fmt.Sprintf("env(%q)", strings.ToUpper(parts[last]))
		}
		hint = parts[last] + " = " + value
	}
	if !whole {
		for i := last - 1; i >= 0; i-- {
			hint = parts[i] + " { " + hint + " }"
		}
		hint = "Write a block: " + hint
	}
	r.errorf(where, hint, "%s: a name has no dots", m[1])
	return true
}

// component finds the header of a component.
var component = regexp.MustCompile(`(?m)^[ \t]*(input|output|filter|pipeline|agent)[ \t]+(?:"(\w+)"|\{)`)

// ownerBefore returns the component that a text ends in, or "".
func ownerBefore(src []byte) string {
	all := component.FindAllSubmatch(src, -1)
	if all == nil {
		return ""
	}
	last := all[len(all)-1]
	if kind := string(last[1]); kind == "agent" || kind == "pipeline" {
		return kind
	}
	return fmt.Sprintf("%s.%s.x", last[1], last[2])
}
