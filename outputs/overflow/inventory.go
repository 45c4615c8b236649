package overflow

import (
	"errors"
	"fmt"
	"path"
	"strconv"

	"github.com/penstock/penstock/outputs/recordline"
	"github.com/penstock/penstock/spool"
)

// inventory is what an object says of itself: how many lines it holds and their digest in its
// metadata, the positions of its records in its name. Stores that keep no metadata leave the name,
// the size, and zstd's own checksum.
type inventory struct {
	Lines      int64 // -1 where it does not say
	digest     string
	first, end int64 // of the log's positions; end is 0 where the name has none
}

func InventoryOf(o spool.Object) inventory {
	v := inventory{Lines: -1, digest: o.Metadata[recordline.MetaDigest]}
	if n, err := strconv.ParseInt(o.Metadata[recordline.MetaRecords], 10, 64); err == nil {
		v.Lines = n
	}
	v.first, v.end, _ = recordline.ParseObjectName(path.Base(o.Key))
	return v
}

// compare tells what was read from what was stored.
func (v *inventory) compare(s *recordline.LineSource, digest string) error {
	switch {
	case v.Lines >= 0 && s.At != v.Lines:
		return fmt.Errorf("%d lines were read, %d were stored", s.At, v.Lines)
	case v.digest != "" && digest != v.digest:
		return fmt.Errorf(
			"the lines have the digest %s, those that were stored %s", digest, v.digest,
		)
	case s.At == 0:
		return errors.New("it holds nothing")
	case v.end > 0 && s.Positioned && (s.Low < v.first || s.High >= v.end):
		return fmt.Errorf(
			"it holds positions %d to %d, its name says %d to %d", s.Low, s.High, v.first, v.end-1,
		)
	}
	return nil
}
