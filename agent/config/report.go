package config

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// Problem is one mistake or warning, with where it stands. Its texts may hold secrets: only Report
// prints it.
type Problem struct {
	Warning bool
	Lacking bool      // of this machine, see lackf
	Summary string    // what is wrong, in one line
	Hint    string    // what to write instead; may have several lines
	Range   hcl.Range // zero when it concerns no place in a file
}

// Report collects all problems of a configuration. It is an error when it holds one that is not a
// warning.
type Report struct {
	problems    []Problem
	sources     map[string][]byte
	secrets     []string               // values that must not be printed
	sealed      []string               // those of them that are secret wherever they turn up
	hidden      []hcl.Range            // source text that must not be printed
	secretExprs []hclsyntax.Expression // of which secrets are made
	validSubset *Config
	agent       *Agent // nil if there are mistakes in it

	// has reports whether there is such a setting, unless it is nil.
	has func(owner string, parts []string) bool

	declared map[Kind]string // the first component of each kind, which hints name
	misread  map[string]int  // from which byte on a file is not what its writer meant
	unmeant  []hcl.Range     // parts of files that are not, of which all has been told

	elsewhere   bool            // see Options
	unconnected bool            // see Options
	absent      map[string]bool // what functions said that this machine lacks
}

// ValidSubset returns the components without mistakes and the pipelines between them, in which
// making them may find others.
func (r *Report) ValidSubset() *Config { return r.validSubset }

// Agent returns what the configuration says of the agent itself, whatever is wrong with the rest;
// nil if something is wrong with that.
func (r *Report) Agent() *Agent { return r.agent }

func newReport() *Report {
	return &Report{
		sources: map[string][]byte{}, declared: map[Kind]string{}, misread: map[string]int{},
		absent: map[string]bool{},
	}
}

// naming puts a component that there is into a list in which any may stand.
func (r *Report) naming(hint string) string {
	for kind, id := range r.declared {
		hint = strings.ReplaceAll(hint, "["+string(kind)+".TYPE.NAME]", "["+id+"]")
	}
	return hint
}

func (r *Report) errorf(at hcl.Range, hint, format string, args ...any) {
	r.tell(Problem{Summary: fmt.Sprintf(format, args...), Hint: r.naming(hint), Range: at})
}

func (r *Report) warnf(at hcl.Range, hint, format string, args ...any) {
	r.tell(Problem{
		Warning: true, Summary: fmt.Sprintf(format, args...), Hint: r.naming(hint), Range: at,
	})
}

// elsewhereHint adds to a hint what becomes of an agent.
func elsewhereHint(hint string) string {
	return strings.TrimPrefix(hint+"\nAn agent does not start where that is so.", "\n")
}

// lackf tells what this machine lacks of what the configuration names: a mistake where an agent is
// to run, and a warning elsewhere.
func (r *Report) lackf(at hcl.Range, hint, format string, args ...any) {
	p := Problem{
		Lacking: true, Summary: fmt.Sprintf(format, args...), Hint: r.naming(hint), Range: at,
	}
	if r.elsewhere {
		p.Warning = true
		p.Hint = elsewhereHint(p.Hint)
	}
	r.tell(p)
}

// withoutf is lackf of what only connections need, of a component that has been made without it.
func (r *Report) withoutf(at hcl.Range, hint, format string, args ...any) {
	if r.elsewhere {
		r.warnf(at, elsewhereHint(hint), format, args...)
	}
}

// amiss counts mistakes, and what this machine lacks.
func (r *Report) amiss() int {
	n := 0
	for _, p := range r.problems {
		if !p.Warning || p.Lacking {
			n++
		}
	}
	return n
}

func (r *Report) tell(p Problem) {
	if hint := hintForPattern(p.Summary); hint != "" {
		p.Hint = hint
	}
	from, ok := r.misread[p.Range.Filename]
	if ok && p.Range.Start.Byte >= from || r.isUnmeant(p.Range) {
		return
	}
	r.problems = append(r.problems, p)
}

// tellOnly tells all that there is to tell of a part of a file.
func (r *Report) tellOnly(at hcl.Range, hint, summary string) {
	r.errorf(at, hint, "%s", summary)
	r.unmeant = append(r.unmeant, at)
}

// isUnmeant reports whether what stands at a place begins in a part of which all has been told.
func (r *Report) isUnmeant(at hcl.Range) bool {
	return slices.ContainsFunc(r.unmeant, func(part hcl.Range) bool {
		return part.Filename == at.Filename && part.Start.Byte <= at.Start.Byte &&
			at.Start.Byte < part.End.Byte
	})
}

