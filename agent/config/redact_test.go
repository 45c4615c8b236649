package config

import (
	"net/url"
	"strings"
	"testing"

	"github.com/penstock/penstock/buffer/record/runtest"
)

func TestRedactURLs(t *testing.T) {
	for text, want := range map[string]string{
		"no url at all?x=1":                         "no url at all?x=1",
		`Post "https://u:p@h:1/a?token=abc&x=": no`: `Post "https://***@h:1/a?token=***&x=": no`,
		"https://h/a":                               "https://h/a",
		"https://user@h/a and https://h?k":          "https://***@h/a and https://h?***",
		"kafka://u:p@@h":                            "kafka://***@h",
		"https://h/a@b?c=d@e#token=f":               "https://h/a@b?c=***#token=***",
		`{"error":"get http://h/?a=b\": refused"}`:  `{"error":"get http://h/?a=***\": refused"}`,
		"://":             "://",
		"<https://h?a=b>": "<https://h?a=***>",
		"s3://bucket/a/b": "s3://bucket/a/b",
	} {
		if got := RedactURLs(text); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

// Whatever stands in user, password and query, none of it is left, and the host is.
func TestRedactURLsOfAnything(t *testing.T) {
	rng := runtest.Rand(t)
	secret := func() string {
		b := make([]byte, 1+rng.IntN(12))
		for i := range b {
			b[i] = byte(' ' + rng.IntN(95))
		}
		return "SECRET" + string(b) + "SECRET"
	}
	for range 20_000 {
		u := url.URL{
			Scheme: "https",
			Host:   "host.example:8443",
			Path:   "/p/q",
			User:   url.UserPassword(secret(), secret()),
		}
		u.RawQuery = url.Values{"token": {secret()}, "b": {secret()}}.Encode()
		text := `Get "` + u.String() + `": connection refused`
		got := RedactURLs(text)
		if strings.Contains(got, "SECRET") || !strings.Contains(got, "@host.example:8443/p/q?") ||
			!strings.HasSuffix(got, `": connection refused`) {
			t.Fatalf("%s\nbecame %s", text, got)
		}
	}
}
