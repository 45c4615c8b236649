package spool

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"strings"

	"github.com/penstock/penstock/buffer/record/preflight"
)

// probeName begins the names of the objects that are put to see whether that may be done. Readers
// of tables leave out what begins with an underscore.
const probeName = "_penstock_write_probe_"

// TryStore lists the beginning of a store and, where that is allowed, puts a small object and
// deletes it again; and reports it. where names the store, as in s3://bucket/prefix.
func TryStore(
	ctx context.Context, store Store, where string, env preflight.Env, r *preflight.Report,
) {
	found := false
	for _, err := range store.List(ctx, "") {
		if err != nil {
			r.Fail(where, storeAdvice(err), "%v", preflight.Plain(err))
			return
		}
		found = true
		break
	}
	what := "may be listed; it is empty"
	if found {
		what = "may be listed"
	}
	if !env.Write {
		r.OK(where, "%s; writing was not tried, which --write-probe does", what)
		return
	}
	r.OK(where, "%s", what)
	key, content := probeName+rand.Text(), []byte("to see whether penstock may write here\n")
	err := store.Put(
		ctx, key, bytes.NewReader(content), int64(len(content)), PutOptions{IfAbsent: env.Holds},
	)
	if err != nil {
		r.Fail(where, storeAdvice(err), "%v", preflight.Plain(err))
		return
	}
	err = store.Delete(ctx, key)
	switch {
	case err == nil:
		r.OK(where, "may be written to and deleted from")
	case env.Holds:
		r.Fail(
			where, "let it delete: what was replayed is deleted; and delete "+key, "%v", err,
		)
	default:
		r.Warn(
			where, "delete "+key+" by hand; an archive itself deletes nothing",
			"may be written to; the object of this probe may not be deleted: %v", err,
		)
	}
}

// TryRest looks, where a pipeline archives, at what else is talked to: the schema registry, and the
// servers of hooks.
func (c *Config) TryRest(ctx context.Context, env preflight.Env, r *preflight.Report) {
	if len(env.Pipelines) == 0 {
		return
	}
	if c.Decode != nil && c.Decode.Registry != nil {
		c.Decode.Registry.Preflight(ctx, c.Decode.Frame, r)
	}
	if c.Success == nil {
		return
	}
	for i := range c.Success.Hooks {
		if u := c.Success.Hooks[i].URL; u != "" {
			preflight.Connect(ctx, u, r)
		}
	}
}

// advised is an error that knows what to do about it.
type advised interface {
	error
	Advice() string
}

func storeAdvice(err error) string {
	switch {
	case errors.Is(err, ErrNoBucket):
		return "make it, or see that bucket and endpoint are right"
	case errors.Is(err, ErrRefused):
		if a, ok := errors.AsType[advised](err); ok && a.Advice() != "" {
			return a.Advice()
		}
		return "see that bucket, region and credentials are right, and that they may list, read, " +
			"write and delete below the prefix"
	case strings.Contains(err.Error(), "gave HTTP response to HTTPS client"):
		return "write the endpoint with http://: the server speaks no TLS there"
	}
	return preflight.Advice(err)
}
