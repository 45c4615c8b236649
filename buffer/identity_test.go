package buffer

import (
	"os"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/tally"
)

// The books have an identity as long as there are the books: over a start and a kill, and not when
// the directory was removed.
func TestBooksHaveTheIdentityOfTheirBuffer(t *testing.T) {
	dir := t.TempDir() + "/b"
	books := func() tally.Books {
		t.Helper()
		b := open(t, dir, Options{})
		defer b.Close()
		return b.Books()
	}
	before := time.Now().Truncate(time.Millisecond)
	first := books()
	if first.ID == "" || first.Began.Before(before) || first.Began.After(time.Now()) {
		t.Fatal(first.ID, first.Began, before)
	}
	stopped, _ := audited(t, dir)
	for _, b := range []tally.Books{books(), stopped} {
		if b.ID != first.ID || !b.Began.Equal(first.Began) {
			t.Errorf("it was %s of %s, now it is %s of %s", first.ID, first.Began, b.ID, b.Began)
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if second := books(); second.ID == first.ID || !second.Began.After(first.Began) {
		t.Error("another buffer is", second.ID, second.Began)
	}
}

// Of a buffer that a release without identities has begun it is not known since when it counts.
func TestABufferOfAnEarlierReleaseGetsAnIdentity(t *testing.T) {
	dir := t.TempDir()
	old := open(t, dir, Options{noBooks: true})
	if id := old.Books().ID; id != "" {
		t.Fatal(id, "is no test")
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	b := open(t, dir, Options{})
	defer b.Close()
	if books := b.Books(); books.ID == "" || !books.Began.IsZero() {
		t.Error(books.ID, books.Began)
	}
}

// Cursors of one buffer have one identity while it is open, and another once it is opened again.
func TestIdentityOfCursors(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir, Options{})
	c := cursor(t, b, "a")
	first := c.Identity()
	c.Close()
	if again := cursor(t, b, "a").Identity(); again != first {
		t.Error("the cursor that was opened again is taken for one of another buffer")
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if other := cursor(t, open(t, dir, Options{}), "a").Identity(); other == first {
		t.Error("the buffer that was opened again is taken for the one of before")
	}
}
