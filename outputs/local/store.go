package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/penstock/penstock/spool"
	"golang.org/x/sys/unix"
)

// Store is a spool.Store over a directory. Metadata is kept in an extended attribute where the file
// system has them, and dropped where it has not; content type and encoding are dropped.
type Store struct {
	dir      string
	fileMode fs.FileMode
	dirMode  fs.FileMode

	mu    sync.Mutex
	root  *os.Root // nil until first used
	clean bool     // root has a working directory without leftovers

	naming sync.Mutex // see batch.nameAll
}

var _ spool.Trier = (*Store)(nil)

// NewStore returns a store. The directory is made and cleaned of leftovers once it is written to,
// so that a file system that is not mounted yet is an error of Put and not of the start, and that
// reading changes nothing and takes no permission to write.
func NewStore(cfg StoreConfig) (*Store, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	fileMode, _ := parseMode(cfg.FileMode)
	dirMode, _ := parseMode(cfg.DirMode)
	return &Store{dir: cfg.Directory, fileMode: fileMode, dirMode: dirMode}, nil
}

// Close lets go of the directory. No other call may be under way.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.root == nil {
		return nil
	}
	err := s.root.Close()
	s.root, s.clean = nil, false
	return err
}

// open returns the root, which stays the same directory whatever becomes of its path, for reading:
// where there is none it is an error that is fs.ErrNotExist.
func (s *Store) open() (*os.Root, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.openLocked()
}

func (s *Store) openLocked() (*os.Root, error) {
	if s.root != nil {
		// A directory removed under us (rm -rf, an unmount) must not swallow what is written from
		// now on.
		if same(s.root, s.dir) {
			return s.root, nil
		}
		s.root.Close()
		s.root, s.clean = nil, false
	}
	root, err := os.OpenRoot(s.dir)
	if err != nil {
		return nil, err
	}
	s.root = root
	return root, nil
}

// openToWrite returns the root, made if it is not there, and with a working directory.
func (s *Store) openToWrite() (*os.Root, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	root, err := s.openLocked()
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(s.dir, s.dirMode); err != nil {
			return nil, err
		}
		root, err = s.openLocked()
	}
	if err != nil || s.clean {
		return root, err
	}
	if err := root.MkdirAll(workDir, 0o700); err != nil {
		return nil, err
	}
	if err := cleanWork(root); err != nil {
		return nil, err
	}
	s.clean = true
	return root, nil
}

func same(root *os.Root, dir string) bool {
	a, err := root.Stat(".")
	if err != nil {
		return false
	}
	b, err := os.Stat(dir)
	return err == nil && os.SameFile(a, b)
}

// Put writes the file beside, syncs it, gives it its name, and syncs the directory.
func (s *Store) Put(
	ctx context.Context, key string, r io.ReaderAt, size int64, opts spool.PutOptions,
) error {
	if err := errors.Join(check(key), opts.Check()); err != nil {
		return err
	}
	return s.fail("write", key, s.put(ctx, key, io.NewSectionReader(r, 0, size), size, opts))
}

func (s *Store) put(
	ctx context.Context, key string, r io.Reader, size int64, opts spool.PutOptions,
) error {
	root, err := s.openToWrite()
	if err != nil {
		return err
	}
	if opts.IfAbsent {
		// The link below decides; this spares the copy.
		if _, err := root.Lstat(key); err == nil {
			return spool.ErrExists
		}
	}
	tmp, err := createWork(root, s.fileMode)
	if err != nil {
		return err
	}
	defer tmp.discard()
	n, err := io.Copy(tmp, &contextReader{ctx: ctx, r: r})
	if err != nil {
		return err
	}
	if n != size {
		return fmt.Errorf("%d bytes given, %d promised: %w", n, size, io.ErrUnexpectedEOF)
	}
	if err := setMetadata(tmp.File, opts.All()); err != nil {
		return fmt.Errorf("metadata: %w", err)
	}
	if err := tmp.Sync(); err != nil {
		return err
	}
	setName := root.Rename
	if opts.IfAbsent {
		setName = root.Link
	}
	// A Delete may remove the directory, empty, between its making and the rename.
	for range 10 {
		if err = setName(tmp.name, key); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		// Not into err, which would forget that it has no name yet.
		if err := s.makeDirs(root, path.Dir(key), true); err != nil {
			return err
		}
	}
	if err != nil {
		if opts.IfAbsent && errors.Is(err, fs.ErrExist) {
			return spool.ErrExists
		}
		return err
	}
	if !opts.IfAbsent {
		tmp.name = ""
	}
	return syncDir(root, path.Dir(key))
}

