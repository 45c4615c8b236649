package tally

import "testing"

// A difference is one line without gaps, whether or not its pipeline is named.
func TestADifferenceIsNamedWithAndWithoutItsPipeline(t *testing.T) {
	d := Difference{Output: "output.x", Missing: 3, After: "read", Before: "buffered", Origin: "/a"}
	for pipeline, want := range map[string]string{
		"":    "0001-01-01 00:00 output.x: 3 missing between read and buffered, of /a",
		"app": "0001-01-01 00:00 app output.x: 3 missing between read and buffered, of /a",
	} {
		d.Pipeline = pipeline
		if got := d.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
