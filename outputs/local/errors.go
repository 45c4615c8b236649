package local

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/penstock/penstock/spool"
	"github.com/penstock/penstock/spool/storehttp"
)

// refusals are what trying again does not mend. ENOSPC, EIO and ESTALE are not here: they pass.
var refusals = []error{
	fs.ErrPermission,     // EACCES, EPERM: also file systems without links, for IfAbsent
	syscall.EROFS,        // read-only
	syscall.ENOTDIR,      // "a/b" where "a" is an object
	syscall.EISDIR,       // "a" where "a/b" is an object
	syscall.ENOTEMPTY,    // the same, by rename
	syscall.EEXIST,       // the same
	syscall.ENAMETOOLONG, // one segment of over 255 bytes
	syscall.EINVAL,       // a name the file system has no letters for
	syscall.EXDEV,        // a mount point or a link below the directory
	syscall.ELOOP,
	syscall.ENOTSUP,
}

// fail gives err its place and says whether it is a refusal.
func (s *Store) fail(verb, key string, err error) error {
	if err == nil || errors.Is(err, spool.ErrExists) {
		return err
	}
	err = storehttp.Opaque(err)
	name := filepath.Join(s.dir, filepath.FromSlash(key))
	if errors.Is(err, fs.ErrNotExist) && verb == "read" ||
		errors.Is(err, syscall.ENOTDIR) && verb == "read" ||
		errors.Is(err, spool.ErrNotFound) {
		return fmt.Errorf("%s %s: %w", verb, name, spool.ErrNotFound)
	}
	for _, refusal := range refusals {
		if errors.Is(err, refusal) {
			return fmt.Errorf("%s %s: %w: %w", verb, name, spool.ErrRefused, err)
		}
	}
	// os.Root reports a path that leads out of it with an error that has no name.
	if strings.HasSuffix(err.Error(), "path escapes from parent") {
		return fmt.Errorf("%s %s: %w: %w", verb, name, spool.ErrRefused, err)
	}
	return fmt.Errorf("%s %s: %w", verb, name, err)
}
