package timepattern

import (
	"regexp"
	"strings"
)

var wholeHours = regexp.MustCompile(`^([+-])0?(\d\d?):?00$`)

// Zone returns the name of a time zone, also of one that is told by its hours, or "".
func Zone(v string) string {
	if strings.Contains(v, "/") || v == "UTC" {
		return v
	}
	m := wholeHours.FindStringSubmatch(v)
	switch {
	case m == nil:
		return ""
	case m[2] == "0":
		return "UTC"
	case m[1] == "+": // these names count the other way
		return "Etc/GMT-" + m[2]
	}
	return "Etc/GMT+" + m[2]
}
