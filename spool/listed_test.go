package spool

import (
	"errors"
	"testing"
)

func TestNamesThatDoNotAscendAreAnError(t *testing.T) {
	t.Parallel()
	l := Listed{Prefix: "p/"}
	for name, want := range map[string]string{"p/": "", "p/a/": "", "p/a": "a"} {
		if key, ok, err := l.Key(name); key != want || ok != (want != "") || err != nil {
			t.Errorf("%q: %q, %v, %v", name, key, ok, err)
		}
	}
	for _, name := range []string{"p/a", "p/Z"} {
		if _, ok, err := l.Key(name); ok || !errors.Is(err, ErrRefused) {
			t.Errorf("%q after \"a\": %v, %v; want a refusal", name, ok, err)
		}
	}
}
