package buffer

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"time"
)

// identityKey is where the books say which buffer they are of: when it was begun, in milliseconds
// of the Unix epoch, and 8 random bytes, so that no two have the same.
const identityKey = "u"

// identify gives the books an identity if they have none. It is lost with them, and with nothing
// else: who finds the counts under another identity knows that these are others. isNew tells that
// nothing was counted before; that counts of an earlier release had begun is not known of when.
func (s *state) identify(isNew bool, now time.Time) {
	if _, ok := s.inputs[booksName][identityKey]; ok {
		return
	}
	began := int64(0)
	if isNew {
		began = now.UnixMilli()
	}
	value := binary.AppendVarint(nil, began)
	value = binary.BigEndian.AppendUint64(value, rand.Uint64())
	s.apply(&change{
		kind: changePosition, name: booksName, key: identityKey, value: value,
	})
}

// identity returns what identify has stored: a zero time where it is not known when the books were
// begun, and "" where they have no identity.
func (s *state) identity() (id string, began time.Time) {
	value := s.inputs[booksName][identityKey]
	ms, n := binary.Varint(value)
	if n <= 0 || len(value) != n+8 {
		return "", time.Time{}
	}
	if ms != 0 {
		began = time.UnixMilli(ms).UTC()
	}
	return fmt.Sprintf("%x", value[n:]), began
}
