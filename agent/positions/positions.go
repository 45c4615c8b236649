package positions

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/penstock/penstock/inputs/tail"
)

// Tool is another program whose positions can be read.
type Tool struct {
	Name string
	Doc  string // what its files are

	read func(path string) ([]tail.Foreign, error)
}

// Tools returns all of them.
func Tools() []Tool {
	return []Tool{
		{"filebeat", "the directory of its registry, data/registry/filebeat", filebeat},
		{"fluent-bit", "the files that the tail inputs name as DB", fluentBit},
		{"fluentd", "the files that the tail sources name as pos_file", fluentd},
		{"promtail", "its positions.yaml", promtail},
		{"rsyslog", "the imfile-state:* files in its workDirectory, or that directory", rsyslog},
		{"vector", "a file source's DATA_DIR/NAME/checkpoints.json", vector},
	}
}

// ErrTool is the error for a tool that there is none of.
var ErrTool = errors.New("is none of")

// Read reads what a tool has in files.
func Read(tool string, paths []string) ([]tail.Foreign, error) {
	i := slices.IndexFunc(Tools(), func(t Tool) bool { return t.Name == tool })
	if i < 0 {
		var names []string
		for _, t := range Tools() {
			names = append(names, t.Name)
		}
		return nil, fmt.Errorf("%q %w %s", tool, ErrTool, strings.Join(names, ", "))
	}
	var all []tail.Foreign
	var errs []error
	for _, path := range paths {
		some, err := Tools()[i].read(path)
		if err != nil {
			errs = append(errs, err)
		}
		all = append(all, some...)
	}
	return all, errors.Join(errs...)
}

// text returns a file's content, which is not to be large.
func text(path string) ([]byte, error) {
	const most = 256 << 20
	fi, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case fi.IsDir():
		return nil, fmt.Errorf("%s is a directory", path)
	case fi.Size() > most:
		return nil, fmt.Errorf("%s has %d bytes: it is no file of positions", path, fi.Size())
	}
	return os.ReadFile(path)
}

// sorted orders positions as they are told.
func sorted(all []tail.Foreign) []tail.Foreign {
	slices.SortStableFunc(all, func(a, b tail.Foreign) int {
		return cmp.Or(
			cmp.Compare(a.Path, b.Path),
			cmp.Compare(a.Ino, b.Ino),
			cmp.Compare(a.From, b.From),
		)
	})
	return all
}
