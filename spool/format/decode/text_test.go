package decode

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/penstock/penstock/buffer/record/runtest"
)

// A string is what it was once its JSON is read, its length is foretold, and it ends where it would
// be too long.
func TestTextsAreQuoted(t *testing.T) {
	rng := rand.New(rand.NewPCG(runtest.Seed(t), 1))
	alphabet := []rune("ab \"\\/<>&\n\r\t\b\f\x00\x01\x1f\x7f\u00e9\u2028\U0001F600")
	for range 20_000 {
		text := make([]rune, rng.IntN(12))
		for i := range text {
			text[i] = alphabet[rng.IntN(len(alphabet))]
		}
		want := string(text)
		out, err := appendText([]byte("x"), []byte(want), 1000)
		if err != nil {
			t.Fatal(err)
		}
		var got string
		if err := json.Unmarshal(out[1:], &got); err != nil || got != want {
			t.Fatalf("%q became %s, which is %q (%v)", want, out[1:], got, err)
		}
		if n := quotedSize([]byte(want)); n != len(out)-1 {
			t.Fatalf("%s has %d bytes, foretold were %d", out[1:], len(out)-1, n)
		}
		if _, err := appendText([]byte("x"), []byte(want), len(out)); err != nil {
			t.Fatalf("%q with just enough room: %v", want, err)
		}
		if _, err := appendText([]byte("x"), []byte(want), len(out)-1); !errors.Is(err, errLong) {
			t.Fatalf("%q with too little room: %v", want, err)
		}
	}
	if _, err := appendText(nil, []byte("\xff"), 1000); !errors.Is(err, errText) {
		t.Errorf("what is no UTF-8: %v", err)
	}
}
