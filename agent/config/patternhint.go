package config

import (
	"regexp"
	"strings"
)

// badPattern finds what regexp says of a pattern that it does not take.
var badPattern = regexp.MustCompile("error parsing regexp: [^`]*`([^`]*)`")

var backReference = regexp.MustCompile(`^\\[1-9kg]`)

// hintForPattern says what to write in place of what regular expressions of other tools have, or
// is "".
func hintForPattern(summary string) string {
	m := badPattern.FindStringSubmatch(summary)
	if m == nil {
		return ""
	}
	const none = "Regular expressions are RE2's, which have no "
	switch part := m[1]; {
	case strings.HasPrefix(part, "(?=") || strings.HasPrefix(part, "(?<="):
		return none + "lookahead and lookbehind. Match what stands\n" +
			"there as well, and put it, or what is meant, into a group: (?P<name>...)."
	case strings.HasPrefix(part, "(?!") || strings.HasPrefix(part, "(?<!"):
		return none + "lookahead and lookbehind. What must not be there\n" +
			"is [^x] if it is one character; else leave it out, and say so in a condition:\n" +
			"\"not (field.message matches '...')\", or exclude of filter \"grep\"."
	case strings.HasPrefix(part, "(?>"):
		return none + "atomic groups, and need none, as they never go\nback: write (?: for (?>."
	case strings.HasSuffix(part, "+") && strings.Contains(summary, "nested repetition"):
		return none + "possessive repetitions, and need none, as they\nnever go back: leave out the second +."
	case backReference.MatchString(part):
		return none + "backreferences. Write out what may stand there, as in\n(?:'[^']*'|\"[^\"]*\")."
	case part == `\Z`:
		return `Write \z for the end of the text.`
	case part == `\h`:
		return none + `\h: write [ \t] for a space or a tab, [0-9A-Fa-f] for a hexadecimal digit.`
	case part == `\R`:
		return none + `\R: write \r?\n.`
	}
	return ""
}
