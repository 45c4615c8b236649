package tail

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
	"time"
)

const reasonTooMany = "too_many_open_files"

// tooMany reports whether err says that there are no more descriptors.
func tooMany(
	err error,
) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}

// open opens path to look at it. What is decided by what is found there must not depend on how many
// descriptors were left.
func (m *manager) open(path string) (h *handle, fi fileInfo, err error) {
	m.descriptor(func() error {
		h, fi, err = m.sys.open(path)
		return err
	})
	return h, fi, err
}

func (m *manager) readDir(dir string) (entries []fs.DirEntry, err error) {
	m.descriptor(func() error {
		entries, err = os.ReadDir(dir)
		return err
	})
	return entries, err
}

// descriptor does what needs a descriptor, and again for a moment while workers close files, if
// there is none.
func (m *manager) descriptor(do func() error) {
	const tries, pause = 50, 10 * time.Millisecond
	if !tooMany(do()) {
		return
	}
	m.run.tail.files.Short()
	if m.sys.now().Before(m.next.descriptorWait) {
		return
	}
	m.closeIdle(m.sys.now())
	for range tries {
		time.Sleep(pause)
		if !tooMany(do()) {
			return
		}
	}
	m.next.descriptorWait = m.sys.now().Add(tries * 10 * pause)
}
