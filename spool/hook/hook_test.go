package hook

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

func testPartition() *Partition {
	return &Partition{
		Topic:    "app",
		Path:     "app/dt=2026-01-02/hr=03",
		Location: "s3://lake/app/dt=2026-01-02/hr=03/",
		Names:    []string{"dt", "hr"},
		Values:   []string{"2026-01-02", "0'3"},
		Agent:    "edge-1",
		Start:    time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC),
		End:      time.Date(2026, 1, 2, 4, 0, 0, 0, time.UTC),
	}
}

func mustHook(t *testing.T, change func(*Config)) Hook {
	t.Helper()
	var c Config
	c.SetDefaults()
	c.Timeout = 5 * time.Second
	change(&c)
	h, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestWebhookIsToldUntilItAnswers(t *testing.T) {
	status := http.StatusServiceUnavailable
	var got Partition
	var key, auth string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key, auth = r.Header.Get("Idempotency-Key"), r.Header.Get("Authorization")
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			t.Error(err)
		}
		w.WriteHeader(status)
		fmt.Fprint(w, "not now")
	}))
	defer srv.Close()
	h := mustHook(t, func(c *Config) {
		c.Type, c.URL, c.Headers = "webhook", srv.URL, map[string]string{
			"Authorization": "Bearer x",
		}
	})
	if err := h.Run(
		t.Context(), testPartition(),
	); err == nil || !strings.Contains(err.Error(), "503") ||
		!strings.Contains(err.Error(), "not now") {
		t.Fatalf("got %v", err)
	}
	status = http.StatusNoContent
	if err := h.Run(t.Context(), testPartition()); err != nil {
		t.Fatal(err)
	}
	if got.Location != testPartition().Location || got.Values[1] != "0'3" ||
		key != "app/dt=2026-01-02/hr=03" ||
		auth != "Bearer x" {
		t.Errorf("got %+v, key %q, auth %q", got, key, auth)
	}
}

