package gcs

import (
	"fmt"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/fsouza/fake-gcs-server/fakestorage"
	"github.com/penstock/penstock/spool"
	"github.com/penstock/penstock/spool/storehttp"
	"github.com/penstock/penstock/spool/storetest"
)

const bucket = "acme"

// fake returns a server in this process with an empty bucket.
func fake(t *testing.T) http.Handler {
	t.Helper()
	server, err := fakestorage.NewServerWithOptions(fakestorage.Options{NoListener: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	server.CreateBucketWithOpts(fakestorage.CreateBucketOpts{Name: bucket})
	return server.HTTPHandler()
}

func testConfig(url string) StoreConfig {
	cfg := DefaultStore()
	cfg.Bucket, cfg.Endpoint = bucket, url
	cfg.ChunkSize, cfg.Timeout, cfg.MaxAttempts = 1<<20, time.Minute, 2
	return cfg
}

func open(t *testing.T, cfg StoreConfig) *Store {
	t.Helper()
	s, err := NewStore(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, storetest.Subject{
		New: func(t *testing.T, url string, timeout time.Duration) spool.Store {
			cfg := testConfig(url)
			cfg.Prefix, cfg.Timeout = "/over/flow/"+t.Name()+"/", timeout
			return open(t, cfg)
		},
		Server: fake(t),
		Large:  1 << 20,
	})
}

// TestRealServer runs the suite against a server of the user's: PENSTOCK_GCS_ENDPOINT, _BUCKET
// (made if missing).
func TestRealServer(t *testing.T) {
	t.Parallel()
	endpoint := os.Getenv("PENSTOCK_GCS_ENDPOINT")
	if endpoint == "" {
		t.Skip("PENSTOCK_GCS_ENDPOINT is not set")
	}
	cfg := testConfig(endpoint)
	if cfg.Bucket = os.Getenv("PENSTOCK_GCS_BUCKET"); cfg.Bucket == "" {
		cfg.Bucket = "penstock-test"
	}
	direct := open(t, cfg)
	c, err := direct.open()
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.do(t.Context(), call{
		method: http.MethodPost, url: c.root + "/storage/v1/b?project=test",
		header: http.Header{"Content-Type": {"application/json"}},
		body:   func() *storehttp.Body { return storehttp.BodyOf(fmt.Appendf(nil, `{"name":%q}`, cfg.Bucket)) },
	})
	if err != nil && status(err) != http.StatusConflict {
		t.Fatal(err)
	}
	storetest.RunReal(
		t, endpoint, 1<<20, direct,
		func(t *testing.T, url, prefix string, timeout time.Duration) spool.Store {
			cfg := cfg
			cfg.Endpoint, cfg.Prefix, cfg.Timeout = url, prefix, timeout
			return open(t, cfg)
		},
	)
}
