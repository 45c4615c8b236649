package s3

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock/penstock/spool"
	"github.com/penstock/penstock/spool/storetest"
)

// recorder keeps the headers of uploads and passes them on.
type recorder struct {
	mu   sync.Mutex
	next http.Handler
	seen []*http.Request
}

func (rec *recorder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rec.mu.Lock()
	rec.seen = append(rec.seen, r.Clone(r.Context()))
	rec.mu.Unlock()
	rec.next.ServeHTTP(w, r)
}

// find returns the requests of a method whose query holds sub.
func (rec *recorder) find(method, sub string) []*http.Request {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	var out []*http.Request
	for _, r := range rec.seen {
		if r.Method == method && strings.Contains(r.URL.RawQuery, sub) {
			out = append(out, r)
		}
	}
	return out
}

func put(t *testing.T, s *Store, key string, data []byte, opts spool.PutOptions) {
	t.Helper()
	if err := s.Put(t.Context(), key, bytes.NewReader(data), int64(len(data)), opts); err != nil {
		t.Fatal(err)
	}
}

func TestAttributesReachTheServer(t *testing.T) {
	t.Parallel()
	rec := &recorder{next: fake(t)}
	proxy := storetest.NewProxy(t, rec)
	cfg := testConfig(proxy.URL)
	cfg.StorageClass, cfg.ACL, cfg.Tags = "STANDARD_IA", "bucket-owner-full-control", map[string]string{
		"team": "a&b",
	}
	cfg.Encryption = &Encryption{
		Type:      "aws:kms",
		KMSKeyID:  "key-1",
		BucketKey: true,
		Context:   map[string]string{"app": "x"},
	}
	cfg.ExpectedBucketOwner = "123456789012"
	s := open(t, cfg)
	small, large := []byte("hello"), make([]byte, minPart+1)
	put(
		t,
		s,
		"small",
		small,
		spool.PutOptions{
			ContentType:     "text/plain",
			ContentEncoding: "gzip",
			Metadata:        map[string]string{"k": "v"},
		},
	)
	put(
		t,
		s,
		"large",
		large,
		spool.PutOptions{
			ContentType:     "text/plain",
			ContentEncoding: "gzip",
			Metadata:        map[string]string{"k": "v"},
		},
	)
	requests := append(
		slices.DeleteFunc(rec.find("PUT", ""), func(r *http.Request) bool { return r.URL.RawQuery != "" }),
		rec.find("POST", "uploads")...,
	)
	if len(requests) != 2 {
		t.Fatalf("%d requests, want one put and one begin of an upload", len(requests))
	}
	for _, r := range requests {
		for header, want := range map[string]string{
			"X-Amz-Storage-Class": "STANDARD_IA", "X-Amz-Acl": "bucket-owner-full-control", "X-Amz-Tagging": "team=a%26b",
			"X-Amz-Server-Side-Encryption": "aws:kms", "X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id": "key-1",
			"X-Amz-Server-Side-Encryption-Bucket-Key-Enabled": "true",
			"X-Amz-Server-Side-Encryption-Context":            base64.StdEncoding.EncodeToString([]byte(`{"app":"x"}`)),
			"X-Amz-Expected-Bucket-Owner":                     "123456789012", "X-Amz-Meta-K": "v",
			"Content-Type": "text/plain", "Content-Encoding": "gzip",
		} {
			if got := r.Header.Get(header); got != want {
				t.Errorf("%s %s: %s is %q, want %q", r.Method, r.URL, header, got, want)
			}
		}
		if auth := r.Header.Get("Authorization"); !strings.Contains(auth, "/eu-west-1/s3/") {
			t.Errorf("signed with %q", auth)
		}
	}
	sum := base64.StdEncoding.EncodeToString(
		binary.BigEndian.AppendUint32(nil, crc32.Checksum(small, castagnoli)),
	)
	if got := requests[0].Header.Get("X-Amz-Checksum-Crc32c"); got != sum {
		t.Errorf("checksum %q, want %q", got, sum)
	}
	for _, r := range rec.find("PUT", "partNumber=") {
		if r.Header.Get("X-Amz-Checksum-Crc32c") == "" {
			t.Errorf("part without a checksum: %v", r.Header)
		}
	}
}

