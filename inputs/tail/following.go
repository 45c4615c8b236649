package tail

import (
	"cmp"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/penstock/penstock/inputs"
)

// maxUnread is how many unreadable files are told by name.
const maxUnread = 100

// Following implements inputs.Follower.
func (t *Tail) Following() (inputs.Following, bool) {
	r := t.run.Load()
	if r == nil {
		return inputs.Following{}, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	f := inputs.Following{Files: len(r.files) + int(r.pipes.Load()), Held: r.pipesHold.Load()}
	for file := range r.files {
		f.Held += file.holds.Load()
		if file.compression == none && !file.excluded.Load() {
			f.Lag += max(0, file.size.Load()-file.delivered.Load())
		}
	}
	for _, u := range r.unread {
		f.Unread = append(f.Unread, u)
	}
	slices.SortFunc(f.Unread, func(a, b inputs.Unread) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Path, b.Path))
	})
	f.Unread = f.Unread[:min(len(f.Unread), maxUnread)]
	return f, r.looked
}

// looks says that the globs have been evaluated and what they found was looked at.
func (r *run) looks() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.looked = true
}

// cannotRead notes a path that cannot be read, canRead that it can.
func (r *run) cannotRead(path string, err error, do string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.unread == nil {
		r.unread = map[string]inputs.Unread{}
	}
	why := err.Error()
	if at, ok := errors.AsType[*fs.PathError](err); ok && at.Path == path { // it is told beside it
		why = strings.Replace(why, at.Error(), at.Err.Error(), 1)
	}
	r.unread[path] = inputs.Unread{Path: path, Why: why, Do: do, Since: time.Now()}
}

func (r *run) canRead(path string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.unread, path)
}

// excluded returns how many files are left out.
func (r *run) excluded() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for f := range r.files {
		if f.excluded.Load() {
			n++
		}
	}
	return n
}
