package local

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/penstock/penstock/spool"
	"golang.org/x/sys/unix"
)

var _ spool.Batcher = (*Store)(nil)

// batch is files in a working directory of their own, which is locked while the batch lives. They
// are made durable, then given their names, then the names are made durable. On a file system that
// can be synced as a whole that is two syncs, however many files there are.
type batch struct {
	s     *Store
	root  *os.Root
	dir   *os.File
	fd    int
	name  string
	whole bool // the file system is synced as a whole

	shared shared
	ahead  ahead

	mu    sync.Mutex
	files []batchFile
	dirs  []*workSubdir // that files can be made in, and nobody is making one
	made  int           // directories
}

// workSubdir is one of the directories that hold a batch's working files.
type workSubdir struct {
	name  string
	files int // made, at least tried
}

type batchFile struct {
	tmp, key string
	ifAbsent bool
}

// Batch begins a batch.
func (s *Store) Batch(context.Context) (spool.Batch, error) {
	root, err := s.openToWrite()
	if err == nil {
		var b *batch
		if b, err = s.newBatch(root); err == nil {
			return b, nil
		}
	}
	return nil, s.fail("write", workDir, err)
}

func (s *Store) newBatch(root *os.Root) (*batch, error) {
	for range 10 {
		name := workDir + "/" + rand.Text()
		if err := errors.Join(root.MkdirAll(workDir, 0o700), root.Mkdir(name, 0o700)); err != nil {
			return nil, err
		}
		dir, err := root.Open(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue // taken already
		}
		if err != nil {
			return nil, err
		}
		b := &batch{
			s:     s,
			root:  root,
			dir:   dir,
			fd:    int(dir.Fd()),
			name:  name,
			whole: syncsWhole(int(dir.Fd())),
		}
		b.ahead.b = b
		taken, err := lockWork(root, dir, name)
		switch {
		case err != nil:
			b.Discard()
			return nil, err
		case !taken:
			return b, nil
		}
		b.Discard()
	}
	return nil, takenAway("directory")
}

// Discard removes what was not given a name.
func (b *batch) Discard() {
	b.ahead.close()
	_ = b.root.RemoveAll(b.name) // what stays behind is removed by the next start
	b.dir.Close()
}

var copyBuffers = sync.Pool{New: func() any { b := make([]byte, 64<<10); return &b }}

// Put writes a working file.
func (b *batch) Put(
	ctx context.Context, key string, r io.ReaderAt, size int64, opts spool.PutOptions,
) error {
	if err := errors.Join(check(key), opts.Check()); err != nil {
		return err
	}
	return b.s.fail("write", key, b.put(ctx, key, r, size, opts))
}

func (b *batch) put(
	ctx context.Context, key string, r io.ReaderAt, size int64, opts spool.PutOptions,
) error {
	if opts.IfAbsent {
		// The link at the end decides; this spares the copy.
		if _, err := b.root.Lstat(key); err == nil {
			return spool.ErrExists
		}
	}
	f, err := b.create(key, opts.IfAbsent)
	if err != nil {
		return err
	}
	defer f.Close()
	buf := copyBuffers.Get().(*[]byte)
	defer copyBuffers.Put(buf)
	for off := int64(0); off < size; {
		if err := ctx.Err(); err != nil {
			return err
		}
		p := (*buf)[:min(int64(len(*buf)), size-off)]
		n, err := r.ReadAt(p, off)
		if n < len(p) {
			if err == nil || err == io.EOF {
				err = fmt.Errorf(
					"%d bytes given, %d promised: %w", off+int64(n), size, io.ErrUnexpectedEOF,
				)
			}
			return err
		}
		if _, err := f.Write(p); err != nil {
			return err
		}
		off += int64(n)
	}
	if err := b.shared.set(f, opts); err != nil {
		return fmt.Errorf("metadata: %w", err)
	}
	if b.whole {
		b.ahead.make(path.Dir(key))
	} else if err := f.Sync(); err != nil {
		return err
	}
	return f.Close()
}

// filesPerDir is how many working files lie in one directory: where directories have no index each
// new file is looked for among all.
const filesPerDir = 32

// create makes a working file, in a directory in which nobody else makes one meanwhile: a file
// system does one after the other.
func (b *batch) create(key string, ifAbsent bool) (*os.File, error) {
	dir, err := b.takeDir()
	if err != nil {
		return nil, err
	}
	tmp := dir.name + "/" + strconv.Itoa(dir.files)
	fd, err := unix.Openat(
		b.fd, tmp, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, uint32(b.s.fileMode),
	)
	dir.files++
	b.mu.Lock()
	defer b.mu.Unlock()
	if dir.files < filesPerDir {
		b.dirs = append(b.dirs, dir)
	}
	if err != nil {
		return nil, err
	}
	b.files = append(b.files, batchFile{tmp, key, ifAbsent})
	return os.NewFile(uintptr(fd), tmp), nil
}

// takeDir returns a directory that is the caller's until it is among dirs again.
func (b *batch) takeDir() (*workSubdir, error) {
	b.mu.Lock()
	if last := len(b.dirs) - 1; last >= 0 {
		dir := b.dirs[last]
		b.dirs = b.dirs[:last]
		b.mu.Unlock()
		return dir, nil
	}
	dir := &workSubdir{name: strconv.Itoa(b.made)}
	b.made++
	b.mu.Unlock()
	return dir, unix.Mkdirat(b.fd, dir.name, 0o700)
}

// Commit gives the files their names.
func (b *batch) Commit(ctx context.Context) error {
	return b.s.fail("write", workDir, b.commit(ctx))
}

func (b *batch) commit(ctx context.Context) error {
	if b.whole {
		if err := syncWhole(b.fd); err != nil {
			return err
		}
	}
	if err := b.nameAll(ctx); err != nil {
		return err
	}
	if b.whole {
		if err := syncWhole(b.fd); err != nil {
			return err
		}
	}
	if !same(b.root, b.s.dir) {
		return fmt.Errorf("%s was replaced meanwhile", b.s.dir)
	}
	return nil
}

// nameAll gives all files their names. Where that waits for nobody but the file system, which does
// one after the other, so do batches: else they would spin while they wait for each other.
func (b *batch) nameAll(ctx context.Context) error {
	if b.whole {
		b.s.naming.Lock()
		defer b.s.naming.Unlock()
	}
	slices.SortFunc(b.files, func(x, y batchFile) int { return strings.Compare(x.key, y.key) })
	n := naming{b: b}
	defer n.leave()
	for rest := b.files; len(rest) > 0; {
		if err := ctx.Err(); err != nil {
			return err
		}
		dir := path.Dir(rest[0].key)
		end := slices.IndexFunc(rest, func(f batchFile) bool { return path.Dir(f.key) != dir })
		if end < 0 {
			end = len(rest)
		}
		if err := n.name(dir, rest[:end]); err != nil {
			return err
		}
		rest = rest[end:]
	}
	return n.endParent()
}
