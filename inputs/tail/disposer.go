package tail

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/penstock/penstock/buffer/record/fault"
)

// disposer removes finished files: one goroutine that waits for the file system, so that nothing
// else does.
//
// A writer may come at any time. A lease on the file tells that no program has it open for writing,
// and has each that wants to wait until the lease is given back. Under it the file is compared with
// what was read, and renamed, so that nobody finds it any more. If by then no one has come, and
// what was renamed is the file, nobody ever will: it is deleted, or stays where it was moved. If
// somebody has, it is given its name back, and they write to it where they have found it.
type disposer struct {
	asked chan removal
	ended chan removed
	left  chan []position // of the last run, which may have been killed in the middle
	globs *globs
	cfg   *Config
	sys   *system
	log   *slog.Logger
	notes *fault.ThrottledLog
	count *counts
	step  func(removalStep)
}

// removal is a file to be removed, as it was when it had been read to its end.
type removal struct {
	f          *file
	path       string
	id         ident
	birth      int64
	size       int64
	mtime      int64
	content    fingerprints
	compressed bool // content tells nothing of the bytes in the file
}

// removed tells how a removal went.
type removed struct {
	f    *file
	path string
	err  error // why it was kept
}

// removalStep is how far a removal has come; for tests.
type removalStep uint8

const (
	aboutToLease  removalStep = iota // everything has been decided
	underLease                       // it has been compared with what was read
	aboutToDelete                    // it has been renamed
)

// kept is why a file that is finished is kept.
type kept struct {
	reason string // for the metric
	why    string
	do     string // "" where it is not for anybody to do something
}

func (k *kept) Error() string { return k.why }

var (
	keptChanged = &kept{reason: "changed", why: "it is not what was read any more"}
	keptWriter  = &kept{reason: "writer", why: "a program has it open for writing"}
	keptLink    = &kept{
		"link", "a symbolic link leads to it",
		"name the file itself in paths, or remove both by other means",
	}
	keptUnknown = &kept{
		"unknown", "it cannot be told whether a program writes to it",
		"run the agent as the owner of the files, or with CAP_LEASE, on a local file system",
	}
	keptElsewhere = &kept{
		"device", "move_to is on another file system", "name a directory on the same one",
	}
)

func newDisposer(r *run, g *globs) *disposer {
	t := r.tail
	d := &disposer{
		asked: make(chan removal, 64), ended: make(chan removed, 64),
		left:  make(chan []position, 1),
		globs: g, cfg: &t.cfg, sys: &t.sys, log: t.log, notes: fault.NewThrottledLog(t.log),
		count: t.counts, step: t.removing,
	}
	if d.step == nil {
		d.step = func(removalStep) {}
	}
	return d
}

// done returns the channel of what was done; nil of a nil disposer.
func (d *disposer) done() <-chan removed {
	if d == nil {
		return nil
	}
	return d.ended
}

// leftovers has the disposer look for what the last run was about to delete; all are its positions.
func (d *disposer) leftovers(all []*position) {
	if d == nil || d.cfg.AfterRead != afterReadDelete {
		return
	}
	left := make([]position, len(all))
	for i, p := range all {
		left[i] = *p
	}
	d.left <- left
}

// ask has r removed, and reports whether it will be.
func (d *disposer) ask(r removal) bool {
	select {
	case d.asked <- r:
		return true
	default:
		return false
	}
}

// run works until ctx ends.
func (d *disposer) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case left := <-d.left:
			for i := range left {
				d.deleteLeftover(&left[i])
			}
		case r := <-d.asked:
			err := d.remove(&r)
			d.tell(&r, err)
			select {
			case d.ended <- removed{r.f, r.path, err}:
			case <-ctx.Done():
				return
			}
		}
	}
}

// tell counts and logs how a removal went.
func (d *disposer) tell(r *removal, err error) {
	if err == nil {
		return
	}
	var k *kept
	if !errors.As(err, &k) {
		k = &kept{"other", err.Error(), "see the error, and whether the agent may write to the directories"}
	}
	d.count.kept.WithLabelValues(k.reason).Inc()
	if k.do != "" {
		d.notes.Warn(
			r.path, "a file that every output has is kept, though after_read says otherwise",
			"error", err, "do", k.do,
		)
	}
}

