package formats

import (
	"errors"
	"fmt"
	"regexp"
)

var errNoMatch = &Error{"no_match", "the regular expression does not match the text"}

type regex struct {
	re    *regexp.Regexp
	fast  *matcher // that finds the same; nil for none
	names []string // by group; "" for one that is not taken
}

// NewRegex returns a parser whose fields are the named groups of an expression.
func NewRegex(pattern string) (Parser, error) {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, err
	}
	p := &regex{re: re, fast: newMatcher(pattern), names: re.SubexpNames()}
	if !p.named() {
		return nil, errors.New(
			"has no named group, such as (?P<status>[0-9]+), so nothing would be taken from it",
		)
	}
	return p, nil
}

func (p *regex) named() bool {
	for _, name := range p.names {
		if name != "" {
			return true
		}
	}
	return false
}

// Parse implements Parser.
func (p *regex) Parse(text []byte, _ int64, out *Fields) error {
	var s search
	m, sure := p.fast.find(text, &s)
	if !sure {
		m = p.re.FindSubmatchIndex(text)
	}
	if m == nil {
		return errNoMatch
	}
	for i, name := range p.names {
		if name != "" && m[2*i] >= 0 {
			out.add(name, text[m[2*i]:m[2*i+1]])
		}
	}
	return nil
}

// compileRegexp wraps an error so that it tells what had been made of the pattern.
func compileRegexp(expanded string) (*regexp.Regexp, error) {
	re, err := regexp.Compile(expanded)
	if err != nil {
		return nil, fmt.Errorf("does not make a regular expression: %w", err)
	}
	return re, nil
}
