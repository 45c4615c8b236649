package timepattern_test

import (
	"testing"

	"github.com/penstock/penstock/agent/convert/timepattern"
)

func TestPatternsOfOthersAreRead(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string]string{
		"%+":                     "iso8601",
		"%iso8601":               "iso8601",
		"%Y-%m-%dT%H:%M:%S%.3f":  "%Y-%m-%dT%H:%M:%S.%f",
		"%Y-%m-%d %H:%M:%S.%3f":  "%Y-%m-%d %H:%M:%S.%f",
		"%F %T.%9N %:z":          "%F %T.%f %z",
		"%Y-%m-%dT%H:%M:%S.%L%z": "%Y-%m-%dT%H:%M:%S.%L%z",
		"%-d.%-m.%Y %X":          "%d.%m.%Y %H:%M:%S",
		"epoch_s":                "epoch_s",
		"%Q":                     "",
		"no time":                "",
	} {
		got, err := timepattern.Read(pattern)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v; want %q", pattern, got, err, want)
		}
	}
}

func TestPatternsOfOthersAreWritten(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string]string{
		"%Y/%m/%d": "%Y/%m/%d", "%F": "%F", "%-H": "%H", "%+": "%Y-%m-%dT%H:%M:%S%z", "%E": "",
	} {
		if got, err := timepattern.Write(pattern); got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v; want %q", pattern, got, err, want)
		}
	}
}
