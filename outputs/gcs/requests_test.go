package gcs

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock/penstock/spool"
	"github.com/penstock/penstock/spool/storetest"
)

// Attributes are looked at in the requests: the metadata part of a small upload, the first request
// of a large one.
func TestAttributesReachTheServer(t *testing.T) {
	t.Parallel()
	server := fake(t)
	var mu sync.Mutex
	var sent []map[string]any
	proxy := storetest.NewProxy(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && !r.URL.Query().Has("upload_id") {
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(body))
			part := body
			if kind, params, err := mime.ParseMediaType(
				r.Header.Get("Content-Type"),
			); err == nil &&
				strings.HasPrefix(kind, "multipart/") {
				if p, err := multipart.NewReader(bytes.NewReader(body), params["boundary"]).
					NextPart(); err == nil {
					part, _ = io.ReadAll(p)
				}
			}
			m := map[string]any{
				"kmsKeyName in query": r.URL.Query().Get("kmsKeyName"),
				"acl in query":        r.URL.Query().Get("predefinedAcl"),
				"project":             r.URL.Query().Get("userProject"),
			}
			_ = json.Unmarshal(part, &m)
			mu.Lock()
			sent = append(sent, m)
			mu.Unlock()
		}
		server.ServeHTTP(w, r)
	}))
	cfg := testConfig(proxy.URL)
	cfg.StorageClass, cfg.PredefinedACL, cfg.UserProject = "NEARLINE", "projectPrivate", "billing"
	cfg.KMSKey = "projects/p/locations/l/keyRings/r/cryptoKeys/k"
	s := open(t, cfg)
	for _, size := range []int{5, 3 << 20} {
		err := s.Put(
			t.Context(),
			fmt.Sprint(size),
			bytes.NewReader(make([]byte, size)),
			int64(size),
			spool.PutOptions{
				ContentType:     "text/plain",
				ContentEncoding: "gzip",
				Metadata:        map[string]string{"k": "v"},
			},
		)
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(sent) != 2 {
		t.Fatalf("%d uploads begun, want 2", len(sent))
	}
	for i, m := range sent {
		for key, want := range map[string]string{
			"storageClass": "NEARLINE", "contentType": "text/plain", "contentEncoding": "gzip", "metadata": "map[k:v]",
			"kmsKeyName in query": cfg.KMSKey, "acl in query": "projectPrivate", "project": "billing",
			"crc32c": checksum([...]int{5, 3 << 20}[i]),
		} {
			if got := fmt.Sprint(m[key]); got != want {
				t.Errorf("upload %d: %s is %q, want %q", i, key, got, want)
			}
		}
	}
}

func checksum(zeros int) string { return castagnoliOf(make([]byte, zeros)) }

func castagnoliOf(data []byte) string {
	sum := crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli))
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, sum))
}

func TestErrorClasses(t *testing.T) {
	t.Parallel()
	proxy := storetest.NewProxy(t, fake(t))
	cfg := testConfig(proxy.URL)
	cfg.MaxAttempts = 1
	s := open(t, cfg)
	for _, c := range []struct {
		status  int
		reason  string
		refused bool
	}{
		{403, "forbidden", true}, {403, "accountDisabled", true}, {401, "authError", true}, {404, "notFound", true}, {400, "invalid", true},
		{403, "rateLimitExceeded", false}, {403, "userRateLimitExceeded", false}, {429, "rateLimitExceeded", false}, {408, "timeout", false},
		{500, "backendError", false}, {503, "backendError", false}, {410, "gone", false}, {409, "conflict", false},
	} {
		proxy.Set(func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(c.status)
			fmt.Fprintf(
				w, `{"error":{"code":%d,"message":"m","errors":[{"reason":%q,"message":"m"}]}}`,
				c.status, c.reason,
			)
		})
		err := s.Put(t.Context(), "k", strings.NewReader("x"), 1, spool.PutOptions{})
		if err == nil || errors.Is(err, spool.ErrRefused) != c.refused {
			t.Errorf("%d %s: %v; want refused %v", c.status, c.reason, err, c.refused)
		}
	}
}

func TestMissingBucketIsRefused(t *testing.T) {
	t.Parallel()
	proxy := storetest.NewProxy(t, fake(t))
	cfg := testConfig(proxy.URL)
	cfg.Bucket = "no-such-bucket"
	s := open(t, cfg)
	if err := s.Put(t.Context(), "k", strings.NewReader("x"), 1, spool.PutOptions{}); !errors.Is(err, spool.ErrRefused) {
		t.Errorf("put: %v, want ErrRefused", err)
	}
	for _, err := range s.List(t.Context(), "") {
		if !errors.Is(err, spool.ErrRefused) {
			t.Errorf("list: %v, want ErrRefused", err)
		}
	}
}

