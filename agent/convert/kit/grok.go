package kit

import "regexp"

// groks are patterns of Grok that lines of events begin with, as regular expressions.
var groks = map[string]string{
	"YEAR": `\d{4}`, "MONTHNUM": `(?:0?[1-9]|1[0-2])`, "MONTHDAY": `(?:0[1-9]|[12]\d|3[01]|[1-9])`,
	"HOUR": `(?:2[0-3]|[01]?\d)`, "MINUTE": `[0-5]\d`, "SECOND": `(?:[0-5]?\d|60)(?:[:.,]\d+)?`,
	"TIME":              `(?:2[0-3]|[01]?\d):[0-5]\d(?::(?:[0-5]?\d|60)(?:[:.,]\d+)?)?`,
	"TIMESTAMP_ISO8601": `\d{4}-\d{2}-\d{2}[T ]\d{2}:?\d{2}(?::?\d{2}(?:[:.,]\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?`,
	"SYSLOGTIMESTAMP":   `[A-Z][a-z]{2} +\d{1,2} \d{2}:\d{2}:\d{2}`,
	"INT":               `[+-]?\d+`, "NUMBER": `[+-]?\d+(?:\.\d+)?`, "WORD": `\b\w+\b`,
	"NOTSPACE": `\S+`, "SPACE": `\s*`, "DATA": `.*?`, "GREEDYDATA": `.*`,
	"LOGLEVEL": `(?i:trace|debug|notice|info(?:rmation)?|warn(?:ing)?|err(?:or)?|crit(?:ical)?|fatal|severe|emerg(?:ency)?|alert)`,
	"IP":       `[\d.]+|[\da-fA-F:]+`, "MONTH": `[A-Z][a-z]{2,8}`,
}

var grokName = regexp.MustCompile(`%\{(\w+)(?::[^}]*)?\}`)

// Grokless writes out the patterns of Grok in a regular expression, as far as they are known.
func Grokless(pattern string) string {
	return grokName.ReplaceAllStringFunc(pattern, func(s string) string {
		if re := groks[grokName.FindStringSubmatch(s)[1]]; re != "" {
			return "(?:" + re + ")"
		}
		return s
	})
}
