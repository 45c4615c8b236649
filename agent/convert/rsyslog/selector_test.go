package rsyslog

import "testing"

func TestSelectors(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"*.*":                  "",
		"*.debug":              "",
		"*.none":               "false",
		"mail.*":               "f == 'mail'",
		"auth,authpriv.*":      "f in ['auth', 'authpriv']",
		"*.*;auth.none":        "not (f == 'auth')",
		"kern.=warn":           "f == 'kern' and s == 'warning'",
		"cron.err;cron.!alert": "f == 'cron' and s in ['crit', 'err']",
		"*.emerg":              "s == 'emerg'",
		"*.crit;mail.=info": "not (f == 'mail') and s in ['emerg', 'alert', 'crit'] or " +
			"f == 'mail' and s in ['emerg', 'alert', 'crit', 'info']",
	} {
		s, err := selected(text)
		if got := s.condition("f", "s", false); err != nil || got != want {
			t.Errorf("%s is %s, not %s (%v)", text, got, want, err)
		}
	}
	for _, text := range []string{"mine.*", "mail.much", "mail", "*.*,x"} {
		if _, err := selected(text); err == nil {
			t.Errorf("%s is a selector", text)
		}
	}
}

func TestBasicRegularExpressions(t *testing.T) {
	t.Parallel()
	for re, want := range map[string]string{
		`^a+(b)$`:       `^a\+\(b\)$`,
		`\(a\|b\)\{2\}`: `(a|b){2}`,
		`[+?(]x?`:       `[+?(]x\?`,
		`[]a]\.`:        `[]a]\.`,
	} {
		if got := basic(re); got != want {
			t.Errorf("%s is %s, not %s", re, got, want)
		}
	}
}