func TestChecksumChoices(t *testing.T) {
	t.Parallel()
	for checksum, header := range map[string]string{"md5": "Content-Md5", "crc32c": "X-Amz-Checksum-Crc32c", "none": ""} {
		rec := &recorder{next: fake(t)}
		proxy := storetest.NewProxy(t, rec)
		cfg := testConfig(proxy.URL)
		cfg.Checksum = checksum
		s := open(t, cfg)
		put(t, s, "small", []byte("x"), spool.PutOptions{})
		put(t, s, "large", make([]byte, 2*minPart), spool.PutOptions{})
		for _, r := range rec.find("PUT", "") {
			for _, h := range []string{"Content-Md5", "X-Amz-Checksum-Crc32c"} {
				if got := r.Header.Get(h); (got != "") != (h == header) {
					t.Errorf("%s: %s: %s is %q", checksum, r.URL, h, got)
				}
			}
			if r.Header.Get("X-Amz-Trailer") != "" ||
				strings.Contains(r.Header.Get("Content-Encoding"), "aws-chunked") {
				t.Errorf("%s: %s: a trailer, which few servers know", checksum, r.URL)
			}
		}
	}
}

// A server that finds the data damaged on the way must not keep it.
func TestDamagedDataIsRefusedByTheServer(t *testing.T) {
	t.Parallel()
	proxy := storetest.NewProxy(t, fake(t))
	cfg := testConfig(proxy.URL)
	cfg.Checksum = "md5"
	s := open(t, cfg)
	proxy.Set(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method == http.MethodPut {
			data, _ := io.ReadAll(r.Body)
			data[len(data)/2] ^= 1
			r.Body = io.NopCloser(bytes.NewReader(data))
		}
		next.ServeHTTP(w, r)
	})
	err := s.Put(t.Context(), "k", strings.NewReader("some data"), 9, spool.PutOptions{})
	if err == nil || errors.Is(err, spool.ErrRefused) {
		t.Fatalf("error %v, want a retryable one", err)
	}
	if _, _, err := s.Get(t.Context(), "k"); !errors.Is(err, spool.ErrNotFound) {
		t.Fatalf("get: %v, want ErrNotFound", err)
	}
}

func TestFailedUploadIsAborted(t *testing.T) {
	t.Parallel()
	proxy := storetest.NewProxy(t, fake(t))
	s := open(t, testConfig(proxy.URL))
	proxy.Set(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.URL.Query().Get("partNumber") == "2" {
			storetest.Status(http.StatusServiceUnavailable)(w, r, next)
			return
		}
		next.ServeHTTP(w, r)
	})
	if err := s.Put(
		t.Context(), "k", bytes.NewReader(make([]byte, 3*minPart)), 3*minPart, spool.PutOptions{},
	); err == nil {
		t.Fatal("no error")
	}
	var out struct {
		Uploads []struct{ Key string } `xml:"Upload"`
	}
	if _, err := s.client.do(t.Context(), call{
		method: http.MethodGet, query: url.Values{"uploads": {""}}, into: &out,
	}); err != nil {
		t.Fatal(err)
	}
	if len(out.Uploads) != 0 {
		t.Fatalf("%d uploads left behind", len(out.Uploads))
	}
}

// ignore takes the condition away, as servers do that do not know it.
func ignore(w http.ResponseWriter, r *http.Request, next http.Handler) {
	r.Header.Del("If-None-Match")
	next.ServeHTTP(w, r)
}

