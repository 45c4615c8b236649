package container

import (
	"fmt"
	"testing"

	"github.com/tidwall/gjson"
)

func TestParseCRI(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"2026-01-02T03:04:05.6Z stdout F a b":     "stdout a b false",
		"2026-01-02T03:04:05.6Z stderr P a":       "stderr a true",
		"2026-01-02T03:04:05.6Z stderr P:more a":  "stderr a true",
		"2026-01-02T03:04:05+01:00 stdout F":      "stdout  false",
		"2026-01-02T03:04:05.6Z stdout F\r":       "stdout  false",
		"2026-01-02T03:04:05.6Z stdout X a":       "",
		"2026-01-02T03:04:05.6Z stdout Fa a":      "",
		"2026-01-02T03:04:05.6Z stdout  a b":      "",
		"2026-01-02T03:04:05.6Z nowhere F a":      "",
		"2026-01-02T03:04:05.6Z":                  "",
		"2026/01/02 03:04:05.666 stdout F a":      "",
		"":                                        "",
		"2026-01-02T03:04:05.6Z stdout":           "",
		"2026-01-02T03:04:05.6Z stdout F:P:x  a ": "stdout  a  false",
	} {
		got := ""
		if l, ok := ParseCRI([]byte(line)); ok {
			got = fmt.Sprintf("%s %s %v", l.Stream, l.Text, l.IsPartial)
		}
		if got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}

func TestParseDocker(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		`{"log":"a\n","stream":"stdout","time":"x"}`: `log=a,false stream="stdout" time="x" `,
		`{"stream":"stderr","log":"a"}`:              `stream="stderr" log=a,true `,
		`{"attrs":{"a":1},"log":""}`:                 `attrs={"a":1} log=,true `,
		`{"log":1}`:                                  "",
		`{"log":"a"`:                                 "",
		`["log"]`:                                    "",
		``:                                           "",
	} {
		got := ""
		ok := ParseDocker([]byte(line), func(text []byte, isPartial bool) {
			got += fmt.Sprintf("log=%s,%v ", text, isPartial)
		}, func(name string, v gjson.Result) { got += name + "=" + v.Raw + " " })
		if !ok {
			got = ""
		}
		if got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}
