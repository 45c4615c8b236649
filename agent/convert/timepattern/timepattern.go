package timepattern

import (
	"fmt"
	"regexp"
	"time"

	"github.com/penstock/penstock/buffer/record/timefmt"
)

// one is a conversion: flags, a width, and what it is of.
var one = regexp.MustCompile(`%([-_0^#:.]*)(\d*)(iso8601|[A-Za-z+%])`)

// same are conversions that are called otherwise, or are several.
var same = map[string]string{
	"+": "%Y-%m-%dT%H:%M:%S%z", "iso8601": "%Y-%m-%dT%H:%M:%S%z", "c": "%a %b %e %H:%M:%S %Y",
	"X": "%H:%M:%S", "x": "%m/%d/%y", "r": "%I:%M:%S %p", "v": "%e-%b-%Y", "P": "%p", "N": "%f",
	"%": "%%",
}

// Write returns a pattern by which times are written.
func Write(pattern string) (string, error) {
	out := translate(pattern)
	if _, err := timefmt.Compile(out); err != nil {
		return "", err
	}
	return out, nil
}

// Read returns a format of filter "time" that reads what a pattern reads.
func Read(pattern string) (string, error) {
	out := translate(pattern)
	if pattern == "%+" || pattern == "%iso8601" {
		out = "iso8601"
	}
	if _, err := timefmt.New(out, time.UTC); err != nil {
		return "", fmt.Errorf("%w; write formats", err)
	}
	return out, nil
}

func translate(pattern string) string {
	return one.ReplaceAllStringFunc(pattern, func(s string) string {
		m := one.FindStringSubmatch(s)
		flags, width, c := m[1], m[2], m[3]
		switch {
		case c == "f" && flags == ".": // Rust's, with the point
			return ".%f"
		case c == "N" && width == "3":
			return "%L"
		case same[c] != "":
			return same[c]
		}
		return "%" + c
	})
}