// A failing upload ends after max_attempts; the client library alone would go on for ever.
func TestUploadAttemptsAreBounded(t *testing.T) {
	t.Parallel()
	proxy := storetest.NewProxy(t, fake(t))
	cfg := testConfig(proxy.URL)
	cfg.MaxAttempts = 3
	s := open(t, cfg)
	proxy.Set(storetest.Status(http.StatusServiceUnavailable))
	if err := s.Put(t.Context(), "k", strings.NewReader("x"), 1, spool.PutOptions{}); err == nil {
		t.Fatal("no error")
	}
	if n := proxy.Requests(); n != 3 {
		t.Fatalf("%d requests, want 3", n)
	}
}

// Credentials of a service account, named or application-default, are exchanged for a token, and
// the token goes along.
func TestCredentialsBecomeTokens(t *testing.T) {
	for name, use := range map[string]func(t *testing.T, cfg *StoreConfig, file string){
		"credentials_file":    func(_ *testing.T, cfg *StoreConfig, file string) { cfg.CredentialsFile = file },
		"application default": func(t *testing.T, _ *StoreConfig, file string) { t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", file) },
		"of gcloud": func(t *testing.T, _ *StoreConfig, file string) {
			t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", "")
			t.Setenv("CLOUDSDK_CONFIG", "")
			home := t.TempDir()
			t.Setenv("HOME", home)
			dir := filepath.Join(home, ".config", "gcloud")
			if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(file, filepath.Join(dir, "application_default_credentials.json")); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("STORAGE_EMULATOR_HOST", "")
			var mu sync.Mutex
			var auth []string
			gcs := httptest.NewTLSServer(
				http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					mu.Lock()
					auth = append(auth, r.Header.Get("Authorization"))
					mu.Unlock()
				}),
			)
			defer gcs.Close()
			tokens := httptest.NewServer(
				http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Content-Type", "application/json")
					fmt.Fprint(
						w, `{"access_token":"tok-1","token_type":"Bearer","expires_in":3600}`,
					)
				}),
			)
			defer tokens.Close()
			file := filepath.Join(t.TempDir(), "creds.json")
			if err := os.WriteFile(
				file,
				fmt.Appendf(
					nil,
					`{"type":"service_account","client_email":"a@b","private_key_id":"1","private_key":%q,"token_uri":%q}`,
					testKey(t), tokens.URL,
				),
				0o600,
			); err != nil {
				t.Fatal(err)
			}
			cfg := testConfig(gcs.URL)
			use(t, &cfg, file)
			s := open(t, cfg)
			c, err := s.open()
			if err != nil {
				t.Fatal(err)
			}
			c.base.TLSClientConfig = gcs.Client().Transport.(*http.Transport).TLSClientConfig
			_ = s.Delete(t.Context(), "k")
			mu.Lock()
			defer mu.Unlock()
			if len(auth) == 0 || auth[0] != "Bearer tok-1" {
				t.Fatalf("authorization %q, want the token", auth)
			}
		})
	}
}

func TestMissingCredentialsAreAnErrorOfThePutAndNotOfTheStart(t *testing.T) {
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nonexistent/creds.json")
	t.Setenv("STORAGE_EMULATOR_HOST", "")
	cfg := testConfig("")
	s := open(t, cfg)
	start := time.Now()
	if err := s.Put(t.Context(), "k", strings.NewReader("x"), 1, spool.PutOptions{}); !errors.Is(err, spool.ErrRefused) {
		t.Fatalf("error %v, want ErrRefused", err)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Fatalf("took %v", took)
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	cfg := StoreConfig{
		Bucket:          "gs://b",
		Endpoint:        "localhost",
		Anonymous:       true,
		CredentialsFile: "/nonexistent",
		StorageClass:    "COOL",
		KMSKey:          "key",
		PredefinedACL:   "all",
		ChunkSize:       1000,
	}
	err := cfg.Validate()
	for _, attribute := range []string{
		"bucket", "endpoint", "credentials_file", "anonymous", "storage_class", "kms_key", "predefined_acl", "chunk_size", "timeout", "max_attempts",
	} {
		if err == nil || !strings.Contains("\n"+err.Error(), "\n"+attribute+": ") {
			t.Errorf("no complaint about %s in:\n%v", attribute, err)
		}
	}
	good := DefaultStore()
	good.Bucket = "b"
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
}
