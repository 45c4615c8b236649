package spool

import (
	"fmt"
	"strings"
)

// Listed turns the names that a bucket lists into keys. Empty objects whose names end with a slash,
// which consoles make to show a folder, are left out; names that do not ascend are an error, for
// what is replayed would come out of order.
type Listed struct {
	Prefix string // of the store, which keys do not have
	last   string
}

// Key returns the key of a name; not ok means that it is none.
func (l *Listed) Key(name string) (key string, ok bool, err error) {
	key = strings.TrimPrefix(name, l.Prefix)
	if strings.HasSuffix(key, "/") || key == "" {
		return "", false, nil
	}
	if key <= l.last {
		return "", false, fmt.Errorf(
			"%w: the server lists %q after %q: not in the order of keys (directory buckets do that)",
			ErrRefused, key, l.last,
		)
	}
	l.last = key
	return key, true, nil
}
