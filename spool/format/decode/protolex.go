package decode

import (
	"fmt"
	"strconv"
	"strings"
)

// protoLexer takes a .proto file apart. It holds the next token; "" is the end, or what is no token
// at all.
//
// https://protobuf.dev/reference/protobuf/edition-2023-spec/#lexical_elements
type protoLexer struct {
	text string
	at   int    // behind tok
	tok  string // a name, a number, a string in its quotes, or one character
}

func newProtoLexer(text string) *protoLexer {
	l := &protoLexer{text: text}
	l.next()
	return l
}

// next moves to the next token.
func (l *protoLexer) next() {
	l.skipSpace()
	start := l.at
	if l.tok = ""; start == len(l.text) {
		return
	}
	switch c := l.text[start]; {
	case c == '"' || c == '\'':
		for l.at++; l.at < len(l.text) && l.text[l.at] != c; l.at++ {
			if l.text[l.at] == '\\' {
				l.at++
			}
		}
		if l.at++; l.at > len(l.text) {
			l.at = start // no end: no token
			return
		}
	case isWord(c):
		for l.at < len(l.text) && isWord(l.text[l.at]) {
			l.at++
		}
	case c > ' ' && c < 0x7f:
		l.at++
	}
	l.tok = l.text[start:l.at]
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// skipSpace skips white space and comments.
func (l *protoLexer) skipSpace() {
	for l.at < len(l.text) {
		rest := l.text[l.at:]
		end := 1
		switch {
		case strings.HasPrefix(rest, "//"):
			if end = strings.IndexByte(rest, '\n'); end < 0 {
				end = len(rest)
			}
		case strings.HasPrefix(rest, "/*"):
			if end = strings.Index(rest[2:], "*/") + 4; end < 4 {
				return // no end
			}
		case !strings.ContainsRune(" \t\r\n\v\f", rune(rest[0])):
			return
		}
		l.at += end
	}
}

// fail says where something else stands than what is wanted.
func (l *protoLexer) fail(want string) error {
	tok := l.tok
	if tok == "" {
		tok = l.text[l.at:min(l.at+1, len(l.text))]
	}
	return fmt.Errorf("line %d: %.40q where %s should be", l.line(), tok, want)
}

// line is that of the token.
func (l *protoLexer) line() int { return strings.Count(l.text[:l.at-len(l.tok)], "\n") + 1 }

// take steps over tok if it is next.
func (l *protoLexer) take(tok string) bool {
	if l.tok != tok {
		return false
	}
	l.next()
	return true
}

func (l *protoLexer) must(tok string) error {
	if !l.take(tok) {
		return l.fail(strconv.Quote(tok))
	}
	return nil
}

func (l *protoLexer) name() (string, error) {
	tok := l.tok
	if tok == "" || !isWord(tok[0]) || tok[0] <= '9' {
		return "", l.fail("a name")
	}
	l.next()
	return tok, nil
}

// path takes names with dots between them, and before them where it is rooted.
func (l *protoLexer) path() (string, error) {
	out := ""
	if l.take(".") {
		out = "."
	}
	for {
		part, err := l.name()
		if err != nil {
			return "", err
		}
		if out += part; !l.take(".") {
			return out, nil
		}
		out += "."
	}
}

func (l *protoLexer) integer() (int64, error) {
	sign := ""
	if l.take("-") {
		sign = "-"
	}
	n, err := strconv.ParseInt(sign+l.tok, 0, 64)
	if err != nil {
		return 0, l.fail("a number")
	}
	l.next()
	return n, nil
}

func (l *protoLexer) quoted() (string, error) {
	tok := l.tok
	if len(tok) < 2 || tok[0] != '"' && tok[0] != '\'' {
		return "", l.fail("a string")
	}
	l.next()
	return tok[1 : len(tok)-1], nil
}

// skip steps over what is left of a statement: up to a semicolon, or a block.
func (l *protoLexer) skip() error {
	depth := 0
	for ; l.tok != ""; l.next() {
		switch l.tok {
		case "{", "[", "(":
			depth++
		case "]", ")":
			depth--
		case "}":
			if depth--; depth == 0 {
				l.next()
				return nil
			}
		case ";":
			if depth == 0 {
				l.next()
				return nil
			}
		}
		if depth < 0 {
			break
		}
	}
	return l.fail("the end of a statement")
}

// option steps over an option, and over the values of those in brackets up to the next one. It
// reports what it says of field_presence.
func (l *protoLexer) option() (presence string, err error) {
	var name strings.Builder
	for l.tok != "=" {
		if l.tok == "" || l.tok == ";" || l.tok == "]" {
			return "", l.fail("an option")
		}
		name.WriteString(l.tok)
		l.next()
	}
	l.next()
	single := name.String() == "features.field_presence"
	inside := name.String() == "features"
	depth, before := 0, ""
	for ; l.tok != ""; l.next() {
		switch l.tok {
		case "{", "[", "(":
			depth++
		case ";", ",", "]", "}", ")":
			if depth == 0 {
				return presence, nil
			}
			if l.tok == "]" || l.tok == "}" || l.tok == ")" {
				depth--
			}
		case ":":
			continue
		default:
			if single || inside && depth == 1 && before == "field_presence" {
				presence = l.tok
			}
		}
		before = l.tok
	}
	return "", l.fail("the end of an option")
}
