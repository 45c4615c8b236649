package http

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/fault"
	in "github.com/penstock/penstock/inputs/http"
	"github.com/penstock/penstock/inputs/inputstest"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/outputtest"
)

func open(t *testing.T, url string, change func(*Config)) *HTTP {
	t.Helper()
	cfg := Default()
	cfg.URL = url
	if change != nil {
		change(&cfg)
	}
	h, err := New(cfg, outputtest.Env(t, "output.http.test"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

func batch(values ...string) *record.Batch {
	var b record.Builder
	b.Reset("app", "o", 0)
	for i, v := range values {
		b.Append(
			int64(i)*1e9, []byte("k\xff"), []byte(v),
			[]record.Header{{Key: "h", Value: []byte("v")}},
		)
	}
	return b.Build()
}

// server answers with what answer says for a body.
type server struct {
	*httptest.Server
	mu     sync.Mutex
	bodies []string
	header http.Header
}

func serve(t *testing.T, answer func(w http.ResponseWriter, body string, n int)) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var src io.Reader = r.Body
		switch r.Header.Get("Content-Encoding") {
		case "gzip":
			src, _ = gzip.NewReader(r.Body)
		case "zstd":
			src, _ = zstd.NewReader(r.Body)
		}
		b, err := io.ReadAll(src)
		if err != nil {
			t.Error(err)
		}
		s.mu.Lock()
		n := len(s.bodies)
		s.bodies = append(s.bodies, string(b))
		s.header = r.Header
		s.mu.Unlock()
		if answer != nil {
			answer(w, string(b), n)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func TestBodiesOfEachFormat(t *testing.T) {
	for _, c := range []struct {
		change func(*Config)
		want   string
	}{
		{nil, "{\"a\":1}\n{\"message\":\"text\"}\n{\"message\":{\"base64\":\"/w==\"}}\n"},
		{func(c *Config) { c.Format, c.Compression = "json", "zstd" }, `[{"a":1},{"message":"text"},{"message":{"base64":"/w=="}}]`},
		{func(c *Config) { c.Format, c.Compression = "lines", "none" }, "{\"a\":1}\ntext\n\xff\n"},
		{func(c *Config) { c.Envelope = true }, `{"time":"1970-01-01T00:00:00Z","tag":"app","key":{"base64":"a/8="},"headers":{"h":"v"},"value":{"a":1}}` + "\n" +
			`{"time":"1970-01-01T00:00:01Z","tag":"app","key":{"base64":"a/8="},"headers":{"h":"v"},"value":"text"}` + "\n" +
			`{"time":"1970-01-01T00:00:02Z","tag":"app","key":{"base64":"a/8="},"headers":{"h":"v"},"value":{"base64":"/w=="}}` + "\n"},
	} {
		s := serve(t, nil)
		h := open(t, s.URL, c.change)
		if err := h.Write(context.Background(), batch(`{"a":1}`, "text", "\xff")); err != nil ||
			s.bodies[0] != c.want {
			t.Errorf("%v\ngot  %s\nwant %s", err, s.bodies[0], c.want)
		}
	}
}

func TestRefusedRecordsAloneAreGivenUp(t *testing.T) {
	for _, status := range []int{400, 413, 422} {
		s := serve(t, func(w http.ResponseWriter, body string, _ int) {
			if strings.Contains(body, "bad") || status == 413 && strings.Count(body, "\n") > 3 {
				w.WriteHeader(status)
				io.WriteString(w, "no thanks")
			}
		})
		err := open(
			t, s.URL, nil,
		).Write(context.Background(), batch("0", "1", "bad2", "3", "4", "5", "bad6"))
		var p *outputs.PartialError
		if !errors.As(err, &p) || len(p.Records) != 2 || p.Records[0].Index != 2 ||
			p.Records[1].Index != 6 ||
			!outputs.IsPermanent(p.Records[0].Err) ||
			!strings.Contains(p.Records[0].Err.Error(), "no thanks") {
			t.Fatalf("%d: %v", status, err)
		}
	}
}

func TestPassingFailures(t *testing.T) {
	for _, status := range []int{401, 404, 408, 429, 500, 503} {
		s := serve(t, func(w http.ResponseWriter, _ string, _ int) { w.WriteHeader(status) })
		err := open(t, s.URL, nil).Write(context.Background(), batch("0"))
		var p *outputs.PartialError
		if err == nil || outputs.IsPermanent(err) || errors.As(err, &p) {
			t.Fatalf("%d: %v", status, err)
		}
	}
	// refuses the whole, takes the first half, then breaks
	s := serve(t, func(w http.ResponseWriter, body string, n int) {
		switch n {
		case 0:
			w.WriteHeader(413)
		case 2:
			w.WriteHeader(500)
		}
	})
	err := open(t, s.URL, nil).Write(context.Background(), batch("0", "1", "2", "3"))
	var p *outputs.PartialError
	if !errors.As(err, &p) || len(p.Records) != 2 || p.Records[0].Index != 2 ||
		outputs.IsPermanent(p.Records[0].Err) ||
		len(s.bodies) != 3 {
		t.Fatalf("%v after %q", err, s.bodies)
	}
	gone := serve(t, nil)
	gone.Close()
	if err := open(t, gone.URL, nil).Write(context.Background(), batch("0")); err == nil ||
		outputs.IsPermanent(err) {
		t.Fatal(err)
	}
}

// What a server answers is told as an answer, with what to do about it, and silence is not.
func TestAnswersAreToldFromSilence(t *testing.T) {
	gone := serve(t, nil)
	gone.Close()
	for _, status := range []int{0, 302, 401, 403, 404, 418, 429, 500, 503} {
		url := gone.URL
		if status > 0 {
			url = serve(t, func(w http.ResponseWriter, _ string, _ int) { w.WriteHeader(status) }).URL
		}
		l := fault.FailureLog{Log: slog.New(slog.DiscardHandler), What: "it", Do: "generic"}
		l.Failed(open(t, url, nil).Write(context.Background(), batch("0")))
		_, text, do := l.State()
		if answered := status > 0; l.HasAnswered() != answered || (do == "generic") == answered {
			t.Errorf("%d: %q, to do: %q", status, text, do)
		}
		if l.Worked(); l.HasAnswered() {
			t.Errorf("%d: it works, and is told to fail", status)
		}
	}
}

// A page of HTML, as of a proxy that wants a login, is no acknowledgement, whatever its status.
func TestPageIsNoAcknowledgement(t *testing.T) {
	for answer, taken := range map[string]bool{
		"\n<!DOCTYPE html><title>Log in</title>": false,
		"<HTML><body>":                           false,
		"":                                       true,
		`{"ok": "<html>"}`:                       true,
		"ok<html>":                               true,
	} {
		s := serve(t, func(w http.ResponseWriter, _ string, _ int) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte(answer))
		})
		err := open(t, s.URL, nil).Write(context.Background(), batch("0", "1"))
		var p *outputs.PartialError
		if (err == nil) != taken || outputs.IsPermanent(err) || errors.As(err, &p) {
			t.Errorf("%q: %v", answer, err)
		}
	}
}

func TestRetryAfterIsMinded(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ string, n int) {
		if n == 0 {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(429)
		}
	})
	h := open(t, s.URL, nil)
	begun := time.Now()
	if err := h.Write(context.Background(), batch("0")); err == nil {
		t.Fatal("delivered")
	}
	if err := h.Write(context.Background(), batch("0")); err != nil ||
		time.Since(begun) < 900*time.Millisecond {
		t.Fatal(err, time.Since(begun))
	}
}

