package timepattern

import (
	"regexp"
	"strings"
)

var (
	wholeHours = regexp.MustCompile(`^([+-])0?(\d\d?):?00$`)
	namesZone  = regexp.MustCompile(`%[zZs]`)
)

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

// Local is what becomes of times that name no zone, where the other tool takes them for local.
const Local = "a time that names no zone is UTC here, and local there: write zone"

// Zoneless reports whether times by some of these patterns name no zone.
func Zoneless(patterns ...string) bool {
	for _, p := range patterns {
		if strings.Contains(p, "%") && !namesZone.MatchString(p) {
			return true
		}
	}
	return false
}
