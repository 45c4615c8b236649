package record

import (
	"fmt"
	"testing"
)

// A copy of a yielded record keeps its headers while the iteration goes on.
func TestHeadersOutliveTheStep(t *testing.T) {
	var bb Builder
	bb.Reset("t", "o", 0)
	for i := range 300 {
		var headers []Header
		for j := range i % 4 {
			headers = append(headers, Header{Key: fmt.Sprint("k", j), Value: []byte(fmt.Sprint(i))})
		}
		bb.Append(int64(i)*1e6, nil, []byte("v"), headers)
	}
	recs, err := bb.Build().Records()
	if err != nil {
		t.Fatal(err)
	}
	var all []Record
	for r := range recs {
		all = append(all, *r)
		_ = append(r.Headers, Header{Key: "a reader's own"})
	}
	for i, r := range all {
		if len(r.Headers) != i%4 {
			t.Fatalf("record %d has %d headers, want %d", i, len(r.Headers), i%4)
		}
		for j, h := range r.Headers {
			if h.Key != fmt.Sprint("k", j) || string(h.Value) != fmt.Sprint(i) {
				t.Fatalf("record %d has header %q = %q", i, h.Key, h.Value)
			}
		}
	}
}
