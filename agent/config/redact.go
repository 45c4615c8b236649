package config

import (
	"net/url"
	"regexp"
	"strings"
)

// RedactURLs masks what may be secret in the URLs of a text: user and password, and the values of
// the query and the fragment. What a URL names, and the names of its parameters, stay.
func RedactURLs(text string) string {
	spans := urlSecrets(text)
	if spans == nil {
		return text
	}
	var b strings.Builder
	at := 0
	for _, s := range spans {
		b.WriteString(text[at:s[0]])
		b.WriteString("***")
		at = s[1]
	}
	b.WriteString(text[at:])
	return b.String()
}

// urlSecrets returns the places, in order, of what RedactURLs masks.
func urlSecrets(text string) [][2]int { return secretsOfURLs(text, urlLength) }

// secretsOfURLs is urlSecrets where length tells how far the URL reaches at the beginning of a
// text, behind its scheme.
func secretsOfURLs(text string, length func(text string) int) (spans [][2]int) {
	for at := 0; ; {
		i := strings.Index(text[at:], "://")
		if i < 0 {
			return spans
		}
		begin := at + i + len("://")
		end := begin + length(text[begin:])
		authority := begin + strings.IndexAny(text[begin:end]+"/", "/?#")
		if user := strings.LastIndexByte(text[begin:authority], '@'); user > 0 {
			spans = append(spans, [2]int{begin, begin + user})
		}
		if q := strings.IndexAny(text[authority:end], "?#"); q >= 0 {
			spans = append(spans, parameterSecrets(text, authority+q+1, end)...)
		}
		at = end
	}
}

// urlLength returns how far a URL reaches in the text of a log line, a message or a configuration.
func urlLength(text string) int {
	if i := strings.IndexAny(text, " \t\r\n\"'`<>\\"); i >= 0 {
		return i
	}
	return len(text)
}

// parameterSecrets returns the values in a query: all of a parameter that has no name.
func parameterSecrets(text string, at, end int) (spans [][2]int) {
	for at < end {
		next := end
		if i := strings.IndexAny(text[at:end], "&;#"); i >= 0 {
			next = at + i
		}
		value := at
		if i := strings.IndexByte(text[at:next], '='); i >= 0 {
			value += i + 1
		}
		if value < next {
			spans = append(spans, [2]int{value, next})
		}
		at = next + 1
	}
	return spans
}

// secretName tells parameters whose values are secret wherever they stand.
var secretName = regexp.MustCompile(
	`(?i)(^|[_.-])(api_?key|key|token|secret|password|passwd|pwd|auth|sig|signature|credential)s?$`,
)

// embeddedSecrets returns what is secret in a value that is a URL, for whoever quotes it without
// the URL.
func embeddedSecrets(value string) (out []string) {
	u, err := url.Parse(value)
	if err != nil || u.Host == "" {
		return nil
	}
	if password, ok := u.User.Password(); ok {
		out = append(out, password)
	}
	for name, values := range u.Query() {
		if secretName.MatchString(name) {
			out = append(out, values...)
		}
	}
	return out
}
