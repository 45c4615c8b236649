package replay

import (
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/penstock/penstock/buffer/record/durable"
	"github.com/penstock/penstock/outputs/recordline"
)

// keepRest takes the records that f wants, and whose lines are delivered, out of a file: what was
// not chosen, not acknowledged, or cannot be read stays. It removes a file of which nothing is
// left, and reports how many records it took.
func keepRest(
	name string, f *Filter, delivered func(at int64) bool,
) (taken int64, err error) {
	from, err := os.Open(name)
	if err != nil {
		return 0, err
	}
	defer from.Close()
	lines, err := recordline.NewLineReader(from, nil)
	if err != nil {
		return 0, err
	}
	defer lines.Close()
	dir := filepath.Dir(name)
	to, err := os.CreateTemp(dir, "rest-*")
	if err != nil {
		return 0, err
	}
	taken, kept, err := copyRest(to, lines, f, delivered)
	if err == nil && !kept {
		err = errors.Join(to.Close(), os.Remove(to.Name()), os.Remove(name))
	} else {
		err = durable.Replace(name, to, errors.Join(err, to.Chmod(0o640)))
	}
	return taken, errors.Join(err, durable.SyncDir(dir))
}

func copyRest(
	to io.Writer, lines *recordline.LineReader, f *Filter, delivered func(at int64) bool,
) (taken int64, kept bool, err error) {
	for at := int64(0); ; at++ {
		p, err := lines.ReadLine()
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return taken, kept, nil // a torn line was acknowledged to nobody
		}
		if err != nil {
			return taken, kept, err
		}
		if len(p) == 0 {
			continue
		}
		l, perr := recordline.ParseLine(p)
		if perr == nil && l.Raw == nil && f.Wants(&l) && delivered(at) {
			taken++
			continue
		}
		kept = true
		if _, err := to.Write(append(p[:len(p):len(p)], '\n')); err != nil {
			return taken, kept, err
		}
	}
}
