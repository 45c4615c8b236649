package timepattern_test

import (
	"cmp"
	"testing"
	"time"

	"github.com/penstock/penstock/agent/convert/timepattern"
	"github.com/penstock/penstock/buffer/record/timefmt"
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

// What Go reads by a layout is read as the same time by the formats that it becomes.
func TestLayoutsOfGoAreRead(t *testing.T) {
	t.Parallel()
	at := time.Date(2024, 2, 9, 15, 4, 7, 0, time.UTC)
	fraction := time.Date(2024, 11, 29, 3, 14, 15, 120_000_000, time.UTC)
	for _, c := range []struct {
		layout, by string // by which the time is written
		at         time.Time
	}{
		{layout: "2006-01-02 15:04:05", at: at},
		{"2006-01-02 15:04:05", "2006-01-02 15:04:05.000", fraction},
		{layout: "2006-01-02 15:04:05.000", at: fraction},
		{layout: "2006-01-02 15:04:05,000", at: fraction},
		{layout: "2006-01-02T15:04:05.999999Z07:00", at: fraction},
		{layout: "2006-01-02T15:04:05.999Z07:00", at: at},
		{layout: "Jan 2, 2006 at 3:04:05pm (MST)", at: at},
		{layout: "1/2/06 3:04:05 PM", at: at},
		{layout: "02/Jan/2006:15:04:05 -0700", at: at},
		{layout: "Monday, January _2 15:04:05 2006", at: at},
		{layout: "2006 002 15:04:05", at: at},
		{"ANSIC", time.ANSIC, at},
		{"RFC3339", time.RFC3339Nano, fraction},
		{"RFC850", time.RFC850, at},
	} {
		formats, err := timepattern.ReadGo(c.layout)
		if err != nil {
			t.Errorf("%s: %v", c.layout, err)
			continue
		}
		text := c.at.Format(cmp.Or(c.by, c.layout))
		if _, err := time.Parse(cmp.Or(named[c.layout], c.layout), text); err != nil {
			t.Errorf("Go does not read %s: %v", text, err)
		}
		var got []int64
		for _, format := range formats {
			f, err := timefmt.New(format, time.UTC)
			if err != nil {
				t.Fatal(err)
			}
			if ns, err := f.Text([]byte(text), 0); err == nil {
				got = append(got, ns)
			}
		}
		if len(got) != 1 || got[0] != c.at.UnixNano() {
			t.Errorf("%s: %s by %q is %v", c.layout, text, formats, got)
		}
	}
}

var named = map[string]string{
	"ANSIC": time.ANSIC, "RFC3339": time.RFC3339, "RFC850": time.RFC850,
}
