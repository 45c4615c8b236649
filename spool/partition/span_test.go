package partition

import (
	"slices"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/template"
)

func TestSpanOfAPathFollowsItsZone(t *testing.T) {
	at := time.Date(2025, 11, 2, 5, 40, 0, 0, time.UTC) // 01:40 EDT, the first of two 01s
	for _, c := range []struct{ path, zone, start, end string }{
		{`${strftime("%F-%H")}`, "UTC", "2025-11-02T05:00:00Z", "2025-11-02T06:00:00Z"},
		{`${strftime("%F-%H")}`, "America/New_York", "2025-11-02T05:00:00Z", "2025-11-02T07:00:00Z"},
		{`${strftime("%F-%H")}`, "Asia/Kolkata", "2025-11-02T05:30:00Z", "2025-11-02T06:30:00Z"},
		{`${strftime("%F")}`, "America/New_York", "2025-11-02T04:00:00Z", "2025-11-03T05:00:00Z"},
		{`${strftime("%F-%H-%M")}`, "UTC", "2025-11-02T05:40:00Z", "2025-11-02T05:41:00Z"},
		{`${strftime("%Y")}/${strftime("%m")}`, "UTC", "2025-11-01T00:00:00Z", "2025-12-01T00:00:00Z"},
	} {
		p := mustNew(
			t, func(cfg *Config) { cfg.Path, cfg.Timezone = template.MustParse(c.path), c.zone },
			nil,
		)
		start, end, ok := p.Span(at)
		if !ok || start.Format(time.RFC3339) != c.start || end.Format(time.RFC3339) != c.end {
			t.Errorf(
				"%s in %s: %v to %v, want %s to %s", c.path, c.zone, start, end, c.start, c.end,
			)
		}
	}
	p := mustNew(t, func(cfg *Config) { cfg.Path = template.MustParse("x") }, nil)
	if _, _, ok := p.Span(at); ok {
		t.Error("a path without time has a span")
	}
}

func TestMatchFindsThePathsOfATime(t *testing.T) {
	p := mustNew(t, func(cfg *Config) {
		cfg.Path = template.MustParse(
			`${topic}/app=${field.app}/dt=${strftime("%F")}/hr=${strftime("%H")}`,
		)
	}, nil)
	prefix, re := p.Match("a.b", time.Date(2025, 1, 2, 3, 0, 0, 0, time.UTC))
	if prefix != "a.b/app=" || !re.MatchString("a.b/app=x%2Fy/dt=2025-01-02/hr=03") ||
		re.MatchString("a.b/app=x/dt=2025-01-02/hr=04") ||
		re.MatchString("aab/app=x/dt=2025-01-02/hr=03") {
		t.Errorf("%q %v", prefix, re)
	}
	names, values := Values("a.b/app=x%2Fy%3D/dt=2025-01-02/hr=03")
	if !slices.Equal(names, []string{"app", "dt", "hr"}) ||
		!slices.Equal(values, []string{"x/y=", "2025-01-02", "03"}) {
		t.Errorf("%q %q", names, values)
	}
}
