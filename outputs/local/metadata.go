package local

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/penstock/penstock/spool"
	"golang.org/x/sys/unix"
)

const (
	// attribute holds the metadata as a JSON object.
	attribute = "user.penstock.metadata"
	// ownAttribute is set on files of a batch, whose metadata is mostly the same: attribute has
	// what they share, and under no name the names, parted by spaces, of the values that are here,
	// as a JSON array. So small, it takes no block of its own beside the inode, and files share
	// that of the other.
	ownAttribute = "user.penstock"
)

// setMetadata says all of m in one attribute.
func setMetadata(f *os.File, m map[string]string) error {
	if len(m) == 0 {
		return nil
	}
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return setAttribute(f, attribute, text)
}

func setAttribute(f *os.File, name string, text []byte) error {
	err := unix.Fsetxattr(int(f.Fd()), name, text, 0)
	if errors.Is(err, unix.ENOTSUP) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) {
		return nil // the file system keeps none: documented at Store
	}
	return err
}

// shared is the attribute that files of a batch have in common, as it was made last.
type shared struct {
	mu    sync.Mutex
	of    *spool.Common
	names []string // of values that are each file's own
	text  []byte
}

// set says the metadata of one of the files. Safe for concurrent use.
func (s *shared) set(f *os.File, opts spool.PutOptions) error {
	if opts.Common == nil || len(opts.Metadata) == 0 {
		return setMetadata(f, opts.All())
	}
	names, text, err := s.prepare(opts)
	if err != nil {
		return err
	}
	values := make([]string, len(names))
	for i, name := range names {
		values[i] = opts.Metadata[name]
	}
	own, err := json.Marshal(values)
	if err != nil {
		return err
	}
	if err := setAttribute(f, ownAttribute, own); err != nil {
		return err
	}
	return setAttribute(f, attribute, text)
}

func (s *shared) prepare(opts spool.PutOptions) (names []string, text []byte, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	isOwn := func(name string) bool { _, ok := opts.Metadata[name]; return ok }
	if s.of == opts.Common && len(s.names) == len(opts.Metadata) &&
		!slices.ContainsFunc(s.names, func(name string) bool { return !isOwn(name) }) {
		return s.names, s.text, nil
	}
	names = slices.Sorted(maps.Keys(opts.Metadata))
	m := maps.Clone(opts.Common.Metadata)
	m[""] = strings.Join(names, " ")
	if text, err = json.Marshal(m); err != nil {
		return nil, nil, err
	}
	s.of, s.names, s.text = opts.Common, names, text
	return names, text, nil
}

// metadata returns what is said of f, or nil.
func metadata(f *os.File) map[string]string {
	var m map[string]string
	if !getAttribute(f, attribute, &m) {
		return nil
	}
	if names, ok := m[""]; ok {
		var values []string
		delete(m, "")
		if !getAttribute(f, ownAttribute, &values) || len(values) != len(strings.Fields(names)) {
			return nil
		}
		for i, name := range strings.Fields(names) {
			m[name] = values[i]
		}
	}
	return m
}

func getAttribute(f *os.File, name string, into any) bool {
	buf := make([]byte, 64<<10)
	n, err := unix.Fgetxattr(int(f.Fd()), name, buf)
	return err == nil && json.Unmarshal(buf[:n], into) == nil
}
