package inspect

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/penstock/penstock/spool"
	"github.com/penstock/penstock/spool/format"
)

// Read calls do with each record of an object, in order. do must not keep the entry's slices.
func Read(ctx context.Context, store spool.Store, key string, do func(*format.Entry) error) error {
	r, obj, err := store.Get(ctx, key)
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	defer r.Close()
	kind := format.Kind(key)
	if kind == "ndjson" || kind == "delimited" || kind == "raw" {
		if err := format.ReadLines(r, kind, do); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		return nil
	}
	// Parquet and Avro are read from their end, or may be: a local copy allows that.
	f, err := os.CreateTemp("", "penstock-*")
	if err != nil {
		return err
	}
	defer f.Close()
	if err := os.Remove(f.Name()); err != nil {
		return err
	}
	size, err := io.Copy(f, r)
	if err == nil && obj.Size > 0 && size != obj.Size {
		err = io.ErrUnexpectedEOF
	}
	if err == nil {
		err = format.Read(f, size, kind, do)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	return nil
}
