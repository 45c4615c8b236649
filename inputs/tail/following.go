package tail

import (
	"cmp"
	"errors"
	"io/fs"
	"slices"
	"sort"
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
	sort.Slice(f.Unread, func(i, j int) bool {
		a, b := &f.Unread[i], &f.Unread[j]
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Path, b.Path)) < 0
	})
	f.Unread = f.Unread[:min(len(f.Unread), maxUnread)]
	return f, r.looked
}

var _ inputs.FileLister = (*Tail)(nil)

// Files implements inputs.FileLister.
func (t *Tail) Files(most int) (first []inputs.File, behind int) {
	r := t.run.Load()
	if r == nil {
		return nil, 0
	}
	var all []*inputs.File
	for _, file := range r.followed() {
		f := &inputs.File{Path: file.firstPath, Compressed: file.compression != none}
		if at := file.path.Load(); at != nil {
			f.Path = *at
		}
		if changed := file.changed.Load(); changed != 0 {
			f.Changed = time.Unix(0, changed)
		}
		if !f.Compressed {
			f.Lag = max(0, file.size.Load()-file.delivered.Load())
		}
		if f.Lag > 0 {
			behind++
		}
		all = append(all, f)
	}
	slices.SortFunc(all, func(a, b *inputs.File) int {
		return cmp.Or(
			cmp.Compare(b.Lag, a.Lag), b.Changed.Compare(a.Changed), cmp.Compare(a.Path, b.Path),
		)
	})
	for _, f := range all[:min(len(all), most)] {
		first = append(first, *f)
	}
	return first, behind
}

// followed returns the files that are.
func (r *run) followed() []*file {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]*file, 0, len(r.files))
	for f := range r.files {
		if !f.excluded.Load() {
			out = append(out, f)
		}
	}
	return out
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
