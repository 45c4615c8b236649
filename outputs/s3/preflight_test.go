package s3

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/penstock/penstock/buffer/record/preflight"
)

func TestPreflight(t *testing.T) {
	t.Parallel()
	server := fake(t)
	var changes []string
	forbidden := ""
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			changes = append(changes, r.Method)
		}
		if r.Method == forbidden {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		server.ServeHTTP(w, r)
	}))
	defer srv.Close()
	look := func(cfg Config, env preflight.Env) (out []string) {
		changes = nil
		var r preflight.Report
		cfg.Preflight(t.Context(), env, &r)
		for _, f := range r.Findings() {
			out = append(out, f.Level.String()+" "+f.Target+": "+f.Text+" -> "+f.Do)
		}
		return out
	}
	check := func(got []string, want ...string) {
		t.Helper()
		if len(got) != len(want) {
			t.Fatalf("got\n%s", strings.Join(got, "\n"))
		}
		for i, w := range want {
			head, tail, _ := strings.Cut(w, "...")
			if !strings.HasPrefix(got[i], head) || !strings.Contains(got[i], tail) {
				t.Errorf("got %s, want %s", got[i], w)
			}
		}
	}
	cfg := Default()
	cfg.StoreConfig = testConfig(srv.URL)
	cfg.Prefix = "logs"
	check(
		look(cfg, preflight.Env{}),
		"ok s3://acme/logs/: may be listed; it is empty; writing was not tried",
	)
	if changes != nil {
		t.Errorf("it made the requests %s", changes)
	}
	check(
		look(cfg, preflight.Env{Write: true, Holds: true}), "ok s3://acme/logs/: may be listed",
		"ok s3://acme/logs/: may be written to and deleted from",
	)
	forbidden = http.MethodDelete
	check(
		look(cfg, preflight.Env{Write: true, Holds: true}), "ok ",
		"failed ...let it delete: what was replayed is deleted; and delete _penstock_write_probe_",
	)
	check(
		look(cfg, preflight.Env{Write: true}), "ok ",
		"warning ...may be written to; the object of this probe may not be deleted",
	)
	forbidden = http.MethodPut
	check(look(cfg, preflight.Env{Write: true}), "ok ", "failed ...put s3://acme/logs/_penstock")
	forbidden = http.MethodGet
	check(look(cfg, preflight.Env{}), "failed ...see that bucket, region and credentials are right")
	forbidden = ""
	cfg.Bucket = "absent"
	check(look(cfg, preflight.Env{}), "failed s3://absent/logs/: ...the bucket does not exist")
	cfg.Endpoint = "http://127.0.0.1:1"
	check(
		look(cfg, preflight.Env{}),
		"failed s3://absent/logs/: dial tcp 127.0.0.1:1: ...see that the server runs",
	)
}

// What a store refuses for leads to what is to be done about that.
func TestOnlineSaysWhatToDoOfARefusal(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]string{
		"InvalidAccessKeyId":    "write another access_key_id",
		"SignatureDoesNotMatch": "write the secret_access_key that belongs to access_key_id",
		"AccessDenied":          "let these credentials list",
		"NoSuchBucket":          "make it, or see that bucket and endpoint are right",
		"RequestTimeTooSkewed":  "set the clock of this host",
		"SomethingElse":         "see that bucket, region and credentials are right",
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprintf(w, "<Error><Code>%s</Code><Message>No.</Message></Error>", code)
		}))
		cfg := Default()
		cfg.StoreConfig = testConfig(srv.URL)
		var r preflight.Report
		cfg.Preflight(t.Context(), preflight.Env{}, &r)
		if all := r.Findings(); len(all) != 1 || !strings.Contains(all[0].Do, want) {
			t.Errorf("%s leads to %v, not %q", code, all, want)
		}
		srv.Close()
	}
}
