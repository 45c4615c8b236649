package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"

	"github.com/penstock/penstock/buffer/record/dataformat"
	"golang.org/x/sys/unix"
)

// lacking tells what is wrong with this machine, as it is now, from what is wrong with the
// configuration: a file, or something in one, that is not there or that this user may not use. What
// is there and is no good is a mistake wherever it is found.
func lacking(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) ||
		errors.Is(err, unix.EROFS)
}

// checkPath tells whether a file or directory can be used as the tag `path` of its attribute says.
// read is a file that is read, write a file that is written, run a program. dir is a directory that
// is written, and made when it does not exist.
func checkPath(use, path string) error {
	switch use {
	case "read":
		if err := unix.Access(path, unix.R_OK); err != nil {
			return fmt.Errorf("%s cannot be read now: %w", path, err)
		}
	case "write":
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			return fmt.Errorf("%s is a directory", path)
		} else if err == nil {
			if err := unix.Access(path, unix.W_OK); err != nil {
				return fmt.Errorf("%s cannot be written to now: %w", path, err)
			}
			return nil
		}
		return usableDir(filepath.Dir(path))
	case "dir":
		return usableDir(path)
	case "run":
		_, err := exec.LookPath(path)
		return err
	}
	return nil
}

var pathHints = map[string]string{
	"read":  "Give the agent's user permission to read it, or mend the path.",
	"write": "Give the agent's user permission to write there, or name another file.",
	"dir":   "Give the agent's user permission to write there, or name another directory.",
	"run":   "Install the program, or write where it is.",
}

// paths warns of attributes that name what this machine, as it is now, does not have or does not
// let the agent use.
func (d *decoder) paths(t target, path string) {
	v := t.value
	if v.Kind() == reflect.Slice && v.Len() > 0 { // a program and its arguments
		v = v.Index(0)
	}
	if t.path == "" || v.Kind() != reflect.String || v.String() == "" {
		return
	}
	if err := checkPath(t.path, v.String()); err != nil {
		d.report.warnf(d.position(path), pathHints[t.path], "%s.%s: %v", d.owner, path, err)
	}
}

// diskUser is the configuration of a buffer, which lies below data_dir.
type diskUser interface {
	// Space returns the attributes that are measured by the size of the file system, in bytes, or
	// 0: the most that is used, and what is left free.
	Space() (use, free int64)
}

// checkMachine compares sizes with what the machine has.
func (l *loader) checkMachine() {
	total, err := fileSystemSize(l.cfg.Agent.DataDir)
	if err != nil || total <= 0 { // some file systems do not tell
		return // data_dir has been complained of
	}
	for i, p := range l.cfg.Pipelines {
		s, ok := p.Buffer.(diskUser)
		if _, written := l.pipelines[i].where["buffer"]; !ok || !written {
			continue
		}
		d := l.pipelines[i]
		use, free := s.Space()
		if free >= total {
			l.report.lackf(
				d.position("buffer.min_free"),
				"Write less, or put data_dir on a larger file system.",
				"pipeline.%s: buffer.min_free: the buffer would always be full: the file system of %s has %s",
				p.Name, l.cfg.Agent.DataDir, FormatSize(total),
			)
		}
		if _, written := d.attrs["buffer.max_size"]; written && use > total {
			l.report.warnf(
				d.position("buffer.max_size"), "The buffer will be full when min_free is reached.",
				"pipeline.%s: buffer.max_size: the file system of %s has only %s",
				p.Name, l.cfg.Agent.DataDir, FormatSize(total),
			)
		}
	}
}

// fileSystemSize returns the size of the file system that a directory lies on, or will.
func fileSystemSize(dir string) (int64, error) {
	path, _, err := existing(dir)
	if err != nil {
		return 0, err
	}
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return 0, err
	}
	return int64(st.Blocks) * int64(st.Bsize), nil
}

// usableDir checks that a directory can be used or made, without making it.
func usableDir(dir string) error {
	path, info, err := existing(dir)
	switch {
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is not a directory", path)
	}
	if err := unix.Access(path, unix.W_OK|unix.X_OK); err != nil {
		return &unwritable{path, err}
	}
	return nil
}

// unwritable tells that a directory may not be written to, and to errors.Is why.
type unwritable struct {
	path string
	err  error
}

func (e *unwritable) Error() string { return e.path + " may not be written to by this user" }
func (e *unwritable) Unwrap() error { return e.err }

// DataDirFormat is the format of data directories: which directories and files are in them. Buffers
// have formats of their own.
const DataDirFormat = 1

// usableDataDir checks a directory that holds what earlier runs, perhaps by another user, have
// left, and that it can hold files.
func usableDataDir(dir string) error {
	if err := usableDir(dir); err != nil {
		return err
	}
	if path, _, err := existing(dir); err == nil && !holdsFiles(path) {
		return fmt.Errorf("%s is no place for files: name a directory on a disk", path)
	}
	var newer *dataformat.NewerError
	if err := dataformat.CheckDir(dir, DataDirFormat); errors.As(err, &newer) {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil // it is made at the start
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if !e.IsDir() || e.Name() == "lost+found" {
			continue
		}
		// What is gone by now is no reason: the agent may be running.
		err := unix.Access(path, unix.W_OK|unix.X_OK)
		if errors.Is(err, os.ErrPermission) || errors.Is(err, unix.EROFS) {
			return fmt.Errorf(
				"%w: an agent of another user has made it; run as that user, or give it to this one (chown -R)",
				&unwritable{path, err},
			)
		}
	}
	return nil
}

// existing returns a path itself or the nearest one above it that exists.
func existing(path string) (string, os.FileInfo, error) {
	for path = filepath.Clean(path); ; path = filepath.Dir(path) {
		info, err := os.Stat(path)
		missing := errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ENOTDIR)
		if !missing || path == filepath.Dir(path) {
			return path, info, err
		}
	}
}