func TestAuthAndHeaders(t *testing.T) {
	s := serve(t, nil)
	h := open(
		t, s.URL, func(c *Config) { c.Token, c.Headers = "tok", map[string]string{"X-Scope": "s"} },
	)
	if err := h.Write(
		context.Background(), batch("0"),
	); err != nil || s.header.Get("Authorization") != "Bearer tok" ||
		s.header.Get("X-Scope") != "s" ||
		s.header.Get("Content-Type") != "application/x-ndjson" {
		t.Fatal(err, s.header)
	}
}

func TestToOurOwnInput(t *testing.T) {
	cfg := in.Default()
	cfg.Listen = "127.0.0.1:0"
	cfg.Auth = &in.Auth{Users: []in.User{{Name: "u", Password: "p"}}}
	i, err := in.New(cfg, inputstest.Env("input.http.test", t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	sink := inputstest.New()
	ended := make(chan error, 1)
	go func() { ended <- i.Run(ctx, sink) }()
	addr, err := i.Addr(ctx)
	if err != nil {
		t.Fatal(err)
	}
	h := open(
		t, "http://"+addr.String()+"/edge/web", func(c *Config) { c.User, c.Password = "u", "p" },
	)
	if err := h.Write(ctx, batch(`{"a":1}`, "x")); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(
		sink.Values(), " ", sink.Records()[0].Tag,
	); got != `[{"a":1} {"message":"x"}] edge.web` {
		t.Fatal(got)
	}
	h.Close()
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

func TestValidate(t *testing.T) {
	c := Config{
		URL:         "ftp://x",
		Method:      "GET",
		Format:      "xml",
		Compression: "lzo",
		RefusedOn:   []string{"500"},
		Token:       "t",
		User:        "u",
	}
	text := fmt.Sprint(c.Validate())
	for _, want := range []string{"url: ", "method: ", "format: ", "compression: ", "timeout: ", "refused_on: ", "token: "} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in %s", want, text)
		}
	}
	if bytes.Contains([]byte(text), []byte("hush")) {
		t.Error(text)
	}
}