func TestServerWithoutConditionalWrites(t *testing.T) {
	t.Parallel()
	absent := spool.PutOptions{IfAbsent: true}
	t.Run("ignored", func(t *testing.T) {
		proxy := storetest.NewProxy(t, fake(t))
		proxy.Set(ignore)
		s := open(t, testConfig(proxy.URL))
		err := s.Put(t.Context(), "k", strings.NewReader("x"), 1, absent)
		if !errors.Is(err, spool.ErrRefused) ||
			!strings.Contains(err.Error(), "conditional_writes") {
			t.Fatalf("error %v, want a refusal that names the option", err)
		}
	})
	t.Run("not implemented", func(t *testing.T) {
		proxy := storetest.NewProxy(t, fake(t))
		proxy.Set(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			if r.Header.Get("If-None-Match") != "" {
				respond(w, http.StatusNotImplemented, "NotImplemented")
				return
			}
			next.ServeHTTP(w, r)
		})
		s := open(t, testConfig(proxy.URL))
		err := s.Put(t.Context(), "k", strings.NewReader("x"), 1, absent)
		if !errors.Is(err, spool.ErrRefused) ||
			!strings.Contains(err.Error(), "conditional_writes") {
			t.Fatalf("error %v, want a refusal that names the option", err)
		}
	})
	t.Run("head", func(t *testing.T) {
		proxy := storetest.NewProxy(t, fake(t))
		proxy.Set(ignore)
		cfg := testConfig(proxy.URL)
		cfg.ConditionalWrites = "head"
		s := open(t, cfg)
		put(t, s, "k", []byte("x"), absent)
		if err := s.Put(t.Context(), "k", strings.NewReader("y"), 1, absent); !errors.Is(err, spool.ErrExists) {
			t.Fatalf("error %v, want ErrExists", err)
		}
	})
	t.Run("tried out once", func(t *testing.T) {
		proxy := storetest.NewProxy(t, fake(t))
		s := open(t, testConfig(proxy.URL))
		put(t, s, "a", []byte("x"), absent)
		before := proxy.Requests()
		put(t, s, "b", []byte("x"), absent)
		if n := proxy.Requests() - before; n != 1 {
			t.Fatalf("%d requests for a second claim, want 1", n)
		}
	})
}

// A key that is said to be taken, and is not there when asked for, is claimed again: the other
// writer deleted it, or failed.
func TestClaimOfAKeyThatVanishes(t *testing.T) {
	t.Parallel()
	proxy := storetest.NewProxy(t, fake(t))
	var refused atomic.Int32
	proxy.Set(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method == http.MethodPut && refused.Add(1) == 1 {
			respond(w, http.StatusPreconditionFailed, "PreconditionFailed")
			return
		}
		next.ServeHTTP(w, r)
	})
	cfg := testConfig(proxy.URL)
	cfg.MaxAttempts = 2
	s := open(t, cfg)
	if err := s.Put(
		t.Context(), "k", strings.NewReader("x"), 1, spool.PutOptions{IfAbsent: true},
	); err != nil {
		t.Fatal(err)
	}
	if err := s.Put(
		t.Context(), "k", strings.NewReader("y"), 1, spool.PutOptions{IfAbsent: true},
	); !errors.Is(err, spool.ErrExists) {
		t.Fatalf("error %v, want ErrExists", err)
	}
}

func respond(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	fmt.Fprintf(w, `<?xml version="1.0"?><Error><Code>%s</Code><Message>m</Message></Error>`, code)
}

func TestErrorClasses(t *testing.T) {
	t.Parallel()
	proxy := storetest.NewProxy(t, fake(t))
	cfg := testConfig(proxy.URL)
	cfg.MaxAttempts = 1
	s := open(t, cfg)
	for _, c := range []struct {
		status  int
		code    string
		refused bool
	}{
		{403, "AccessDenied", true}, {403, "InvalidAccessKeyId", true}, {403, "SignatureDoesNotMatch", true}, {404, "NoSuchBucket", true},
		{400, "InvalidArgument", true}, {400, "KeyTooLongError", true}, {400, "EntityTooLarge", true}, {301, "PermanentRedirect", true},
		{405, "MethodNotAllowed", true}, {501, "NotImplemented", true},
		{400, "RequestTimeout", false}, {400, "ExpiredToken", false}, {400, "BadDigest", false}, {500, "InternalError", false},
		{503, "SlowDown", false}, {503, "ServiceUnavailable", false}, {409, "OperationAborted", false}, {429, "TooManyRequests", false},
	} {
		proxy.Set(func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("X-Amz-Bucket-Region", "ap-south-1")
			respond(w, c.status, c.code)
		})
		err := s.Put(t.Context(), "k", strings.NewReader("x"), 1, spool.PutOptions{})
		if err == nil || errors.Is(err, spool.ErrRefused) != c.refused ||
			errors.Is(err, spool.ErrNotFound) {
			t.Errorf("%d %s: %v; want refused %v", c.status, c.code, err, c.refused)
		}
		if c.status == 301 && !strings.Contains(err.Error(), "ap-south-1") {
			t.Errorf("%v: does not name the region", err)
		}
		if c.code == "NoSuchBucket" {
			if _, _, err := s.Get(t.Context(), "k"); !errors.Is(err, spool.ErrRefused) ||
				errors.Is(err, spool.ErrNotFound) {
				t.Errorf("get without a bucket: %v, want ErrRefused", err)
			}
		}
	}
}

