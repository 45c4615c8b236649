package spool

import (
	"strings"
	"testing"

	"github.com/penstock/penstock/buffer/record/runtest"
)

// Files are found by their keys as byKey has them: whether few or many, short or long, and where
// several lead to one.
func TestFilesAreFoundForManyKeys(t *testing.T) {
	t.Parallel()
	rng := runtest.Rand(t)
	for range 20 {
		c := &cut{byKey: map[string]*file{}}
		keys := make([]string, 1+rng.IntN(3_000))
		for i := range keys {
			keys[i] = strings.Repeat(string(rune('a'+rng.IntN(3))), 1+rng.IntN(20)) +
				string(rune('a'+rng.IntN(2_000)))
		}
		files := make([]*file, 1+rng.IntN(len(keys)))
		for i := range files {
			files[i] = &file{}
		}
		for range 1_000 {
			if key := keys[rng.IntN(len(keys))]; c.byKey[key] == nil && rng.IntN(3) > 0 {
				c.byKey[key] = files[rng.IntN(len(files))]
			}
			group := make([]lookedAt, 1+rng.IntN(groupSize))
			for i := range group {
				group[i].key = []byte(keys[rng.IntN(len(keys))])
			}
			c.findKnown(group)
			for i := range group {
				if key := string(group[i].key); group[i].file != c.byKey[key] {
					t.Fatalf("%q leads elsewhere, of %d keys", key, len(c.byKey))
				}
			}
		}
		if n := len(c.known.slots); c.known.n > n || n > max(4*knowFrom, 4*len(c.byKey)) {
			t.Fatalf("%d of %d slots for %d keys", c.known.n, n, len(c.byKey))
		}
	}
}
