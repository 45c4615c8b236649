package outputs

import (
	"errors"
	"fmt"
	"path"
	"strconv"

	"github.com/penstock/penstock/spool"
)

// inventory is what an object says of itself: how many lines it holds and their digest in its metadata, the positions of its
// records in its name. Stores that keep no metadata leave the name, the size, and zstd's own checksum.
type inventory struct {
	lines      int64 // -1 where it does not say
	digest     string
	first, end int64 // of the log's positions; end is 0 where the name has none
}

func inventoryOf(o spool.Object) inventory {
	v := inventory{lines: -1, digest: o.Metadata[metaDigest]}
	if n, err := strconv.ParseInt(o.Metadata[metaRecords], 10, 64); err == nil {
		v.lines = n
	}
	v.first, v.end, _ = parseObjectName(path.Base(o.Key))
	return v
}

// compare tells what was read from what was stored.
func (v *inventory) compare(s *lineSource, digest string) error {
	switch {
	case v.lines >= 0 && s.at != v.lines:
		return fmt.Errorf("%d lines were read, %d were stored", s.at, v.lines)
	case v.digest != "" && digest != v.digest:
		return fmt.Errorf("the lines have the digest %s, those that were stored %s", digest, v.digest)
	case s.at == 0:
		return errors.New("it holds nothing")
	case v.end > 0 && s.positioned && (s.low < v.first || s.high >= v.end):
		return fmt.Errorf("it holds positions %d to %d, its name says %d to %d", s.low, s.high, v.first, v.end-1)
	}
	return nil
}
