package gcs

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/penstock/penstock/buffer/record/preflight"
	"github.com/penstock/penstock/spool"
)

// Preflight implements preflight.Checker. GCS tells what a user may do, and so nothing need be
// tried.
func (c *Config) Preflight(ctx context.Context, env preflight.Env, r *preflight.Report) {
	c.TryRest(ctx, env, r)
	cfg := c.StoreConfig
	cfg.MaxAttempts = 1
	where := "gs://" + cfg.Bucket + "/" + spool.JoinPrefix(cfg.Prefix)
	store, err := NewStore(cfg)
	if err != nil {
		r.Unreachable(where, err)
		return
	}
	defer store.Close()
	needed := []string{"storage.objects.list", "storage.objects.get", "storage.objects.create"}
	if env.Holds {
		needed = append(needed, "storage.objects.delete")
	}
	granted, err := store.granted(ctx, needed)
	if err != nil || env.Write { // emulators do not tell
		spool.TryStore(ctx, store, where, env, r)
		return
	}
	var missing []string
	for _, p := range needed {
		if !slices.Contains(granted, p) {
			missing = append(missing, p)
		}
	}
	if missing == nil {
		r.OK(where, "this account has %s", strings.Join(needed, ", "))
		return
	}
	r.Fail(
		where, "grant it a role with them on the bucket, such as roles/storage.objectUser",
		"this account lacks %s", strings.Join(missing, ", "),
	)
}

// granted returns which of some permissions on the bucket this account has:
// https://cloud.google.com/storage/docs/json_api/v1/buckets/testIamPermissions
func (s *Store) granted(ctx context.Context, permissions []string) ([]string, error) {
	c, err := s.open()
	if err != nil {
		return nil, err
	}
	var answer struct {
		Kind        string   `json:"kind"`
		Permissions []string `json:"permissions"`
	}
	u := c.root + "/storage/v1/b/" + url.PathEscape(s.cfg.Bucket) + "/iam/testPermissions?" +
		c.billed(url.Values{"permissions": permissions}).Encode()
	if _, err := c.do(ctx, call{method: http.MethodGet, url: u, into: &answer}); err != nil {
		return nil, err
	}
	if answer.Kind != "storage#testIamPermissionsResponse" {
		return nil, errNoPermissions
	}
	return answer.Permissions, nil
}

var errNoPermissions = errors.New("the server does not tell permissions")
