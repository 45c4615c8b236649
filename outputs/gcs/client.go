package gcs

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"cloud.google.com/go/storage"
	"github.com/googleapis/gax-go/v2"
	"github.com/penstock/penstock/spool"
	"github.com/penstock/penstock/spool/storehttp"
	"google.golang.org/api/option"
	htransport "google.golang.org/api/transport/http"
)

// newClient finds the credentials, which may ask the metadata server, and opens no connection to
// GCS.
func newClient(cfg *StoreConfig) (*storage.Client, *http.Transport, error) {
	base := http.DefaultTransport.(*http.Transport).Clone()
	storehttp.Configure(base, cfg.Timeout)
	base.MaxIdleConnsPerHost = 16

	endpoint := cfg.Endpoint
	if endpoint == "" {
		endpoint = os.Getenv("STORAGE_EMULATOR_HOST")
		if endpoint != "" && !strings.Contains(endpoint, "://") {
			endpoint = "http://" + endpoint
		}
	}
	ctx := context.Background()
	client := &http.Client{Transport: storedBytes{base}}
	if !cfg.Anonymous && !strings.HasPrefix(endpoint, "http:") {
		auth := []option.ClientOption{option.WithScopes(storage.ScopeReadWrite)}
		if cfg.CredentialsFile != "" {
			kind, err := credentialsType(cfg.CredentialsFile)
			if err != nil {
				return nil, nil, fmt.Errorf("credentials_file: %w", err)
			}
			auth = append(auth, option.WithAuthCredentialsFile(kind, cfg.CredentialsFile))
		}
		tr, err := htransport.NewTransport(ctx, storedBytes{base}, auth...)
		if err != nil {
			return nil, nil, fmt.Errorf("%w: credentials: %w", spool.ErrRefused, err)
		}
		client.Transport = tr
	}
	opts := []option.ClientOption{
		option.WithHTTPClient(client),
		storage.WithJSONReads(),
		storage.WithDisabledClientMetrics(),
	}
	if endpoint != "" {
		opts = append(
			opts,
			option.WithEndpoint(
				strings.TrimSuffix(strings.TrimSuffix(endpoint, "/"), "/storage/v1")+"/storage/v1/",
			),
		)
	}
	c, err := storage.NewClient(ctx, opts...)
	if err != nil {
		return nil, nil, err
	}
	// All that is done here may be done twice: puts overwrite or claim, deletes take a missing
	// object for deleted.
	c.SetRetry(
		storage.WithPolicy(storage.RetryAlways), storage.WithMaxAttempts(cfg.MaxAttempts),
		storage.WithBackoff(backoff),
	)
	return c, base, nil
}

var backoff = gax.Backoff{Initial: 200 * time.Millisecond, Max: 5 * time.Second, Multiplier: 2}

// storedBytes asks for objects as they are stored. Without the header GCS would decompress those
// with the content encoding gzip, and Go's transport would if it had set the header by itself. The
// client library's own way works only for its XML reads, which emulators lack.
type storedBytes struct{ base http.RoundTripper }

func (t storedBytes) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodGet && r.URL.Query().Get("alt") == "media" {
		r = r.Clone(r.Context())
		r.Header.Set("Accept-Encoding", "gzip")
	}
	return t.base.RoundTrip(r)
}

// credentialsType tells what kind of credentials a file holds. The file is the operator's own, so
// every kind is trusted.
func credentialsType(path string) (option.CredentialsType, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	var file struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return "", fmt.Errorf("not a Google credentials file: %w", err)
	}
	return option.CredentialsType(file.Type), nil
}
