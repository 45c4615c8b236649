package tail

import (
	"testing"
	"time"
)

func TestReadAppendResume(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.write("a.log", "1\n2\n")
	r.start()
	r.wants("1", "2")
	r.write("a.log", "3\nhal")
	r.wants("1", "2", "3")
	r.halt()
	r.write("a.log", "f\n5\n")
	r.start()
	r.wants("1", "2", "3", "half", "5")
	rec := r.sink.Records()
	if rec[0].Tag != "app" || rec[0].Origin != "agent-1:"+r.path("a.log") {
		t.Errorf("tag %q, origin %q", rec[0].Tag, rec[0].Origin)
	}
	if d := time.Since(rec[4].When()); d < 0 || d > time.Minute {
		t.Errorf("time %v", rec[4].When())
	}
}

func TestRotateByRename(t *testing.T) {
	t.Parallel()
	for _, glob := range []string{"app.log", "app.log*"} {
		t.Run(glob, func(t *testing.T) {
			r := newRig(t, nil)
			r.cfg.Paths = []string{r.path(glob)}
			r.write("app.log", "1\n2\n")
			r.start()
			r.wants("1", "2")
			r.write("app.log", "3\n")
			r.rename("app.log", "app.log.1")
			r.write("app.log", "4\n")
			r.wants("1", "2", "3", "4")
			r.write("app.log.1", "late\n")
			r.wants("1", "2", "3", "4", "late")
			r.write("app.log", "5\n")
			r.wants("1", "2", "3", "4", "late", "5")
			r.halt()
			r.start()
			r.wantsNoMore(500*time.Millisecond, "1", "2", "3", "4", "late", "5")
			for _, rec := range r.sink.Records() {
				if rec.Origin != "agent-1:"+r.path("app.log") {
					t.Errorf("origin %q of %q", rec.Origin, rec.Value)
				}
			}
		})
	}
}

func TestRotateWhileDown(t *testing.T) {
	t.Parallel()
	for _, glob := range []string{"app.log", "app.log*"} {
		t.Run(glob, func(t *testing.T) {
			r := newRig(t, nil)
			r.cfg.Paths = []string{r.path(glob)}
			r.write("app.log", "1\n2\n")
			r.start()
			r.wants("1", "2")
			r.halt()
			r.write("app.log", "3\n4")
			r.rename("app.log", "app.log.1")
			r.write("app.log", "5\n")
			r.start()
			r.wants("1", "2", "3", "4", "5")
			r.wantsNoMore(500*time.Millisecond, "1", "2", "3", "4", "5")
		})
	}
}
