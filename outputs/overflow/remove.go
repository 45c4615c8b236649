package overflow

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/penstock/penstock/outputs/recordline"
	"github.com/penstock/penstock/spool"
)

// Remove takes away an object of which all is delivered, see objectSource.delivered, or all that
// can be read.
func (p *Replayer) Remove(
	ctx context.Context, o spool.Object, delivered int64, damage error,
) (err error) {
	if damage != nil {
		p.Log.Error(
			"an overflow object is damaged; what could be read was delivered, and the object is moved aside",
			"object", o.Key, "to", p.movedKey(o.Key, recordline.DamagedDir), "error", damage,
			"do", "repair it (it is zstd over one JSON object per line) and move it back without its metadata, or delete it",
		)
		err = p.Persist(
			ctx, "move aside "+o.Key, func() error { return p.move(ctx, o, recordline.DamagedDir) },
		)
	} else if p.Keep {
		err = p.Persist(
			ctx, "move "+o.Key, func() error { return p.move(ctx, o, recordline.ReplayedDir) },
		)
	} else {
		err = p.Persist(ctx, "delete "+o.Key, func() error { return p.Store.Delete(ctx, o.Key) })
	}
	if err != nil {
		return err
	}
	p.counted = ""
	p.partial.forget()
	if p.m != nil {
		if p.m.replayed.Inc(); damage != nil {
			p.m.damaged.Inc()
		}
	}
	if p.OnDone != nil {
		p.OnDone(o, delivered, damage != nil)
	}
	return nil
}

func (p *Replayer) movedKey(key, dir string) string {
	return p.Base + p.OwnDir + dir + key[len(p.Base):]
}

// move copies an object, byte by byte, and deletes the original.
func (p *Replayer) move(ctx context.Context, listed spool.Object, dir string) error {
	key := listed.Key
	r, o, err := p.Store.Get(ctx, key)
	if errors.Is(err, spool.ErrNotFound) {
		return nil // an earlier attempt came as far as the delete
	}
	if err != nil {
		return err
	}
	r = spool.Body(r, listed.Size)
	defer r.Close()
	opts := spool.PutOptions{ContentType: "application/zstd", Metadata: o.Metadata}
	if listed.Size <= 32<<20 {
		data, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		return p.moveTo(
			ctx, listed, p.movedKey(key, dir), bytes.NewReader(data), int64(len(data)), opts,
		)
	}
	if err := os.MkdirAll(p.Dir, 0o750); err != nil {
		return err
	}
	f, err := os.CreateTemp(p.Dir, "object-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	n, err := io.Copy(f, r)
	if err != nil {
		return err
	}
	return p.moveTo(ctx, listed, p.movedKey(key, dir), f, n, opts)
}

func (p *Replayer) moveTo(
	ctx context.Context, listed spool.Object, to string, r io.ReaderAt, size int64,
	opts spool.PutOptions,
) error {
	if size != listed.Size {
		return fmt.Errorf("%w: %d bytes, and %d", ErrOtherObject, listed.Size, size)
	}
	if err := spool.PutOnce(ctx, p.Store, to, r, size, opts); err != nil {
		return err
	}
	return p.Store.Delete(ctx, listed.Key)
}