// tellLast tells what makes all behind it in its file be misread.
func (r *Report) tellLast(at hcl.Range, hint, summary string) {
	r.problems = slices.DeleteFunc(r.problems, func(p Problem) bool {
		return p.Range.Filename == at.Filename && p.Range.Start.Byte >= at.Start.Byte
	})
	r.errorf(at, hint, "%s", summary)
	if _, ok := r.misread[at.Filename]; !ok {
		r.misread[at.Filename] = at.Start.Byte
	}
}

// add takes over diagnostics of the HCL library.
func (r *Report) add(diags hcl.Diagnostics) {
	for _, d := range diags {
		p := Problem{
			Warning: d.Severity == hcl.DiagWarning,
			Summary: lowerFirst(strings.TrimSuffix(d.Summary, ".")),
			Hint:    d.Detail,
		}
		if m := badArgument.FindStringSubmatch(d.Detail); m != nil {
			p.Summary, p.Hint = m[1], ""
		}
		if d.Subject != nil {
			p.Range = *d.Subject
		}
		if r.absent[p.Summary] {
			r.lackf(p.Range, "", "%s", p.Summary)
			continue
		}
		r.tell(p)
	}
}

// badArgument finds what a function said about its argument.
var badArgument = regexp.MustCompile(`^Invalid value for "\w+" parameter: (.*)\.$`)

func lowerFirst(s string) string {
	if len(s) > 1 && s[1] >= 'a' && s[1] <= 'z' || len(s) > 1 && s[1] == ' ' {
		return strings.ToLower(s[:1]) + s[1:]
	}
	return s
}

// secret keeps value out of everything that is printed.
func (r *Report) secret(value string) {
	for _, part := range append(strings.Split(value, "\n"), value) {
		if part = strings.TrimSpace(part); part != "" && !slices.Contains(r.secrets, part) {
			r.secrets = append(r.secrets, part)
		}
	}
}

// seal keeps the value of a secret attribute out of everything, logs included.
func (r *Report) seal(value string) {
	r.secret(value)
	if value != "" && !slices.Contains(r.sealed, value) {
		r.sealed = append(r.sealed, value)
	}
}

// Errors counts the problems that are not warnings.
func (r *Report) Errors() int {
	n := 0
	for _, p := range r.problems {
		if !p.Warning {
			n++
		}
	}
	return n
}

// Warnings counts the others.
func (r *Report) Warnings() int { return len(r.problems) - r.Errors() }

// Error returns all problems as text.
func (r *Report) Error() string {
	var b strings.Builder
	r.Write(&b, false)
	return strings.TrimSuffix(b.String(), "\n")
}

// Lines returns one line per problem, for logs.
func (r *Report) Lines(warnings bool) []string {
	var out []string
	for _, p := range r.sorted() {
		if p.Warning == warnings {
			line := r.mask(p.Summary)
			if p.Hint != "" {
				line += ": " + strings.ReplaceAll(r.mask(p.Hint), "\n", " ")
			}
			if p.Range.Filename != "" {
				line = fmt.Sprintf(
					"%s:%d:%d: %s", p.Range.Filename, p.Range.Start.Line, p.Range.Start.Column,
					line,
				)
			}
			out = append(out, line)
		}
	}
	return out
}

func (r *Report) sorted() []Problem {
	out := slices.Clone(r.problems)
	slices.SortStableFunc(out, func(a, b Problem) int {
		return cmp.Or(
			strings.Compare(a.Range.Filename, b.Range.Filename),
			cmp.Compare(a.Range.Start.Byte, b.Range.Start.Byte),
		)
	})
	return slices.CompactFunc(out, func(a, b Problem) bool {
		return a.Summary == b.Summary && a.Range == b.Range && a.Hint == b.Hint
	})
}

// Write prints every problem with its source line, a caret and the hint.
func (r *Report) Write(w io.Writer, color bool) {
	red, yellow, bold, off := "\x1b[31m", "\x1b[33m", "\x1b[1m", "\x1b[0m"
	if !color {
		red, yellow, bold, off = "", "", "", ""
	}
	before := ""
	for _, p := range r.sorted() {
		severity, shade := "error", red
		if p.Warning {
			severity, shade = "warning", yellow
		}
		if p.Range.Filename != "" {
			fmt.Fprintf(
				w, "%s%s:%d:%d:%s ", bold, p.Range.Filename, p.Range.Start.Line,
				p.Range.Start.Column, off,
			)
		}
		fmt.Fprintf(w, "%s%s:%s %s\n", shade, severity, off, r.mask(p.Summary))
		if line, carets, ok := r.excerpt(p.Range); ok {
			fmt.Fprintf(
				w, "%6d | %s\n       | %s%s%s\n", p.Range.Start.Line, line, shade, carets, off,
			)
		}
		if p.Hint == before && strings.HasPrefix(p.Hint, "Write:\n") {
			fmt.Fprintln(w, "    Write it as above, once.")
		} else if p.Hint != "" {
			for line := range strings.SplitSeq(strings.TrimRight(r.mask(p.Hint), "\n"), "\n") {
				fmt.Fprintf(w, "    %s\n", line)
			}
		}
		before = p.Hint
	}
}

