package tail

import (
	"os"
	"path/filepath"
	"testing"
)

func (r *rig) mkdir(name string) {
	r.t.Helper()
	if err := os.MkdirAll(r.path(name), 0o755); err != nil {
		r.t.Fatal(err)
	}
}

// link makes a symbolic link, or leads one elsewhere at once, as ln -sfn and the switch of a
// release do.
func (r *rig) link(to, name string) {
	r.t.Helper()
	tmp := r.path(name + ".new")
	if err := os.Symlink(to, tmp); err != nil {
		r.t.Fatal(err)
	}
	if err := os.Rename(tmp, r.path(name)); err != nil {
		r.t.Fatal(err)
	}
}

// fluent-bit#1777 and every node of Kubernetes: what containers/x.log leads to is rotated where it
// is.
func TestFluentBit1777_RotatedBehindALinkWhileDown(t *testing.T) {
	t.Parallel()
	for name, links := range map[string][][2]string{
		"one link":    {{"../pods/0.log", "containers/x.log"}},
		"three links": {{"../docker/0-json.log", "pods/0.log"}, {"../pods/0.log", "containers/y.log"}, {"y.log", "containers/x.log"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, nil)
			r.cfg.Paths = []string{r.path("containers/x.log")}
			for _, dir := range []string{"pods", "containers", "docker"} {
				r.mkdir(dir)
			}
			for _, l := range links {
				r.link(l[0], l[1])
			}
			real, err := os.Readlink(r.path(links[0][1]))
			if err != nil {
				t.Fatal(err)
			}
			real = filepath.Join(filepath.Dir(links[0][1]), real)
			r.write(real, "1\n")
			r.start()
			r.wants("1")
			r.halt()
			r.write(real, "2\n")
			r.rename(real, real+".20261128-010101")
			r.write(real, "3\n")
			r.start()
			r.wants("1", "2", "3")
			r.wantsOneSource("containers/x.log")
			r.write(real, "4\n")
			r.rename(real, real+".20261128-020202")
			r.write(real, "5\n")
			r.wants("1", "2", "3", "4", "5")
			r.wantsNoMore(quiet, "1", "2", "3", "4", "5")
		})
	}
}

// A file that was closed, since nothing came, and is rotated behind its link with something new in
// it.
func TestRotatedBehindALinkWhileClosed(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.CloseInactive = 20 * 1e6 })
	r.cfg.Paths = []string{r.path("containers/*.log")}
	r.mkdir("pods")
	r.mkdir("containers")
	r.link("../pods/0.log", "containers/x.log")
	r.write("pods/0.log", "1\n")
	r.start()
	r.wants("1")
	r.eventually("the file is closed", func() bool { return r.tail.Status()[0].Open == false })
	r.halt()
	r.write("pods/0.log", "2\n")
	r.rename("pods/0.log", "pods/0.log.20261128-010101")
	r.write("pods/0.log", "3\n")
	r.start()
	r.wants("1", "2", "3")
}

// A release is switched while nobody looks: the rest of the old one's log is read, and then the new
// one's.
func TestDirectoryLinkSwitched(t *testing.T) {
	t.Parallel()
	for _, down := range []bool{true, false} {
		r := newRig(t, nil)
		r.cfg.Paths = []string{r.path("current/log/*.log")}
		r.mkdir("releases/42/log")
		r.mkdir("releases/43/log")
		r.link("releases/42", "current")
		r.write("releases/42/log/app.log", "1\n")
		r.start()
		r.wants("1")
		if down {
			r.halt()
		}
		r.write("releases/42/log/app.log", "2\n")
		r.write("releases/43/log/app.log", "3\n")
		r.link("releases/43", "current")
		if down {
			r.start()
		}
		r.wants("1", "2", "3")
		r.write("releases/42/log/app.log", "")
		r.write("releases/43/log/app.log", "4\n")
		r.wants("1", "2", "3", "4")
		r.wantsNoMore(quiet, "1", "2", "3", "4")
		r.wantsOneSource("current/log/app.log")
	}
}

// The copy that copytruncate makes lies beside the file and not beside the link.
func TestCopyTruncateBehindALinkWhileDown(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.cfg.Paths = []string{r.path("containers/*.log")}
	r.mkdir("pods")
	r.mkdir("containers")
	r.link("../pods/0.log", "containers/x.log")
	r.write("pods/0.log", "1\n")
	r.start()
	r.wants("1")
	r.halt()
	r.write("pods/0.log", "2\n")
	r.copyTruncate("pods/0.log", "pods/0.log.1")
	r.write("pods/0.log", "3\n")
	r.start()
	r.wants("1", "2", "3")
	r.wantsNoMore(quiet, "1", "2", "3")
}