// Try implements spool.Trier. It makes nothing: the file system may not be mounted yet.
func (s *Store) Try(ctx context.Context, _ string) error {
	may := make(chan error, 1)
	go func() { may <- mayWrite(s.dir) }() // as long as the file system does not answer
	select {
	case err := <-may:
		return s.fail("write to", "", err)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// mayWrite returns why nothing can be written to dir, or dir not be made.
func mayWrite(dir string) error {
	for {
		info, err := os.Stat(dir)
		parent := filepath.Dir(dir)
		switch {
		case errors.Is(err, fs.ErrNotExist) && parent != dir:
			dir = parent
			continue
		case err != nil:
			return err
		case !info.IsDir():
			return &fs.PathError{Op: "open", Path: dir, Err: syscall.ENOTDIR}
		}
		if err := unix.Access(dir, unix.W_OK|unix.X_OK); err != nil {
			return &fs.PathError{Op: "access", Path: dir, Err: err}
		}
		return nil
	}
}

// makeDirs makes dir and what is missing above it, with durable each made durable in its parent.
func (s *Store) makeDirs(root *os.Root, dir string, durable bool) error {
	if dir == "." {
		return nil
	}
	err := root.Mkdir(dir, s.dirMode)
	if errors.Is(err, fs.ErrNotExist) {
		if err := s.makeDirs(root, path.Dir(dir), durable); err != nil {
			return err
		}
		err = root.Mkdir(dir, s.dirMode)
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if !durable {
		return nil
	}
	return syncDir(root, path.Dir(dir))
}

// Get opens the file.
func (s *Store) Get(_ context.Context, key string) (io.ReadCloser, spool.Object, error) {
	if err := check(key); err != nil {
		return nil, spool.Object{}, err
	}
	f, object, err := s.get(key)
	return f, object, s.fail("read", key, err)
}

func (s *Store) get(key string) (io.ReadCloser, spool.Object, error) {
	root, err := s.open()
	if err != nil {
		return nil, spool.Object{}, err
	}
	// O_NONBLOCK: a named pipe somebody put there must not hold us up.
	f, err := root.OpenFile(key, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, spool.Object{}, err
	}
	fi, err := f.Stat()
	if err == nil && !fi.Mode().IsRegular() {
		err = spool.ErrNotFound
	}
	if err != nil {
		f.Close()
		return nil, spool.Object{}, err
	}
	return spool.Body(f, fi.Size()), spool.Object{
		Key:      key,
		Size:     fi.Size(),
		Modified: fi.ModTime(),
		Metadata: metadata(f),
	}, nil
}

// Delete removes the file and the directories it leaves empty.
func (s *Store) Delete(_ context.Context, key string) error {
	if err := check(key); err != nil {
		return err
	}
	return s.fail("delete", key, s.delete(key))
}

func (s *Store) delete(key string) error {
	root, err := s.open()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	fi, err := root.Lstat(key)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) ||
		err == nil && fi.IsDir() {
		return nil
	}
	if err != nil {
		return err
	}
	if err := root.Remove(key); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	dir := path.Dir(key)
	for ; dir != "."; dir = path.Dir(dir) {
		if root.Remove(dir) != nil { // holds something still
			break
		}
	}
	if err := syncDir(root, dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// check refuses keys that no store takes, and those in the directory that is ours.
func check(key string) error {
	if err := spool.CheckKey(key); err != nil {
		return err
	}
	if first, _, _ := strings.Cut(key, "/"); first == workRoot {
		return fmt.Errorf("%w: key %q: %s is the store's own", spool.ErrRefused, key, workRoot)
	}
	return nil
}

func syncDir(root *os.Root, dir string) error {
	d, err := root.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return syncFile(d)
}

// syncFile syncs a directory. Some file systems cannot, and need not.
func syncFile(d *os.File) error {
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) &&
		!errors.Is(err, syscall.ENOTSUP) {
		return err
	}
	return nil
}

// contextReader ends a long copy when ctx does.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
