package tail

import "testing"

func TestInputsThatMayReadTheSameFiles(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		a, b, exclude string
		want          bool
	}{
		{a: "/var/log/*.log", b: "/var/log/app.log", want: true},
		{a: "/var/log/app.log", b: "/var/log/*.log", want: true},
		{a: "/var/log/*.log", b: "/var/log/*.txt"},
		{a: "/var/log/app-*.log", b: "/var/log/web-*.log"},
		{a: "/var/log/app*", b: "/var/log/app-1*.log", want: true},
		{a: "/var/**/*.log", b: "/var/log/a/b/*", want: true},
		{a: "/var/log/*/a.log", b: "/var/**", want: true},
		{a: "/var/log/*", b: "/var/log/*/*"},
		{a: "/srv/**", b: "/var/**/*.log"},
		{a: "/var/log/{a,b}.log", b: "/var/log/b.*", want: true},
		{a: "/var/spool/*", b: "/var/**", exclude: "/var/spool/*"},
		{a: "/var/spool/*", b: "/var/**", exclude: "/var/spool/**"},
	} {
		a, b := Default(), Default()
		a.Paths, b.Paths = []string{test.a}, []string{test.b}
		if test.exclude != "" {
			b.Exclude = []string{test.exclude}
		}
		if got := a.ReadsWith(&b); (got != "") != test.want {
			t.Errorf("%s and %s: %q", test.a, test.b, got)
		}
	}
	if c := Default(); c.ReadsWith(3) != "" {
		t.Error("reads with what is no tail")
	}
}
