package gcs

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/penstock/penstock/spool"
	"github.com/penstock/penstock/spool/storehttp"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"
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
		tokens := context.WithValue(
			context.Background(), oauth2.HTTPClient, &http.Client{Transport: base},
		)
		creds, err := findCredentials(tokens, cfg.CredentialsFile)
		if err != nil {
			return nil, fmt.Errorf("%w: credentials: %w", spool.ErrRefused, err)
		}
		c.http.Transport = &oauth2.Transport{
			Source: creds.TokenSource, Base: billed{quotaProject(creds), base},
		}
		if endpoint == "" {
			domain, err := creds.GetUniverseDomain()
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

// findCredentials reads the file, whatever kind of credentials it holds: it is the operator's own.
func findCredentials(ctx context.Context, file string) (*google.Credentials, error) {
	if file == "" {
		return google.FindDefaultCredentials(ctx, scope)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("credentials_file: %w", err)
	}
	var kind struct {
		Type google.CredentialsType `json:"type"`
	}
	if err := json.Unmarshal(text, &kind); err != nil {
		return nil, fmt.Errorf("credentials_file: not a Google credentials file: %w", err)
	}
	creds, err := google.CredentialsFromJSONWithType(ctx, text, kind.Type, scope)
	if err != nil {
		return nil, fmt.Errorf("credentials_file: %w", err)
	}
	return creds, nil
}

// quotaProject is the project that pays for the requests of users, who have none of their own.
func quotaProject(creds *google.Credentials) string {
	if project := os.Getenv("GOOGLE_CLOUD_QUOTA_PROJECT"); project != "" {
		return project
	}
	var file struct {
		QuotaProject string `json:"quota_project_id"`
	}
	_ = json.Unmarshal(creds.JSON, &file) // the metadata server's have none
	return file.QuotaProject
}

// billed says whose quota a request counts against.
type billed struct {
	project string
	base    http.RoundTripper
}

func (t billed) RoundTrip(r *http.Request) (*http.Response, error) {
	if t.project != "" {
		r = r.Clone(r.Context())
		r.Header.Set("X-Goog-User-Project", t.project)
	}
	return t.base.RoundTrip(r)
}
