package tail

import (
	"os"
	"testing"
)

// That nothing matches is known once it was looked for, and not before.
func TestFollowingTellsWhenNothingMatches(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.start()
	r.eventually("it was looked for", func() bool { _, ok := r.tail.Following(); return ok })
	if f, _ := r.tail.Following(); f.Files != 0 {
		t.Errorf("%+v", f)
	}
	if err := os.WriteFile(r.path("a.log"), []byte("1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r.eventually(
		"the file is followed", func() bool { f, _ := r.tail.Following(); return f.Files == 1 },
	)
	r.wants("1")
	r.halt()
}
