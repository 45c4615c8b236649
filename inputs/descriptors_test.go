package inputs

import (
	"os"
	"testing"
	"time"
)

// Inputs hold half of what the process may open, and less when others need more than the other
// half; a shortage is remembered for a while.
func TestDescriptorsAreShared(t *testing.T) {
	limit, others := 1000, 100
	now := time.Now()
	var d *Descriptors
	d = DescriptorsOf(func() int { return limit }, func(int) int { return others + d.held })
	d.now = func() time.Time { return now }
	held := 0
	for d.Excess() < 0 {
		d.Take()
		held++
	}
	if held != 500 {
		t.Errorf("held %d", held)
	}
	want := func(what string, most int) {
		t.Helper()
		now = now.Add(lookEvery)
		if got := d.Most(); got != most {
			t.Errorf("%s: %d, want %d", what, got, most)
		}
	}
	others = 450 // an eighth is to stay free
	want("others need more", 1000-450-125)
	if d.Excess() != 75 {
		t.Errorf("excess %d", d.Excess())
	}
	others = 1000
	want("others need everything", fewest)
	others = 100
	want("others are content", 500)
	limit = 400 // lowered while it runs
	want("a lower limit", 200)
	limit = 1000
	want("the old limit", 500)
	d.Short()
	want("none was left", 375)
	now = now.Add(tightFor)
	want("later", 500)
}

func TestOpenFilesAreCounted(t *testing.T) {
	before := openFiles(countable)
	for range 10 {
		f, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
	}
	if n := openFiles(countable) - before; n != 10 {
		t.Errorf("counted %d more", n)
	}
	if openFiles(countable+1) != 0 {
		t.Error("more are counted than is worth it")
	}
}