// literalSecret finds what looks like a secret in a file that could not be parsed well enough to
// know.
var literalSecret = regexp.MustCompile(
	`(?i)^(.*(?:password|passwd|secret|token|shared_key|access_key|private_key|passphrase|credential)\w*"?\s*[=:]\s*)(.+)$`,
)

// namesFile finds attributes such as token_file, which hold no secret themselves.
var namesFile = regexp.MustCompile(`_file"?\s*[=:]\s*$`)

// excerpt returns the source line of a range and carets below the range, secrets masked in both.
func (r *Report) excerpt(at hcl.Range) (line, carets string, ok bool) {
	src, known := r.sources[at.Filename]
	if !known || at.Start.Line == 0 || at.Start.Byte > len(src) {
		return "", "", false
	}
	start := bytes.LastIndexByte(src[:at.Start.Byte], '\n') + 1
	end := len(src)
	if i := bytes.IndexByte(src[start:], '\n'); i >= 0 {
		end = start + i
	}
	text := bytes.TrimRight(src[start:end], "\r")
	end = start + len(text)
	from, to := at.Start.Byte, max(min(at.End.Byte, end), at.Start.Byte+1)

	masked := slices.Clone(text)
	for _, h := range r.hidden {
		if h.Filename == at.Filename {
			for i := max(h.Start.Byte, start); i < min(h.End.Byte, end); i++ {
				masked[i-start] = '*'
			}
		}
	}
	r.maskInPlace(masked)
	if m := literalSecret.FindSubmatchIndex(
		masked,
	); m != nil && !namesFile.Match(masked[m[2]:m[3]]) &&
		!looksEvaluated(masked[m[4]:m[5]]) {
		for i := m[4]; i < m[5]; i++ {
			masked[i] = '*'
		}
	}
	var pad strings.Builder
	for i := start; i < from; i++ {
		if i < end && src[i] == '\t' {
			pad.WriteByte('\t')
		} else if i >= end || src[i]&0xc0 != 0x80 {
			pad.WriteByte(' ')
		}
	}
	width := 0
	for i := from; i < to; i++ {
		if i >= end || src[i]&0xc0 != 0x80 {
			width++
		}
	}
	return printable(masked), pad.String() + strings.Repeat("^", width), true
}

// looksEvaluated tells an expression that names where a secret comes from, which helps and gives
// nothing away.
func looksEvaluated(expr []byte) bool {
	for _, prefix := range []string{"env(", "file(", "var.", "local."} {
		if bytes.HasPrefix(expr, []byte(prefix)) {
			return true
		}
	}
	return false
}

func printable(p []byte) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' && c != '\t' || c == 0x7f || c == 0xfffd {
			return '?'
		}
		return c
	}, string(p))
}

// maskInPlace overwrites known secrets with stars of the same length, so that carets still fit.
func (r *Report) maskInPlace(p []byte) {
	for _, span := range urlSecrets(string(p)) {
		for i := span[0]; i < span[1]; i++ {
			p[i] = '*'
		}
	}
	for _, s := range r.secrets {
		if len(s) < 4 {
			continue
		}
		for at := 0; ; {
			i := bytes.Index(p[at:], []byte(s))
			if i < 0 {
				break
			}
			for j := at + i; j < at+i+len(s); j++ {
				p[j] = '*'
			}
			at += i + len(s)
		}
	}
}

// mask replaces known secrets in a text. Very short ones are replaced where they stand alone.
func (r *Report) mask(text string) string { return RedactURLs(mask(text, r.secrets)) }

func mask(text string, secrets []string) string {
	for _, s := range secrets {
		if len(s) >= 4 {
			text = strings.ReplaceAll(text, s, "***")
			continue
		}
		for at := 0; ; {
			i := strings.Index(text[at:], s)
			if i < 0 {
				break
			}
			i += at
			if boundary(text, i-1) && boundary(text, i+len(s)) {
				text = text[:i] + "***" + text[i+len(s):]
				at = i + 3
			} else {
				at = i + 1
			}
		}
	}
	return text
}

func boundary(s string, i int) bool {
	if i < 0 || i >= len(s) {
		return true
	}
	c := s[i]
	return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_')
}
