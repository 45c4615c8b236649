package flow_test

import (
	"testing"

	"github.com/penstock/penstock/agent/convert/flow"
)

func TestRegularExpressionsOfRuby(t *testing.T) {
	t.Parallel()
	for ruby, want := range map[string]string{
		`/^(?<time>[^ ]*) (?<level>\w+)$/`: `^(?P<time>[^ ]*) (?P<level>\w+)$`,
		`/a.b/mi`:                          `(?si)a.b`,
		`[\.\-_]+`:                         `[\.\-_]+`, // a range otherwise
		`^\d+\-\d+$`:                       `^\d+\-\d+$`,
		`\h{8}`:                            `[0-9a-fA-F]{8}`,
		`[\h-]{36}`:                        `[0-9a-fA-F-]{36}`,
		`\\host`:                           `\\host`, // a backslash
		`[]a]`:                             `[]a]`,
		`[^]a]`:                            `[^]a]`,
		`[[:alpha:]_]+`:                    `[[:alpha:]_]+`,
		`(?m)a.b`:                          `(?s)a.b`, // the point, not the ends of lines
		`(?mi-x:a.b)`:                      ``,
		`(?i:a)`:                           `(?i:a)`,
		`a{,3}`:                            `a{0,3}`,
		`\/var\/log`:                       `/var/log`,
		`a\Z`:                              `a\z`,
		`\H`:                               `[^0-9a-fA-F]`,
		`[\H]`:                             ``,
		`[a-z&&[^b]]`:                      ``,
		`(?<!a)b`:                          ``,
		`(?>a)b`:                           ``,
		`a++`:                              ``,
		`(a)\1`:                            ``,
	} {
		got, err := flow.RE2(ruby)
		if got != want || (err != nil) != (want == "") {
			t.Errorf("%s is %s, not %s (%v)", ruby, got, want, err)
		}
	}
}
