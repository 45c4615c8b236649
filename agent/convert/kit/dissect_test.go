package kit_test

import (
	"regexp"
	"slices"
	"testing"

	"github.com/penstock/penstock/agent/convert/kit"
)

func TestTokenizersTakeTextsOfSeveralLines(t *testing.T) {
	t.Parallel()
	out, ok := kit.Dissect("[%{level}] %{first} - %{rest}")
	if !ok {
		t.Fatal("it is not known")
	}
	m := regexp.MustCompile(out.Pattern).FindStringSubmatch("[E] a\nb - c\n\tat d\n")
	if want := []string{"E", "a\nb", "c\n\tat d\n"}; m == nil || !slices.Equal(m[1:], want) {
		t.Errorf("%q takes %q, not %q", out.Pattern, m, want)
	}
	if _, ok := kit.Dissect(""); ok {
		t.Error("an empty tokenizer is one")
	}
}
