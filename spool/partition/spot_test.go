package partition

import (
	"strings"
	"testing"

	"github.com/penstock/penstock/buffer/record/runtest"
)

// Of values that resemble each other, down to one byte, a field is found that findText finds, and
// no other.
func TestSpotsAreWhereTheFieldIs(t *testing.T) {
	rng := runtest.Rand(t)
	const bytes = `abcxyz0129 ,:{}[]"\'tfn-.` + "\n\x00\x7fü"
	names := []string{"ts", "t", "u", "ts2", "ü"}
	again := 0
	for range 3_000 {
		spots := map[string]*spot{"ts": {}, "u": {}}
		var b strings.Builder
		b.WriteString("{")
		for i := range 1 + rng.IntN(6) {
			if i > 0 {
				b.WriteString([]string{",", ", ", " ,\n"}[rng.IntN(3)])
			}
			b.WriteString(`"` + names[rng.IntN(len(names))] + []string{`":`, `" : `}[rng.IntN(2)])
			switch rng.IntN(6) {
			case 0:
				b.WriteString([]string{"12", "-1.5", "true", "null", "{}", `{"u":"in"}`}[rng.IntN(6)])
			default:
				b.WriteString(`"` + strings.Repeat("y", rng.IntN(40)) + `"`)
			}
		}
		b.WriteString("}")
		for range 40 {
			value := []byte(b.String())
			for range rng.IntN(4) { // most are as before, but for their texts
				i := rng.IntN(len(value))
				if value[i] == 'y' || rng.IntN(3) == 0 {
					value[i] = bytes[rng.IntN(len(bytes))]
				}
			}
			for name, s := range spots {
				if s.isAgain(value) {
					again++
				}
				want, wantSure := findText(value, name)
				got, sure := s.find(value, name)
				if string(got) != string(want) || (got == nil) != (want == nil) || sure != wantSure {
					t.Fatalf(
						"%s in %q is %q, sure %v, after others; findText: %q, %v", name, value, got, sure,
						want, wantSure,
					)
				}
			}
		}
	}
	if again < 20_000 {
		t.Errorf("found again %d times", again)
	}
}

// Where values are of two kinds in turn, both are found, and neither is learned for each record.
func TestSpotsOfValuesInTurn(t *testing.T) {
	var s spot
	learned := 0
	for i := range 10_000 {
		was := s.at
		value := []string{`{"u":"1"}`, `{"level":"info","u":"2"}`, `{"n":1,"u":"3"}`}[i%3]
		if got, sure := s.find([]byte(value), "u"); !sure || string(got) != string(value[len(value)-3]) {
			t.Fatalf("%s: %q", value, got)
		}
		if s.at != was {
			learned++
		}
	}
	if learned > 5_000 {
		t.Errorf("learned %d times", learned)
	}
}