// remove deletes or moves the file of r, unless it is not what was read or somebody writes to it.
func (d *disposer) remove(r *removal) error {
	fi, err := os.Lstat(r.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return keptChanged
	case err != nil:
		return err
	case fi.Mode()&fs.ModeSymlink != 0:
		return keptLink
	}
	d.step(aboutToLease)
	h, err := d.lease(r, r.path)
	if err != nil {
		return err
	}
	defer func() { _ = h.Close() }() // and the lease with it
	d.step(underLease)
	to, err := d.takeAway(r)
	if err != nil {
		return err
	}
	d.step(aboutToDelete)
	now, err := d.sys.stat(to)
	if err == nil && (!now.is(r.id, r.birth) || now.size != r.size) {
		err = keptChanged // another has got its name since it was opened
	}
	if err == nil && !isLeased(h.fd) {
		err = keptWriter
	}
	if err == nil && d.cfg.AfterRead == afterReadDelete {
		err = os.Remove(to)
	}
	if err != nil {
		if back := d.giveBack(to, r.path); back != nil {
			d.log.Error(
				"a file that was about to be removed has another name now, and may not be read",
				"path", to, "error", back, "do", "rename it to one that the input reads", "was", r.path,
			)
		}
		return err
	}
	did, moved := "deleted", ""
	if d.cfg.AfterRead == afterReadMove {
		did, moved = "moved", to
	}
	d.count.disposed.WithLabelValues(did).Inc()
	d.log.Info(
		"a file that every output has was "+did, "path", r.path, "bytes", r.size, "to", moved,
	)
	return nil
}

// giveBack gives a file that was renamed its name back.
func (d *disposer) giveBack(from, to string) error {
	if from == to {
		return nil
	}
	return renameTo(from, to)
}

// lease opens the file of r at path and takes a lease on it, if it is what was read and nobody
// writes to it.
func (d *disposer) lease(r *removal, path string) (*handle, error) {
	h, fi, err := d.sys.open(path)
	if err != nil {
		return nil, err
	}
	if err = d.compare(h, r, &fi); err == nil {
		// Compared again under the lease: only then it stays as it is.
		if err = takeLease(h.fd); err == nil {
			if fi, err = d.sys.statOpen(h); err == nil {
				err = d.compare(h, r, &fi)
			}
		}
	}
	if err != nil {
		_ = h.Close()
		return nil, err
	}
	return h, nil
}

// compare returns why the file is not to be removed.
func (d *disposer) compare(h *handle, r *removal, fi *fileInfo) error {
	age := d.sys.since(time.Unix(0, fi.mtime))
	switch {
	case !fi.regular() || !fi.is(r.id, r.birth) || fi.size != r.size || fi.mtime != r.mtime,
		age >= 0 && age < d.cfg.AfterReadWait:
		return keptChanged
	case r.compressed:
		return nil
	}
	var head [headSize]byte
	same, err := r.content.matches(h, head[:])
	if err == nil && !same {
		err = keptChanged
	}
	return err
}

// takeAway renames the file of r, and returns where it is.
func (d *disposer) takeAway(r *removal) (string, error) {
	if d.cfg.AfterRead == afterReadDelete {
		to := hiddenName(r.path)
		if to == r.path {
			return to, nil // the last run has done it, and paths match that name
		}
		return to, renameTo(r.path, to)
	}
	if err := os.MkdirAll(d.cfg.MoveTo, 0o755); err != nil {
		return "", err
	}
	dir, err := filepath.EvalSymlinks(d.cfg.MoveTo)
	if err != nil {
		return "", err
	}
	base := filepath.Join(dir, filepath.Base(r.path))
	to := base
	for n := 1; ; n++ {
		if d.globs.match(to) || d.globs.match(filepath.Join(d.cfg.MoveTo, filepath.Base(to))) {
			return "", &kept{
				"matches", fmt.Sprintf("%s matches paths, and would be read again", to),
				"name another directory in move_to, or add it to exclude",
			}
		}
		err := renameTo(r.path, to)
		if !errors.Is(err, fs.ErrExist) || n > 10_000 {
			return to, err
		}
		to = fmt.Sprintf("%s.%d", base, n)
	}
}

// hiddenPrefix begins the names of files that are about to be deleted.
const hiddenPrefix = ".penstock-delete-"

// hiddenName returns what a file is called when it is about to be deleted.
func hiddenName(path string) string {
	dir, base := filepath.Split(path)
	return dir + hiddenPrefix + strings.TrimPrefix(base, hiddenPrefix)
}

// deleteLeftover deletes what the last run was killed before it deleted.
func (d *disposer) deleteLeftover(p *position) {
	path := hiddenName(p.Path)
	fi, err := d.sys.stat(path)
	if err != nil || fi.id.ino != p.Ino || !p.Done && fi.size != p.Off {
		return // the device may be numbered anew
	}
	r := removal{
		path: path, id: fi.id, birth: fi.birth, size: fi.size, mtime: fi.mtime,
		content: p.fingerprints(), compressed: p.Done,
	}
	h, err := d.lease(&r, path)
	if err == nil {
		err = os.Remove(path)
		_ = h.Close()
	}
	if err != nil {
		d.tell(&r, err)
	}
}