// A server that lists out of order would have an overflow replayed out of order.
func TestListOutOfOrderIsAnError(t *testing.T) {
	t.Parallel()
	proxy := storetest.NewProxy(t, fake(t))
	proxy.Set(func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		fmt.Fprint(
			w,
			`<?xml version="1.0"?><ListBucketResult><Name>acme</Name><IsTruncated>false</IsTruncated>`+
				`<Contents><Key>b</Key><Size>1</Size></Contents><Contents><Key>a</Key><Size>1</Size></Contents></ListBucketResult>`,
		)
	})
	s := open(t, testConfig(proxy.URL))
	var keys []string
	var last error
	for o, err := range s.List(t.Context(), "") {
		keys, last = append(keys, o.Key), err
	}
	if !errors.Is(last, spool.ErrRefused) || !slices.Equal(keys, []string{"b", ""}) {
		t.Fatalf("listed %q, error %v", keys, last)
	}
}

// Parts are read as they are sent: memory does not grow with the object, nor is the object read
// twice at once.
func TestPartsInFlightAreBounded(t *testing.T) {
	t.Parallel()
	server := fake(t)
	var now, peak atomic.Int64
	proxy := storetest.NewProxy(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("partNumber") != "" {
			n := now.Add(1)
			defer now.Add(-1)
			for p := peak.Load(); n > p && !peak.CompareAndSwap(p, n); p = peak.Load() {
			}
		}
		server.ServeHTTP(w, r)
	}))
	cfg := testConfig(proxy.URL)
	cfg.PartConcurrency, cfg.Timeout = 2, 10*time.Second
	put(t, open(t, cfg), "k", make([]byte, 8*minPart), spool.PutOptions{})
	if p := peak.Load(); p > 2 {
		t.Fatalf("%d parts at once, want at most 2", p)
	}
}

func TestPartSize(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ size, part, want int64 }{
		{1 << 30, 16 << 20, 16 << 20},
		{5 << 40, 16 << 20, 525 << 20},
		{160_000 << 20, 16 << 20, 16 << 20},
		{160_000<<20 + 1, 16 << 20, 17 << 20},
	} {
		got := partSize(c.size, c.part)
		if got != c.want || (c.size+got-1)/got > maxParts {
			t.Errorf("partSize(%d, %d) = %d, want %d", c.size, c.part, got, c.want)
		}
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	cfg := StoreConfig{
		Bucket:            "s3://b/x",
		Endpoint:          "localhost",
		AccessKeyID:       "a",
		Profile:           "p",
		ACL:               "all",
		PartSize:          1,
		Checksum:          "sha",
		ConditionalWrites: "maybe",
		CAFile:            "/nonexistent",
		AssumeRole:        &AssumeRole{ARN: "role"},
		Encryption:        &Encryption{Type: "AES256", KMSKeyID: "k"},
	}
	err := cfg.Validate()
	for _, attribute := range []string{
		"bucket", "endpoint", "access_key_id", "profile", "acl", "part_size", "part_concurrency", "checksum", "conditional_writes", "timeout", "max_attempts",
		"ca_file", "assume_role.arn", "assume_role.duration", "encryption.type",
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
