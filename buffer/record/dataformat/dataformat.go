package dataformat

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/penstock/penstock/buffer/record/durable"
)

// Name is the file in a directory that holds the number of its format. A directory without one has
// format 1.
const Name = "FORMAT"

// NewerError refuses what a later release has written.
type NewerError struct {
	What         string // a path, or words
	Found, Known int
}

func (e *NewerError) Error() string {
	return fmt.Sprintf(
		"%s was written by a later release of penstock, in format %d; this one knows formats up to %d: "+
			"run that release again, or a later one; nothing was changed", e.What, e.Found, e.Known,
	)
}

// Check refuses a format later than known with a *NewerError.
func Check(what string, found, known int) error {
	if found > known {
		return &NewerError{what, found, known}
	}
	return nil
}

// CheckText is Check for a number as it stands in metadata; "" is format 1.
func CheckText(what, found string, known int) error {
	if found == "" {
		return nil
	}
	n, err := strconv.Atoi(strings.TrimSpace(found))
	if err != nil || n < 1 {
		return fmt.Errorf("%s tells its format by %.40q, which is no number", what, found)
	}
	return Check(what, n, known)
}

// CheckDir refuses a directory in a format later than known, and changes nothing. One that is not
// there is not refused.
func CheckDir(dir string, known int) error {
	_, err := read(dir, known)
	return err
}

// Mark is CheckDir for a directory that is going to be written to in format known, and marks it so.
// On a full disk a directory of that format stays unmarked if it was.
func Mark(dir string, known int) error {
	_, err := Raise(dir, known, known)
	return err
}

// Raise is Mark with a format that not all that is known needs: a directory that is marked with a
// later one, up to known, stays as it is. It returns what the directory is marked with then.
func Raise(dir string, format, known int) (now int, err error) {
	found, err := read(dir, known)
	if err != nil || found >= format {
		return found, err
	}
	f, err := os.CreateTemp(dir, Name+"-*")
	if err == nil {
		_, err = f.WriteString(strconv.Itoa(format) + "\n")
		err = errors.Join(err, f.Chmod(0o640))
		err = durable.Replace(filepath.Join(dir, Name), f, err)
	}
	if err == nil {
		err = durable.SyncDir(dir)
	}
	if err != nil && found == 0 && format == 1 {
		return format, nil
	}
	return format, err
}

// read returns the format that a directory is marked with, 0 if it is not.
func read(dir string, known int) (int, error) {
	text, err := os.ReadFile(filepath.Join(dir, Name))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || n < 1 {
		return 0, fmt.Errorf(
			"%s holds %.40q, which is no number of a format: if no release later than this one has "+
				"written here, remove that file", filepath.Join(dir, Name), text,
		)
	}
	return n, Check(dir, n, known)
}
