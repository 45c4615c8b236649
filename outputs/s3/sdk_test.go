package s3

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/penstock/penstock/spool"
	"github.com/penstock/penstock/spool/storetest"
)

// catcher keeps the last request and answers it with nothing.
type catcher struct{ last *http.Request }

func (c *catcher) Do(r *http.Request) (*http.Response, error) {
	c.last = r
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Etag": {`"e"`}}, Request: r,
		Body: io.NopCloser(strings.NewReader("")),
	}, nil
}

var scope = regexp.MustCompile(`Credential=[^/]*/\d*/([^,]*)`)

func summary(r *http.Request) string {
	found := scope.FindStringSubmatch(r.Header.Get("Authorization"))
	if found == nil {
		return r.Method + " " + r.URL.String() + " unsigned"
	}
	u := *r.URL
	u.RawQuery = ""
	return fmt.Sprintf("%s %s signed for %s", r.Method, u.String(), found[1])
}

// A bucket is where Amazon's SDK says it is, and keys are escaped as it does.
func TestRequestsGoWhereTheSDKSendsThem(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*StoreConfig)
		env    map[string]string
	}{
		"plain":      {change: func(*StoreConfig) {}},
		"path style": {change: func(c *StoreConfig) { c.PathStyle = true }},
		"dots":       {change: func(c *StoreConfig) { c.Bucket = "my.own.bucket" }},
		"China":      {change: func(c *StoreConfig) { c.Region = "cn-north-1" }},
		"endpoint":   {change: func(c *StoreConfig) { c.Endpoint = "https://s3.example.com:9000" }},
		"endpoint with a path": {change: func(c *StoreConfig) {
			c.Endpoint, c.PathStyle = "http://example.com/s3/", true
		}},
		"access point": {change: func(c *StoreConfig) {
			c.Bucket = "arn:aws:s3:eu-west-1:123456789012:accesspoint/logs"
		}},
		"FIPS":       {change: func(*StoreConfig) {}, env: map[string]string{"AWS_USE_FIPS_ENDPOINT": "true"}},
		"dual stack": {change: func(*StoreConfig) {}, env: map[string]string{"AWS_USE_DUALSTACK_ENDPOINT": "true"}},
		"endpoint of the environment": {change: func(*StoreConfig) {}, env: map[string]string{
			"AWS_ENDPOINT_URL_S3": "http://minio.example.com:9000",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			for k, v := range c.env {
				t.Setenv(k, v)
			}
			cfg := testConfig("")
			cfg.PathStyle = false
			c.change(&cfg)
			s := open(t, cfg)
			ours := &catcher{}
			s.client.http = ours
			ac, err := loadConfig(&cfg, awshttp.NewBuildableClient())
			if err != nil {
				t.Fatal(err)
			}
			theirs := &catcher{}
			sdk := s3.NewFromConfig(ac, func(o *s3.Options) {
				o.HTTPClient, o.UsePathStyle = theirs, cfg.PathStyle
				if cfg.Endpoint != "" {
					o.BaseEndpoint = &cfg.Endpoint
				}
			})
			for _, key := range []string{
				"k", "a/b/c.log.gz", "dt=2026-11-28/hr=00/x y+z%20.gz", "ä/✓", "a//b", "!*'();:@&=$,?#[]~_-.",
			} {
				if _, err := s.client.do(
					t.Context(), call{method: http.MethodHead, key: key},
				); err != nil {
					t.Fatal(err)
				}
				_, _ = sdk.HeadObject(
					context.Background(), &s3.HeadObjectInput{Bucket: &cfg.Bucket, Key: aws.String(key)},
				)
				if got, want := summary(ours.last), summary(theirs.last); got != want {
					t.Errorf("%q:\n%s, the SDK:\n%s", key, got, want)
				}
			}
		})
	}
}

// The end of an upload in parts answers 200 before it knows how it ends.
func TestCompletionThatSaysOKAndFails(t *testing.T) {
	t.Parallel()
	proxy := storetest.NewProxy(t, fake(t))
	failures := 1
	proxy.Set(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method == http.MethodPost && r.URL.Query().Has("uploadId") && failures > 0 {
			failures--
			respond(w, http.StatusOK, "InternalError")
			return
		}
		next.ServeHTTP(w, r)
	})
	s := open(t, testConfig(proxy.URL))
	put(t, s, "k", make([]byte, 2*minPart), spool.PutOptions{})
	failures = 2 // as many as there are attempts
	if err := s.Put(
		t.Context(), "l", strings.NewReader(strings.Repeat("x", 2*minPart)), 2*minPart, spool.PutOptions{},
	); err == nil || !strings.Contains(err.Error(), "InternalError") {
		t.Fatalf("error %v, want what the answer says", err)
	}
}

// A list that is cut must not pass for the whole.
func TestListThatDoesNotSayHowToGoOn(t *testing.T) {
	t.Parallel()
	proxy := storetest.NewProxy(t, fake(t))
	for _, token := range []string{"", "<NextContinuationToken>t</NextContinuationToken>"} {
		proxy.Set(func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			fmt.Fprint(w, `<ListBucketResult><Name>acme</Name><IsTruncated>true</IsTruncated>`+token+
				`</ListBucketResult>`)
		})
		s := open(t, testConfig(proxy.URL))
		var last error
		for _, err := range s.List(t.Context(), "") {
			last = err
		}
		if last == nil {
			t.Errorf("token %q: no error", token)
		}
	}
}

// A server refuses what is signed more than 15 minutes off: its own time is taken then.
func TestClockThatIsOff(t *testing.T) {
	t.Parallel()
	const ahead = 3 * time.Hour
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		now := time.Now().Add(ahead)
		signed, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
		w.Header().Set("Date", now.UTC().Format(http.TimeFormat))
		if err != nil || now.Sub(signed).Abs() > 15*time.Minute {
			respond(w, http.StatusForbidden, "RequestTimeTooSkewed")
			return
		}
		w.Header().Set("ETag", `"e"`)
	}))
	defer srv.Close()
	s := open(t, testConfig(srv.URL))
	put(t, s, "k", []byte("x"), spool.PutOptions{})
}
