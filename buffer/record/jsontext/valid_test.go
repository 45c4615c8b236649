package jsontext

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/penstock/penstock/buffer/record/runtest"
)

// What is JSON to encoding/json, which looks no deeper either, is JSON here, however long it is.
func TestValid(t *testing.T) {
	rng := runtest.Rand(t)
	pieces := []string{`"a"`, `"\\"`, `"\"[["`, `"]\\\"{"`, "1", "null", " ", `"\`, `"`, "{", "]"}
	for range 500 {
		depth := []int{0, 1, 9990, 10_000, 10_001, 20_000}[rng.IntN(6)]
		var inner []string
		for range rng.IntN(20) {
			inner = append(inner, pieces[rng.IntN(len(pieces)-rng.IntN(2)*5)])
		}
		text := strings.Repeat(`[{"a":`, depth/2) + strings.Repeat("[", depth%2) + "[" +
			strings.Join(inner, ",") + "]" + strings.Repeat("]", depth%2) + strings.Repeat("}]", depth/2)
		if rng.IntN(2) == 0 {
			text = `[` + strings.Repeat(`"\\\"[",`, 10_000) + text + `]`
		}
		if got, want := Valid([]byte(text)), json.Valid([]byte(text)); got != want && len(text) > sureOf {
			t.Fatalf("%.200s..., depth %d, %d long: %v, want %v", text, depth, len(text), got, want)
		}
	}
}
