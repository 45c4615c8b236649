package file

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/penstock/penstock/buffer/record/durable"
)

// stampLayout ends the names of rotated files: they sort by age.
const stampLayout = "20060102T150405.000000000"

// rotate renames the file and, in the background, compresses it and removes the oldest ones.
func (o *Output) rotate() error {
	if err := o.drop(); err != nil {
		return err
	}
	to := o.cfg.Path + "." + time.Now().UTC().Format(stampLayout)
	for i := 1; exists(to) || exists(to+".gz"); i++ {
		to = fmt.Sprintf("%s.%s-%d", o.cfg.Path, time.Now().UTC().Format(stampLayout), i)
	}
	if err := os.Rename(o.cfg.Path, to); err != nil {
		return err
	}
	o.wg.Go(func() {
		o.one.Lock()
		defer o.one.Unlock()
		if err := o.tidy(); err != nil {
			o.log.Warn(
				"rotated files could not be tidied up; it is tried again after the next rotation",
				"path", o.cfg.Path, "error", err,
				"do", "check the directory's permissions and room",
			)
		}
	})
	return nil
}

func exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}

// rotated returns the rotated files, oldest first.
func (o *Output) rotated() ([]string, error) {
	entries, err := os.ReadDir(filepath.Dir(o.cfg.Path))
	if err != nil {
		return nil, err
	}
	var names []string
	prefix := filepath.Base(o.cfg.Path) + "."
	for _, e := range entries {
		rest, ok := strings.CutPrefix(e.Name(), prefix)
		if !ok || !e.Type().IsRegular() || len(rest) < len(stampLayout) ||
			strings.HasSuffix(rest, tempSuffix) {
			continue
		}
		if _, err := time.Parse(stampLayout, rest[:len(stampLayout)]); err == nil {
			names = append(names, filepath.Join(filepath.Dir(o.cfg.Path), e.Name()))
		}
	}
	slices.Sort(names)
	return names, nil
}

// tidy removes rotated files beyond keep and compresses the others.
func (o *Output) tidy() error {
	names, err := o.rotated()
	if err != nil {
		return err
	}
	var errs []error
	if k := o.cfg.Rotate.Keep; k > 0 && len(names) > k {
		for _, name := range names[:len(names)-k] {
			errs = append(errs, os.Remove(name))
		}
		names = names[len(names)-k:]
	}
	for _, name := range names {
		if o.cfg.Rotate.Compress && !strings.HasSuffix(name, ".gz") {
			errs = append(errs, compress(name))
		}
	}
	return errors.Join(errs...)
}

const tempSuffix = ".gz.tmp"

// compress replaces name by name.gz; at every moment one of them is whole.
func compress(name string) (err error) {
	in, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer in.Close()
	tmp := name + tempSuffix
	out, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o640)
	if err != nil {
		return err
	}
	z := gzip.NewWriter(out)
	_, err = io.Copy(z, in)
	if err := durable.Replace(name+".gz", out, errors.Join(err, z.Close())); err != nil {
		return err
	}
	return errors.Join(durable.SyncDir(filepath.Dir(name)), os.Remove(name))
}
