package tail

import (
	"os"
	"path/filepath"
	"testing"
)

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

func TestInputsThatReadTheSameFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"app-1.log", "app-2.log", "web.log"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct{ a, b, excludeA, excludeB, want string }{
		{a: "*.log", b: "app*", want: "app-1.log"},
		{a: "web.log", b: "*", want: "web.log"},
		{a: "{web,app}*.log", b: "**/*2.log", want: "app-2.log"},
		{a: "none/*.log", b: "none/*.log", want: "none/*.log"}, // whatever comes
		{a: "none/*.log", b: "none/app*"},
		{a: "app*.log", b: "web*.log"},
		{a: "*.log", b: "app*", excludeA: "app*"},
		{a: "*.log", b: "*.log", excludeA: "app*", want: "web.log"},
		{a: "*.log", b: "*.log", excludeA: "app*", excludeB: "web*"},
		{a: "*.log", b: "*.log", excludeA: "web*", excludeB: "web*", want: "*.log"},
	} {
		a, b := Default(), Default()
		in := func(name string) []string {
			if name == "" {
				return nil
			}
			return []string{filepath.Join(dir, name)}
		}
		a.Paths, b.Paths = in(test.a), in(test.b)
		a.Exclude, b.Exclude = in(test.excludeA), in(test.excludeB)
		got := a.ReadsToo(&b)
		if rel, err := filepath.Rel(dir, got); err == nil {
			got = rel
		}
		if got != test.want {
			t.Errorf("%+v: got %q", test, got)
		}
	}
	if c := Default(); c.ReadsToo(3) != "" {
		t.Error("reads the files of what is no tail")
	}
}
