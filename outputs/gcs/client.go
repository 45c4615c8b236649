package gcs

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"

	"cloud.google.com/go/auth"
	"cloud.google.com/go/auth/credentials"
	"github.com/penstock/penstock/spool"
	"github.com/penstock/penstock/spool/storehttp"
)

// scope is what a token is asked for.
const scope = "https://www.googleapis.com/auth/devstorage.read_write"

// newClient finds the credentials, which may ask the metadata server, and opens no connection to
// GCS.
func newClient(cfg *StoreConfig) (*client, error) {
	base := http.DefaultTransport.(*http.Transport).Clone()
	storehttp.Configure(base, cfg.Timeout)
	base.MaxIdleConnsPerHost = 16
	base.DisableCompression = true // objects are read as they are stored

	endpoint := cfg.Endpoint
	if endpoint == "" {
		endpoint = os.Getenv("STORAGE_EMULATOR_HOST")
		if endpoint != "" && !strings.Contains(endpoint, "://") {
			endpoint = "http://" + endpoint
		}
	}
	c := &client{cfg: cfg, base: base, root: "https://storage.googleapis.com"}
	c.http.Transport = base
	// 308 is an answer here: a chunk was taken.
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}
	if !cfg.Anonymous && !strings.HasPrefix(endpoint, "http:") {
		creds, err := findCredentials(cfg.CredentialsFile, &http.Client{Transport: base})
		if err != nil {
			return nil, fmt.Errorf("%w: credentials: %w", spool.ErrRefused, err)
		}
		c.http.Transport = &authorized{creds: creds, base: base}
		if endpoint == "" {
			domain, err := creds.UniverseDomain(context.Background())
			if err != nil {
				return nil, fmt.Errorf("credentials: universe domain: %w", err)
			}
			c.root = "https://storage." + domain
		}
	}
	if endpoint != "" {
		c.root = strings.TrimSuffix(strings.TrimSuffix(endpoint, "/"), "/storage/v1")
	}
	return c, nil
}

func findCredentials(file string, tokens *http.Client) (*auth.Credentials, error) {
	opts := &credentials.DetectOptions{Scopes: []string{scope}, Client: tokens}
	if file == "" {
		return credentials.DetectDefault(opts)
	}
	kind, err := credentialsType(file)
	if err != nil {
		return nil, fmt.Errorf("credentials_file: %w", err)
	}
	return credentials.NewCredentialsFromFile(kind, file, opts)
}

// credentialsType tells what kind of credentials a file holds. The file is the operator's own, so
// every kind is trusted.
func credentialsType(path string) (credentials.CredType, error) {
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
	return credentials.CredType(file.Type), nil
}

// authorized sends a token along with every request.
type authorized struct {
	creds *auth.Credentials
	base  http.RoundTripper
}

func (t *authorized) RoundTrip(r *http.Request) (*http.Response, error) {
	token, err := t.creds.Token(r.Context())
	var quota string
	if err == nil {
		quota, err = t.creds.QuotaProjectID(r.Context())
	}
	if err != nil {
		if r.Body != nil {
			r.Body.Close()
		}
		return nil, fmt.Errorf("token: %w", err)
	}
	kind := token.Type
	if kind == "" {
		kind = "Bearer"
	}
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", kind+" "+token.Value)
	if quota != "" {
		r.Header.Set("X-Goog-User-Project", quota)
	}
	return t.base.RoundTrip(r)
}
