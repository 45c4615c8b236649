package positions

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/penstock/penstock/inputs/tail"
)

// fluentd reads a pos_file: path, position and inode on each line, in hexadecimal digits. The
// largest position stands for a file that is not watched any more. Of several lines of one file the
// last one counts.
func fluentd(path string) ([]tail.Foreign, error) {
	data, err := text(path)
	if err != nil {
		return nil, err
	}
	type file struct {
		path string
		ino  uint64
	}
	last := map[file]int{}
	var all []tail.Foreign
	var errs []error
	for i, line := range strings.Split(string(data), "\n") {
		if strings.TrimSpace(line) == "" {
			continue
		}
		from := fmt.Sprintf("%s:%d", path, i+1)
		// A path may have tabs in it.
		parts := strings.Split(line, "\t")
		if len(parts) < 3 {
			errs = append(errs, noPosition(from, line))
			continue
		}
		n := len(parts) - 2
		off, err := strconv.ParseUint(parts[n], 16, 64)
		ino, err2 := strconv.ParseUint(strings.TrimSpace(parts[n+1]), 16, 64)
		if err != nil || err2 != nil {
			errs = append(errs, noPosition(from, line))
			continue
		}
		if off == math.MaxUint64 || off > math.MaxInt64 || ino == 0 {
			continue // not watched, or not begun
		}
		p := tail.Foreign{
			Path: strings.Join(parts[:n], "\t"), Ino: ino, Off: int64(off), From: from,
		}
		if at, ok := last[file{p.Path, ino}]; ok {
			all[at] = p
			continue
		}
		last[file{p.Path, ino}] = len(all)
		all = append(all, p)
	}
	if len(all) == 0 && len(errs) > 0 {
		return nil, errs[0] // another file altogether
	}
	return all, errors.Join(errs...)
}

func noPosition(from, line string) error {
	return fmt.Errorf("%s: this is no line of a pos_file: %.100q", from, line)
}
