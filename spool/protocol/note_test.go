package protocol

import (
	"strings"
	"testing"
)

func TestNotesComeBackAsTheyWere(t *testing.T) {
	n := Note{
		Progress{1 << 62, 1 << 62, 1 << 62, 1 << 62},
		&Intent{1 << 62, 1<<62 + 1, "0123456789ab", 1 << 30, 1 << 62, "0123456789abcdef"},
		"0a1b2c3d",
	}
	text := n.Encode()
	got, ok, err := ParseNote(text)
	if err != nil || !ok || *got.Intent != *n.Intent || got.Progress != n.Progress ||
		got.Life != n.Life ||
		len(text) > 500 {
		t.Errorf("%s: %+v %v", text, got, err)
	}
	if !strings.HasPrefix(text, `{"penstock":2,`) {
		t.Errorf("%s: a release that knows no lives would make it good under other names", text)
	}
	for _, n := range []Note{{Progress: Progress{Watermark: 1}, Life: "0a1b2c3d"}, {Intent: n.Intent}} {
		if text := n.Encode(); !strings.HasPrefix(text, `{"penstock":1,`) {
			t.Errorf("%s: an earlier release could go on", text)
		}
	}
	for _, foreign := range []string{"", "consumer-1", `{"a":1}`, "[]", `"x"`} {
		if got, ok, err := ParseNote(foreign); ok || err != nil || got.Intent != nil {
			t.Errorf("%q: %+v %v %v", foreign, got, ok, err)
		}
	}
	if _, _, err := ParseNote(
		`{"penstock":9}`,
	); err == nil ||
		!strings.Contains(err.Error(), "upgrade") {
		t.Errorf("a later version: %v", err)
	}
}

func FuzzParseNote(f *testing.F) {
	f.Add(
		Note{
			Progress: Progress{Watermark: 5},
			Intent:   &Intent{1, 2, "c", 3, 4, "d"},
			Life:     "0a1b2c3d",
		}.Encode(),
	)
	f.Add("not ours")
	f.Fuzz(func(t *testing.T, s string) {
		n, ok, err := ParseNote(s)
		if err != nil || !ok {
			return
		}
		m, err := New(3, s, "c", "", "", true)
		if err != nil {
			return
		}
		if in, redo := m.Redo(); redo &&
			(in.Start != 3 || in.End <= 3 || in.Config != "c" || n.Intent == nil) {
			t.Fatalf("redo of %+v", in)
		}
	})
}
