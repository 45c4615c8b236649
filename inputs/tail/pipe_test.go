package tail

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

func TestNamedPipe(t *testing.T) {
	r := newRig(t, nil)
	if err := unix.Mkfifo(r.path("in.log"), 0o600); err != nil {
		t.Skip(err)
	}
	r.start()
	w, err := os.OpenFile(r.path("in.log"), os.O_WRONLY, 0) // waits for the tail
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	say := func(s string) {
		if _, err := w.WriteString(s + "\n"); err != nil {
			t.Fatal(err)
		}
		want = append(want, s)
	}
	say("1")
	say("2")
	r.wants(want...)
	_ = w.Close() // the writer is restarted
	if w, err = os.OpenFile(r.path("in.log"), os.O_WRONLY, 0); err != nil {
		t.Fatal(err)
	}
	for i := range 5000 {
		say(fmt.Sprintf("line %d", i))
	}
	r.halt() // what was written before is not lost
	r.wants(want...)
	_ = w.Close()
	r.start()
	if w, err = os.OpenFile(r.path("in.log"), os.O_WRONLY, 0); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.Close() }()
	say("again")
	r.wants(want...)
}
