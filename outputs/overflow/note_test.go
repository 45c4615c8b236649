package overflow

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/penstock/penstock/buffer/record/dataformat"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/outputs/recordline"
)

// What is not to be replayed of one log says nothing about another's objects, whose positions may
// be the same.
func TestSkipsAreOfTheirLog(t *testing.T) {
	const mine, other = "0123456789abcdef", "fedcba9876543210"
	at := func(pos int64) *int64 { return &pos }
	n := Note{Log: mine, Doubt: at(100), DoubtLog: mine}
	n.ResolveDoubt(300)
	if n.Doubt != nil || n.DoubtLog != "" {
		t.Errorf("still in doubt: %+v", n)
	}
	skips := func(key string, pos int64) bool {
		_, _, mark := recordline.ParseObjectName(key)
		skip := n.skips(mark)
		return skip != nil && skip(pos)
	}
	named, digest := recordline.ObjectName(0, 400, mark(mine)), recordline.ObjectName(0, 400, mark(mine))
	digest = strings.TrimSuffix(
		digest, recordline.ObjectSuffix,
	) + "-0a1b2c3d" + recordline.ObjectSuffix
	for _, key := range []string{named, digest} {
		for pos, want := range map[int64]bool{99: false, 100: true, 299: true, 300: false} {
			if got := skips(key, pos); got != want {
				t.Errorf("%s: position %d is skipped: %v", key, pos, got)
			}
		}
	}
	for _, key := range []string{recordline.ObjectName(0, 400, mark(other)), recordline.ObjectName(0, 400, "")} {
		if skips(key, 200) {
			t.Errorf("%s: a position of another log is skipped", key)
		}
	}
	// An earlier release was in doubt, and has moved some of it without naming the log.
	n.Doubt, n.DoubtLog = at(300), ""
	n.ResolveDoubt(320)
	for _, key := range []string{named, recordline.ObjectName(0, 400, "")} {
		if !skips(key, 310) || skips(key, 320) {
			t.Errorf("%s: the doubt of an earlier release is not settled", key)
		}
	}
	if n.Doubt = at(400); n.ResolveDoubt(0) || skips(named, 400) {
		t.Error("a destination that holds nothing of the log has nothing to skip")
	}
}

func TestNoteHasRoomForAllThatItHolds(t *testing.T) {
	long := strings.Repeat("x", 900)
	digest := strings.Repeat("d", 32)
	n := Note{
		Objects: true,
		Base:    long,
		To:      "output.s3.overflow",
		Log:     NewLogID(),
		Held:    true,
		Replay: &replayed{
			Object: long + recordline.ObjectName(math.MaxInt64-1, math.MaxInt64, "01234567"),
			Digest: digest,
			At:     math.MaxInt64,
		},
		Intent: &objectRange{
			First:  math.MaxInt64,
			End:    math.MaxInt64,
			Digest: digest,
			Log:    "01234567",
		},
	}
	n.Void = n.Intent
	forgot := false
	for i := range int64(200) {
		from := math.MaxInt64 - 10*(200-i)
		n.Doubt, n.DoubtLog = &from, n.Log
		forgot = n.ResolveDoubt(from+5) || forgot
		n.Doubt, n.DoubtLog = &from, n.Log
		if got := len(n.String()); got > record.MaxNote {
			t.Fatalf("after %d outages the note has %d bytes", i+1, got)
		}
		n.Doubt, n.DoubtLog = nil, ""
	}
	if !forgot || len(n.Skip) < 15 {
		t.Errorf("%d spans are kept, forgot %v", len(n.Skip), forgot)
	}
	for i := range maxLeft { // no matter how long the names of places are that were left
		n.Left = append(n.Left, place{long, fmt.Sprint("output.s3.", i)})
	}
	text := n.String()
	back, err := ParseNote(text)
	if err != nil || len(text) > record.MaxNote || !slices.Equal(back.Skip, n.Skip) {
		t.Errorf("%d bytes, %v: %.200s", len(text), err, text)
	}
	n.Left = nil
	if last := n.Skip[len(n.Skip)-1]; last.To != math.MaxInt64-5 {
		t.Errorf("the newest is not kept: %+v", last)
	}
	back, err = ParseNote(n.String())
	if err != nil || back.String() != n.String() {
		t.Errorf("%v: %s", err, back.String())
	}
}

// What a later release has noted may be what must not be forgotten.
func TestNoteOfALaterFormatIsRefused(t *testing.T) {
	t.Parallel()
	n := Note{Objects: true}
	if _, err := ParseNote(n.String()); err != nil {
		t.Error(err)
	}
	n.Format = noteFormat + 1
	var newer *dataformat.NewerError
	if _, err := ParseNote(n.String()); !errors.As(err, &newer) {
		t.Errorf("taken: %v", err)
	}
}

// Where records wait into which nobody looks is told, and nowhere else.
func TestStrandedRecordsAreFound(t *testing.T) {
	stored := Note{Objects: true, Base: "overflow/web-1/", To: "output.s3.a"}
	old := Note{Objects: true} // of a release that did not note where
	for _, c := range []struct {
		note Note
		to   string
		want string
	}{
		{stored, "output.s3.a", ""},
		{stored, "output.s3.b", "overflow/web-1/ of output.s3.a"},
		{stored, "", "overflow/web-1/ of output.s3.a"},
		{old, "output.s3.a", ""},
		{old, "", "its overflow"},
		{Note{Base: "overflow/web-1/", To: "output.s3.a"}, "", ""},
		{Note{Left: []place{{"x/", "output.s3.a"}, {"y/", "output.s3.b"}}}, "output.s3.c",
			"x/ of output.s3.a and in y/ of output.s3.b"},
		{Note{Intent: &objectRange{}, Base: "x/", To: "output.s3.a"}, "", "x/ of output.s3.a"},
	} {
		if got := c.note.Stranded(c.to); got != c.want {
			t.Errorf("%+v for %q: %q, want %q", c.note, c.to, got, c.want)
		}
	}
	if got := LeftBehind(stored.String()); got != "overflow/web-1/ of output.s3.a" {
		t.Errorf("%q", got)
	}
	if got := LeftBehind("archive: something"); got != "" {
		t.Errorf("%q", got)
	}
}

// A note remembers each place once, the newest of them, and forgets them when it is told to.
func TestPlacesThatWereLeftAreRememberedAndForgotten(t *testing.T) {
	n := Note{Objects: true, Base: "a/", To: "output.s3.0", Held: true, Log: NewLogID()}
	for i := range 2 * maxLeft {
		to := fmt.Sprintf("output.s3.%d", i%maxLeft+1)
		n.move("a/", to)
		if n.Objects != (i >= maxLeft) { // it was there before
			t.Errorf("in %s: %+v", to, n)
		}
		n.Objects, n.Base, n.To = true, "a/", to
	}
	if len(n.Left) != maxLeft-1 {
		t.Errorf("left are %v", n.Left)
	}
	text, err := Forget(n.String())
	if got, _ := ParseNote(text); err != nil || !got.Held || got.Log != n.Log ||
		LeftBehind(text) != "" {
		t.Errorf("%v %q", err, text)
	}
	if _, err := Forget("another's"); err == nil {
		t.Error("a note that is not ours is forgotten")
	}
}