func TestCommandIsRunForAPartition(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	h := mustHook(t, func(c *Config) {
		c.Type, c.Command = "command", []string{
			"sh",
			"-c",
			`echo "$PENSTOCK_PATH $PENSTOCK_VALUE_HR $1" > ` + out,
			"sh",
			"arg",
		}
	})
	if err := h.Run(t.Context(), testPartition()); err != nil {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(out); string(b) != "app/dt=2026-01-02/hr=03 0'3 arg\n" {
		t.Errorf("got %q", b)
	}
	h = mustHook(
		t,
		func(c *Config) { c.Type, c.Command = "command", []string{"sh", "-c", "echo no table >&2; exit 3"} },
	)
	if err := h.Run(t.Context(), testPartition()); err == nil ||
		!strings.Contains(err.Error(), "no table") {
		t.Errorf("got %v", err)
	}
}

// What is posted to an address that has moved is not taken, whatever is to be read there.
func TestWebhookThatIsRedirected(t *testing.T) {
	posts := 0
	mux := http.NewServeMux()
	srv := httptest.NewServer(mux)
	defer srv.Close()
	mux.HandleFunc("GET /there", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("POST /there", func(_ http.ResponseWriter, r *http.Request) {
		if b, _ := io.ReadAll(r.Body); strings.Contains(string(b), "app/dt=2026-01-02") {
			posts++
		}
	})
	for status, done := range map[int]bool{301: false, 302: false, 303: true, 307: true, 308: true} {
		mux.Handle(fmt.Sprintf("/%d", status), http.RedirectHandler("/there", status))
		h := mustHook(t, func(c *Config) {
			c.Type, c.URL = "webhook", fmt.Sprintf("%s/%d", srv.URL, status)
		})
		err := h.Run(t.Context(), testPartition())
		if done != (err == nil) || err != nil && !strings.Contains(err.Error(), "not to /there") {
			t.Errorf("%d: %v", status, err)
		}
	}
	if posts != 2 {
		t.Errorf("posted %d times", posts)
	}
}

// A program that prints without end is stopped by its timeout, with what it has begun, and costs no
// memory; one that has begun something and ends well is done.
func TestCommandWithChildren(t *testing.T) {
	run := func(timeout time.Duration, script string) error {
		h := mustHook(t, func(c *Config) {
			c.Type, c.Timeout, c.Command = "command", timeout, []string{"sh", "-c", script}
		})
		return h.Run(t.Context(), testPartition())
	}
	pid := filepath.Join(t.TempDir(), "pid")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err := run(300*time.Millisecond, "sleep 100 & echo $! > "+pid+"; yes no table")
	runtime.ReadMemStats(&after)
	if err == nil || !strings.Contains(err.Error(), "no table\nno table") || len(err.Error()) > 1000 {
		t.Errorf("got %.2000v", err)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
		t.Errorf("%d bytes were allocated", n)
	}
	b, err := os.ReadFile(pid)
	if err != nil {
		t.Fatal(err)
	}
	child, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	if !ended(child) {
		_ = syscall.Kill(child, syscall.SIGKILL)
		t.Error("what the program had begun goes on")
	}
	if err := run(time.Minute, "sleep 3 & exit 0"); err != nil {
		t.Errorf("got %v", err)
	}
}

// ended reports whether a process is no more, or waits for somebody to ask how it ended.
func ended(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || bytes.Contains(stat, []byte(") Z "))
}

func TestTrinoRegistersPartitions(t *testing.T) {
	var statements []string
	polls := 0
	final := `{"stats":{}}`
	mux := http.NewServeMux()
	srv := httptest.NewServer(mux)
	defer srv.Close()
	mux.HandleFunc("POST /v1/statement", func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		statements = append(statements, r.Header.Get("X-Trino-User")+": "+string(b))
		fmt.Fprintf(w, `{"nextUri":"%s/v1/statement/queued/1"}`, srv.URL)
	})
	mux.HandleFunc("GET /v1/statement/queued/1", func(w http.ResponseWriter, r *http.Request) {
		if polls++; polls%2 == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		fmt.Fprint(w, final)
	})
	set := func(mode string) func(*Config) {
		return func(c *Config) {
			c.Type, c.URL, c.Catalog, c.Database, c.Table, c.Mode = "trino", srv.URL, "hive", "logs", "app", mode
		}
	}
	if err := mustHook(t, set("register")).Run(t.Context(), testPartition()); err != nil {
		t.Fatal(err)
	}
	want := `penstock: CALL "hive".system.register_partition(schema_name => 'logs', table_name => 'app', partition_columns => ARRAY['dt', 'hr'], ` +
		`partition_values => ARRAY['2026-01-02', '0''3'], location => 's3://lake/app/dt=2026-01-02/hr=03/')`
	if statements[0] != want || polls != 2 {
		t.Errorf("got %s after %d polls\nwant %s", statements[0], polls, want)
	}
	final = `{"error":{"message":"Partition [dt=..] is already registered with location","errorName":"ALREADY_EXISTS"}}`
	if err := mustHook(t, set("register")).Run(t.Context(), testPartition()); err != nil {
		t.Errorf("a second registration: %v", err)
	}
	final = `{"error":{"message":"Table not found","errorName":"TABLE_NOT_FOUND"}}`
	if err := mustHook(t, set("sync")).Run(t.Context(), testPartition()); err == nil ||
		!strings.Contains(err.Error(), "Table not found") {
		t.Errorf("got %v", err)
	}
	if s := statements[2]; !strings.Contains(
		s, "sync_partition_metadata(schema_name => 'logs', table_name => 'app', mode => 'ADD')",
	) {
		t.Errorf("got %s", s)
	}
}

func TestGlueGetsPartitions(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "a")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "b")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	var created map[string]any
	exists := false
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a := r.Header.Get(
			"Authorization",
		); !strings.HasPrefix(a, "AWS4-HMAC-SHA256 Credential=a/") ||
			!strings.Contains(a, "/eu-central-1/glue/aws4_request") {
			t.Errorf("signed %q", a)
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		switch r.Header.Get("X-Amz-Target") {
		case "AWSGlue.GetTable":
			fmt.Fprint(
				w,
				`{"Table":{"Name":"app","PartitionKeys":[{"Name":"hr"},{"Name":"dt"}],"StorageDescriptor":{"InputFormat":"x","Location":"s3://lake/app/","NumberOfBuckets":-1}}}`,
			)
		case "AWSGlue.CreatePartition":
			if exists {
				w.WriteHeader(http.StatusBadRequest)
				fmt.Fprint(
					w, `{"__type":"AlreadyExistsException","Message":"Partition already exists."}`,
				)
				return
			}
			exists = true
			_ = json.NewDecoder(r.Body).Decode(&created)
			fmt.Fprint(w, `{}`)
		}
	}))
	defer srv.Close()
	h := mustHook(t, func(c *Config) {
		c.Type, c.Database, c.Table, c.Region, c.Endpoint = "glue", "logs", "app", "eu-central-1", srv.URL
	})
	for range 2 { // the second time it is there already
		if err := h.Run(t.Context(), testPartition()); err != nil {
			t.Fatal(err)
		}
	}
	in, _ := created["PartitionInput"].(map[string]any)
	sd, _ := in["StorageDescriptor"].(map[string]any)
	if fmt.Sprint(in["Values"]) != "[0'3 2026-01-02]" ||
		sd["Location"] != testPartition().Location ||
		sd["InputFormat"] != "x" ||
		sd["NumberOfBuckets"] != -1. {
		t.Errorf("created %v", created)
	}
}

