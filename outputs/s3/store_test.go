package s3

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/penstock/penstock/spool"
	"github.com/penstock/penstock/spool/storetest"
)

const bucket = "acme"

// fake returns a server in this process with an empty bucket.
func fake(t *testing.T) http.Handler {
	t.Helper()
	backend := s3mem.New()
	if err := backend.CreateBucket(bucket); err != nil {
		t.Fatal(err)
	}
	return gofakes3.New(backend).Server()
}

func testConfig(url string) StoreConfig {
	cfg := DefaultStore()
	cfg.Bucket, cfg.Endpoint, cfg.PathStyle, cfg.Region = bucket, url, true, "eu-west-1"
	cfg.AccessKeyID, cfg.SecretAccessKey = "key", "secret"
	cfg.PartSize, cfg.Timeout, cfg.MaxAttempts = minPart, time.Minute, 2
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
	server := fake(t)
	storetest.Run(t, storetest.Subject{
		New: func(t *testing.T, url string, timeout time.Duration) spool.Store {
			cfg := testConfig(url)
			cfg.Prefix, cfg.Timeout = "/over/flow/"+t.Name()+"/", timeout
			return open(t, cfg)
		},
		Server: server,
		Large:  minPart,
	})
}

// TestRealServer runs the suite against a server of the user's: PENSTOCK_S3_ENDPOINT, _BUCKET
// (made if missing), _ACCESS_KEY_ID, _SECRET_ACCESS_KEY, _REGION.
func TestRealServer(t *testing.T) {
	t.Parallel()
	endpoint := os.Getenv("PENSTOCK_S3_ENDPOINT")
	if endpoint == "" {
		t.Skip("PENSTOCK_S3_ENDPOINT is not set")
	}
	env := func(name, otherwise string) string {
		if v := os.Getenv("PENSTOCK_S3_" + name); v != "" {
			return v
		}
		return otherwise
	}
	cfg := testConfig(endpoint)
	cfg.Bucket, cfg.Region = env("BUCKET", "penstock-test"), env("REGION", "us-east-1")
	cfg.AccessKeyID, cfg.SecretAccessKey = env("ACCESS_KEY_ID", "key"), env("SECRET_ACCESS_KEY", "secret")
	direct := open(t, cfg)
	if _, err := direct.client.do(t.Context(), call{method: http.MethodPut}); err != nil &&
		!strings.Contains(err.Error(), "BucketAlreadyOwnedByYou") {
		t.Fatal(err)
	}
	storetest.RunReal(
		t, endpoint, minPart, direct,
		func(t *testing.T, url, prefix string, timeout time.Duration) spool.Store {
			cfg := cfg
			cfg.Endpoint, cfg.Prefix, cfg.Timeout = url, prefix, timeout
			return open(t, cfg)
		},
	)
}
