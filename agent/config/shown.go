package config

import (
	"bytes"
	"cmp"
	"regexp"
	"slices"
	"sort"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// File is a file of a configuration as it may be shown: without what is secret, what may well be,
// and comments, in which people leave both.
type File struct {
	Path string
	Text string
}

// Hidden stands where something is not shown.
const Hidden = "(hidden)"

// shown returns the files as they may be shown.
func (l *loader) shown() []File {
	hidden := l.hiddenLocals()
	out := make([]File, len(l.parsed))
	for i, p := range l.parsed {
		s := shower{path: p.path, src: l.report.sources[p.path], sealed: l.report.sealed}
		for _, h := range slices.Concat(hidden, l.report.hidden) {
			if h.Filename == p.path {
				s.hide(h)
			}
		}
		s.body(p.body)
		out[i] = File{p.path, s.text()}
	}
	return out
}

// hiddenLocals returns the places of local values of which something secret is made.
func (l *loader) hiddenLocals() (out []hcl.Range) {
	byName := map[string]hclsyntax.Expression{}
	for _, b := range l.blocks {
		if b.Type == "locals" {
			for name, attr := range b.Body.Attributes {
				byName[name] = attr.Expr
			}
		}
	}
	seen := map[string]bool{}
	for todo := slices.Clone(l.report.secretExprs); len(todo) > 0; {
		for _, t := range todo[0].Variables() {
			if t.RootName() != "local" || len(t) < 2 {
				continue
			}
			step, _ := t[1].(hcl.TraverseAttr)
			expr := byName[step.Name]
			if expr == nil || seen[step.Name] {
				continue
			}
			seen[step.Name] = true
			todo = append(todo, expr)
			if !namesItsSource(expr) {
				out = append(out, expr.Range())
			}
		}
		todo = todo[1:]
	}
	return out
}

// shower finds what of one file is not shown.
type shower struct {
	path   string
	src    []byte
	sealed []string
	spans  [][2]int // not shown
}

func (s *shower) hide(at hcl.Range) {
	s.spans = append(s.spans, [2]int{at.Start.Byte, min(at.End.Byte, len(s.src))})
}

// source returns what is written at a place.
func (s *shower) source(at hcl.Range) []byte {
	return s.src[min(at.Start.Byte, len(s.src)):min(at.End.Byte, len(s.src))]
}

// body hides what the names of attributes give away, and what each expression holds.
func (s *shower) body(b *hclsyntax.Body) {
	for _, block := range b.Blocks {
		for name, attr := range block.Body.Attributes {
			switch {
			case block.Type == "variable" && name == "default",
				block.Type == "locals" && s.soundsSecret(attr.NameRange, attr.Expr):
				s.hide(attr.Expr.Range())
			case name == "env": // of a command, for which secrets come this way
				if object, ok := attr.Expr.(*hclsyntax.ObjectConsExpr); ok {
					for _, item := range object.Items {
						s.hideUnlessSource(item.ValueExpr)
					}
				}
			}
		}
		s.body(block.Body)
	}
	for _, attr := range b.Attributes {
		_ = hclsyntax.VisitAll(attr.Expr, func(n hclsyntax.Node) hcl.Diagnostics {
			s.node(n)
			return nil
		})
	}
}

func (s *shower) node(n hclsyntax.Node) {
	switch e := n.(type) {
	case *hclsyntax.FunctionCallExpr:
		if e.Name == "env" && len(e.Args) > 1 {
			for _, arg := range e.Args[1:] {
				s.hide(arg.Range())
			}
		}
	case *hclsyntax.ObjectConsExpr:
		for _, item := range e.Items {
			if s.soundsSecret(item.KeyExpr.Range(), item.ValueExpr) {
				s.hide(item.ValueExpr.Range())
			}
		}
	case *hclsyntax.TupleConsExpr:
		s.arguments(e.Exprs)
	case *hclsyntax.TemplateExpr:
		s.template(e)
	}
}

// arguments hides what is secret in a list that may be a command: the value of a flag that sounds
// like one, which is the next argument or all behind the equals sign, and that of the short flags
// by which some programs take a password.
func (s *shower) arguments(all []hclsyntax.Expression) {
	flags, before := "", "" // of the programs so far; the argument before
	short := func(arg string) bool {
		return len(arg) > 3 && arg[:2] == `"-` && strings.IndexByte(flags, arg[2]) >= 0
	}
	for _, e := range all {
		at, arg := e.Range(), string(s.source(e.Range()))
		setting := secretSetting.FindString(arg)
		switch {
		case secretFlag.MatchString(before),
			short(before) && len(before) == 4 && !strings.HasPrefix(arg, `"-`):
			s.hideUnlessSource(e)
		case namesItsSource(e):
		case setting != "" && len(arg) > len(setting)+1:
			s.spans = append(s.spans, [2]int{at.Start.Byte + len(setting), at.End.Byte - 1})
		case short(arg) && len(arg) > 4:
			s.spans = append(s.spans, [2]int{at.Start.Byte + 3, at.End.Byte - 1})
		}
		for _, p := range passwordFlags {
			if p.program.MatchString(arg) {
				flags += p.flag
			}
		}
		before = arg
	}
}

func (s *shower) hideUnlessSource(e hclsyntax.Expression) {
	if !namesItsSource(e) {
		s.hide(e.Range())
	}
}

// secretWord is what the names of secrets end in, secretFlag an argument behind which one stands,
// secretSetting the beginning of one in which it does, and secretKey a text that is one.
var (
	secretWord    = regexp.MustCompile(`(?i)(?:` + secretWords + `)s?"?\s*$`)
	secretFlag    = regexp.MustCompile(`(?i)^"` + longFlag + `"$`)
	secretSetting = regexp.MustCompile(`(?i)^"` + longFlag + `=`)
	secretKey     = regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY`)
)

// secretTexts find secrets within a text: behind their names, behind flags of commands, and between
// a user's name and a host.
var secretTexts = []*regexp.Regexp{
	regexp.MustCompile(
		`(?i)(?:` + secretWords + `)["'\\]*\s*[=:]\s*(?:` + quotedValue +
			`|["'\\]*(?:(?:bearer|basic)\s+)?([^\s"'\\&;,}=][^\s"'\\&;,}]*))` +
			`|\b(?:bearer|basic)\s+(\S{6,})`,
	),
	regexp.MustCompile(`(?i)(?:^|[\s"'])` + longFlag + `\s+(?:` + quotedValue + `|` + plainValue + `)`),
	regexp.MustCompile(`(?:^|[\s"'=,])([^\s"'\\=,:/@]+:[^\s"'\\:/]\S*)@[\w[]`),
}

// passwordFlags are the flags by which programs take a password, or the name of a user and it.
var passwordFlags = []passwordFlag{
	newPasswordFlag("p", `mysql|mariadb|mongo|sshpass|7z`),
	newPasswordFlag("a", `redis|valkey`),
	newPasswordFlag("w", `ldap`),
	newPasswordFlag("u", `curl`),
}

type passwordFlag struct {
	flag    string
	program *regexp.Regexp // as an argument
	text    *regexp.Regexp // within a line for a shell
}

func newPasswordFlag(flag, programs string) passwordFlag {
	return passwordFlag{
		flag,
		regexp.MustCompile(`^"(?:[^"]*/)?(?:` + programs + `)[\w-]*"$`),
		regexp.MustCompile(
			`\b(?:` + programs + `)[\w-]*\s(?:[^|;&]*?\s)?-` + flag + `\s*(?:` +
				quotedValue + `|` + plainValue + `)`,
		),
	}
}

const (
	longFlag    = `--?(?:[\w-]*[_-])?(?:` + secretWords + `)`
	quotedValue = `'([^']+)|\\?"((?:[^"\\]|\\[^"])+)`
	plainValue  = `([^\s"'\\&;|-][^\s"'\\&;|]*)`
)

const secretWords = `(?:\b|_)pass|password|passwd|pwd|passphrase|secret|token|credential|` +
	`authorization|cookie|(?:api|access|private|shared|secret|account|signing)[_-]?key`

// soundsSecret reports whether the name at a place is that of a secret, and value is one.
func (s *shower) soundsSecret(name hcl.Range, value hclsyntax.Expression) bool {
	return !namesItsSource(value) && secretWord.Match(s.source(name))
}

// template hides what is secret in a text, as far as that shows: parts of URLs, values behind names
// of secrets, and what is known to be secret from elsewhere.
func (s *shower) template(e *hclsyntax.TemplateExpr) {
	from, end := e.SrcRange.Start.Byte, e.SrcRange.Start.Byte
	plain := bytes.Repeat([]byte("x"), len(s.source(e.SrcRange))) // where there is no literal
	var value strings.Builder
	for _, part := range e.Parts {
		at := part.Range()
		end = max(end, at.End.Byte)
		literal, ok := part.(*hclsyntax.LiteralValueExpr)
		if !ok {
			value.WriteByte(0)
			continue
		}
		copy(plain[at.Start.Byte-from:], s.source(at))
		if v, err := convert.Convert(literal.Val, cty.String); err == nil && !v.IsNull() {
			value.WriteString(v.AsString())
		}
	}
	plain = plain[:min(end-from, len(plain))]
	if len(plain) > 0 {
		plain[0] = ' ' // the quote
	}
	known := func(secret string) bool { return holds(value.String(), secret) }
	if secretKey.Match(plain) || slices.ContainsFunc(s.sealed, known) {
		s.hide(e.SrcRange)
		return
	}
	at := from
	for line := range bytes.Lines(plain) {
		spans := quotedURLSecrets(strings.TrimRight(string(line), "\r\n"))
		for _, pattern := range secretTexts {
			spans = append(spans, matched(line, pattern)...)
		}
		for _, p := range passwordFlags {
			spans = append(spans, matched(line, p.text)...)
		}
		for _, span := range spans {
			s.spans = append(s.spans, [2]int{at + span[0], at + span[1]})
		}
		at += len(line)
	}
}

// matched returns where the groups of a pattern are in a line, but for variables of a shell.
func matched(line []byte, pattern *regexp.Regexp) (spans [][2]int) {
	for _, m := range pattern.FindAllSubmatchIndex(line, -1) {
		for i := 2; i < len(m); i += 2 {
			if m[i] >= 0 && line[m[i]] != '$' {
				spans = append(spans, [2]int{m[i], m[i+1]})
			}
		}
	}
	return spans
}

// holds reports whether a text holds a secret: a short one alone, as it occurs in other words.
func holds(text, secret string) bool {
	switch {
	case len(secret) >= 8:
		return strings.Contains(text, secret)
	case len(secret) < 4:
		return text == secret
	}
	for at := 0; ; {
		i := strings.Index(text[at:], secret)
		if i < 0 {
			return false
		}
		if i += at; boundary(text, i-1) && boundary(text, i+len(secret)) {
			return true
		}
		at = i + 1
	}
}

// quotedURLSecrets is urlSecrets for what stands in quotes: there a URL may go on to the end, with
// whatever is in it, or to the next one.
func quotedURLSecrets(text string) [][2]int {
	return secretsOfURLs(text, func(text string) int {
		if next := strings.Index(text, "://"); next >= 0 {
			return next
		}
		return len(text)
	})
}

// text returns what may be shown.
func (s *shower) text() string {
	type cut struct {
		from, to int
		mark     string
	}
	var cuts []cut
	for _, span := range s.spans {
		if span[1] > span[0] && s.src[span[1]-1] == '\n' { // behind a text of many lines
			span[1]--
		}
		cuts = append(cuts, cut{span[0], span[1], Hidden})
	}
	tokens, _ := hclsyntax.LexConfig(s.src, s.path, hcl.InitialPos)
	for _, t := range tokens {
		if t.Type == hclsyntax.TokenComment {
			from, to := s.comment(t.Range)
			cuts = append(cuts, cut{from, to, ""})
		}
	}
	sort.Slice(cuts, func(i, j int) bool {
		return cmp.Or(cuts[i].from-cuts[j].from, cuts[j].to-cuts[i].to) < 0
	})
	var out strings.Builder
	at := 0
	for _, c := range cuts {
		if c.from >= at {
			out.Write(s.src[at:c.from])
			out.WriteString(c.mark)
		}
		at = max(at, c.to)
	}
	out.Write(s.src[at:])
	return strings.Trim(out.String(), "\r\n") + "\n"
}

// comment returns what goes with a comment: the line that holds nothing else, or the blanks before
// it.
func (s *shower) comment(at hcl.Range) (from, to int) {
	from = at.Start.Byte
	to = from + len(bytes.TrimRight(s.source(at), "\r\n"))
	begin := len(bytes.TrimRight(s.src[:from], " \t"))
	rest := bytes.TrimLeft(s.src[to:], " \t\r")
	switch {
	case len(rest) > 0 && rest[0] != '\n':
		return from, to
	case len(rest) > 0 && (begin == 0 || s.src[begin-1] == '\n'):
		return begin, len(s.src) - len(rest) + 1
	}
	return begin, to
}
