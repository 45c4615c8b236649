package decode

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/penstock/penstock/buffer/record/preflight"
)

// Each address of a registry is asked, with the credentials that schemas would be asked for with.
func TestPreflight(t *testing.T) {
	t.Parallel()
	var asked []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.Path)
		if _, password, _ := r.BasicAuth(); password != "right" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer srv.Close()
	reg := &Registry{}
	reg.SetDefaults()
	reg.URLs = []string{srv.URL, "http://127.0.0.1:1"}
	reg.Username = "me"
	for _, c := range []struct{ password, frame, want string }{
		{"right", "", "ok registry " + srv.URL + ": answers"},
		{"right", "apicurio", "ok registry " + srv.URL + ": answers"},
		{"wrong", "", "failed registry " + srv.URL + ": answers 401 Unauthorized"},
	} {
		reg.Password = c.password
		var r preflight.Report
		reg.Preflight(t.Context(), c.frame, &r)
		var lines []string
		for _, f := range r.Findings() {
			lines = append(lines, f.Level.String()+" "+f.Target+": "+f.Text)
		}
		got := strings.Join(lines, "\n")
		if !strings.HasPrefix(got, c.want+"\nfailed registry http://127.0.0.1:1: dial tcp") {
			t.Errorf("got %s\nwant %s", got, c.want)
		}
	}
	want := "GET /schemas/types GET /system/info GET /schemas/types"
	if got := strings.Join(asked, " "); got != want {
		t.Errorf("it asked for %s", got)
	}
}
