package gcs

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/penstock/penstock/buffer/record/preflight"
)

// GCS is asked what this account may do; where that is not told, the bucket is listed.
func TestPreflight(t *testing.T) {
	t.Parallel()
	server := fake(t)
	granted, changed := "", false
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		changed = changed || r.Method != http.MethodGet
		if granted != "" && strings.HasSuffix(r.URL.Path, "/iam/testPermissions") {
			fmt.Fprintf(
				w, `{"kind":"storage#testIamPermissionsResponse","permissions":[%s]}`, granted,
			)
			return
		}
		server.ServeHTTP(w, r)
	}))
	defer srv.Close()
	cfg := Default()
	cfg.StoreConfig = testConfig(srv.URL)
	check := func(env preflight.Env, want string) {
		t.Helper()
		var r preflight.Report
		cfg.Preflight(t.Context(), env, &r)
		var got []string
		for _, f := range r.Findings() {
			got = append(got, f.Level.String()+" "+f.Target+": "+f.Text+" -> "+f.Do)
		}
		if all := strings.Join(got, "\n"); !strings.HasPrefix(all, want) {
			t.Errorf("got %s\nwant %s", all, want)
		}
	}
	check(preflight.Env{}, "ok gs://acme/: may be listed; it is empty; writing was not tried")
	granted = `"storage.objects.list","storage.objects.get","storage.objects.create"`
	check(preflight.Env{}, "ok gs://acme/: this account has storage.objects.list")
	check(
		preflight.Env{Holds: true},
		"failed gs://acme/: this account lacks storage.objects.delete -> grant it a role",
	)
	if changed {
		t.Error("it changed something")
	}
	check(preflight.Env{Write: true}, "ok gs://acme/: may be listed; it is empty -> \n"+
		"ok gs://acme/: may be written to and deleted from")
	granted, cfg.Bucket = "", "absent"
	check(preflight.Env{}, "failed gs://absent/: list gs://absent/: refused by the object store: "+
		"the bucket does not exist")
}