// What Glue refuses is told with its code and message, in each of the ways in which it comes.
func TestGlueRefuses(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "a")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "b")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	for _, c := range []struct{ header, body, want string }{
		{"", `{"__type":"com.amazonaws.glue#EntityNotFoundException","Message":"no such table"}`, "GetTable: 400 Bad Request EntityNotFoundException: no such table"},
		{"AccessDeniedException:http://internal/", `{"message":"not yours"}`, "GetTable: 400 Bad Request AccessDeniedException: not yours"},
		{"", `<html>`, "GetTable: 400 Bad Request"},
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if c.header != "" {
				w.Header().Set("X-Amzn-ErrorType", c.header)
			}
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, c.body)
		}))
		h := mustHook(t, func(cfg *Config) {
			cfg.Type, cfg.Database, cfg.Table, cfg.Region, cfg.Endpoint = "glue", "logs", "app", "eu-central-1", srv.URL
		})
		if err := h.Run(t.Context(), testPartition()); err == nil ||
			err.Error() != "glue: "+c.want {
			t.Errorf("got %v, want %s", err, c.want)
		}
		srv.Close()
	}
}

func TestGlueEndpoints(t *testing.T) {
	t.Setenv("AWS_ENDPOINT_URL_GLUE", "")
	for region, want := range map[string]string{
		"eu-central-1": "https://glue.eu-central-1.amazonaws.com", "cn-north-1": "https://glue.cn-north-1.amazonaws.com.cn",
		"us-gov-west-1": "https://glue.us-gov-west-1.amazonaws.com", "us-iso-east-1": "https://glue.us-iso-east-1.c2s.ic.gov",
	} {
		if got := (&glueHook{}).endpoint(&aws.Config{Region: region}); got != want {
			t.Errorf("%s: %s", region, got)
		}
	}
}

func TestValidate(t *testing.T) {
	for want, c := range map[string]Config{
		"url: must be set for a webhook":   {Type: "webhook"},
		"url: must be a URL":               {Type: "webhook", URL: "ftp://x"},
		"catalog: must be set for a trino": {Type: "trino", URL: "http://x"},
		"type: must be webhook":            {Type: "pigeon"},
		"command: must be set":             {Type: "command"},
		"timeout: must be":                 {Type: "command", Command: []string{"true"}},
	} {
		if c.Mode = "register"; !strings.Contains(fmt.Sprint(c.Validate()), want) {
			t.Errorf("got %v, want %s", c.Validate(), want)
		}
	}
}
