package flow

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// RE2 turns a regular expression of Ruby into one of RE2, in which ^ and $ stand for the ends of
// the text.
func RE2(ruby string) (string, error) {
	flags := ""
	if len(ruby) > 1 && ruby[0] == '/' {
		if end := strings.LastIndexByte(ruby, '/'); end > 0 {
			for _, f := range ruby[end+1:] {
				switch f {
				case 'm':
					flags += "s"
				case 'i':
					flags += "i"
				case 'x':
					return "", errors.New("it has the flag x, which RE2 has not")
				}
			}
			ruby = ruby[1:end]
		}
	}
	out, err := translated(ruby)
	if err != nil {
		return "", err
	}
	if flags != "" {
		out = "(?" + flags + ")" + out
	}
	if _, err := regexp.Compile(out); err != nil {
		return "", fmt.Errorf("RE2 has it not: %w", err)
	}
	return out, nil
}

// OfLines makes of what RE2 returned an expression in which ^ and $ stand for the ends of each
// line, as they do in Ruby: for texts of several lines.
func OfLines(re string) string {
	if strings.ContainsAny(re, "^$") {
		return "(?m)" + re
	}
	return re
}

const hexDigits = "0-9a-fA-F"

var (
	namedGroup  = regexp.MustCompile(`^\(\?<([A-Za-z_]\w*)>`)
	inlineFlags = regexp.MustCompile(`^\(\?[imx-]+[:)]`)
	posixClass  = regexp.MustCompile(`^\[:\^?\w+:\]`)
)

// translated writes anew what Ruby writes in another way, or means by the same.
func translated(ruby string) (string, error) {
	var out strings.Builder
	in := 0 // where the class begins that goes on, counted from 1
	for i := 0; i < len(ruby); {
		rest := ruby[i:]
		piece := rest[:1]
		n := 1
		switch {
		case rest[0] == '\\' && len(rest) > 1:
			n = 2
			piece = escape(rest[:2], in > 0)
		case in > 0:
			if m := posixClass.FindString(rest); m != "" {
				piece, n = m, len(m)
				break
			}
			first := i == in || i == in+1 && ruby[in] == '^'
			switch {
			case rest[0] == ']' && !first:
				in = 0
			case rest[0] == '[' || strings.HasPrefix(rest, "&&"):
				return "", errors.New("it has a class within a class, which RE2 has not")
			}
		case rest[0] == '[':
			in = i + 1
		case namedGroup.MatchString(rest):
			m := namedGroup.FindStringSubmatch(rest)
			piece, n = "(?P<"+m[1]+">", len(m[0])
		case inlineFlags.MatchString(rest):
			m := inlineFlags.FindString(rest)
			piece, n = strings.ReplaceAll(m, "m", "s"), len(m)
		case strings.HasPrefix(rest, "{,"):
			piece, n = "{0,", 2
		}
		if piece == "" {
			return "", fmt.Errorf("it has %s, which RE2 has not", rest[:2])
		}
		out.WriteString(piece)
		i += n
	}
	return out.String(), nil
}

// escape is what stands for a backslash and a character, "" if nothing does.
func escape(s string, inClass bool) string {
	switch {
	case s == `\h` && inClass:
		return hexDigits
	case s == `\h`:
		return "[" + hexDigits + "]"
	case s == `\H` && inClass:
		return ""
	case s == `\H`:
		return "[^" + hexDigits + "]"
	case s == `\Z`:
		return `\z`
	case s == `\/`:
		return "/"
	}
	return s
}
