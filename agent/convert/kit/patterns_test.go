package kit

import "testing"

func TestWholeMatchesNothingAround(t *testing.T) {
	t.Parallel()
	for re, want := range map[string]string{
		"a.*": "^a.*$", "^a$": "^a$", "a|b": "^(?:a|b)$", "(a|b)_c": "^(a|b)_c$", `a\|b`: `^a\|b$`,
		"[|]": "^[|]$", "[]|]": "^[]|]$", `a\$`: `^a\$$`, "^a|b$": "^(?:^a|b$)$", "(?:a|b)|c": "^(?:(?:a|b)|c)$",
	} {
		if got := Whole(re); got != want {
			t.Errorf("%s is %s, not %s", re, got, want)
		}
	}
}
