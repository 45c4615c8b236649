package admin

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/agent/state"
	"github.com/penstock/penstock/outputs/replay"
)

// runAxe has axe judge the page, and keeps the browser from being done before it has. What is wider
// than a phone is a violation, too, but in tables, which may be moved sideways.
const runAxe = `<img src="/late" alt=""><script src="/axe.js"></script><script>
function tooWide() {
  document.body.style.width = '390px';
  return Array.from(document.querySelectorAll('body *')).filter(function (e) {
    return !e.closest('.wide, .away, .skip, .bar, svg') && e.clientWidth > 0 && e.scrollWidth > e.clientWidth + 1;
  }).map(function (e) { return 'too wide: ' + e.outerHTML.slice(0, 200); });
}
axe.run().then(function (r) {
  var p = document.createElement('pre');
  p.id = 'axe';
  p.textContent = 'AXE ' + r.passes.length + ' passes; ' + r.violations.map(function (v) {
    return v.id + ': ' + v.nodes.map(function (n) { return n.html; }).join(' ');
  }).concat(tooWide()).join('; ') + ' END';
  document.body.appendChild(p);
  fetch('/judged');
});</script></body>`

// With axe-core in $PENSTOCK_NODE_MODULES and a browser: nobody is kept from reading the page, with
// all that can be on it and everything open, light and dark.
func TestThePageIsReadableByAll(t *testing.T) {
	axe := filepath.Join(os.Getenv("PENSTOCK_NODE_MODULES"), "axe-core", "axe.min.js")
	if _, err := os.Stat(axe); err != nil {
		t.Skip("needs axe-core in $PENSTOCK_NODE_MODULES")
	}
	browse := browser(t)
	a := amiss()
	a.status.Recent = []LogGroup{
		{Component: "output.kafka.x", Level: "error", Message: "fails", Count: 3, Error: "no", Do: "x"},
		{Level: "warning", Message: "fails", Count: 1, Details: "a=b"},
	}
	a.status.Pipelines = append(a.status.Pipelines, Pipeline{
		Name: "q", State: "opening", Now: state.PipelineState{Name: "q"},
		Inputs: []Component{{ID: "input.tail.q"}}, Outputs: []Component{{ID: "output.kafka.q"}},
	})
	a.config = Configuration{
		Note: "Not all is in force.", Files: []ConfigFile{{"/etc/a.hcl", "a = (hidden)\n"}},
	}
	now := time.Now()
	letters, err := render("letters", &replay.Overview{Unreadable: 2, Reasons: []replay.Reason{{
		Output: "output.kafka.x", Reason: "too large", Records: 2, Bytes: 99, First: now, Last: now,
		Samples: []replay.Sample{{Tag: "app", Origin: "/a.log", Refused: now, Value: "<a value>"}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	shades := []string{"light", "dark"}
	for _, shade := range shades {
		judge(t, browse, axe, "all that there can be", shade, letters, a)
	}
	i := 0
	for name, a := range scenes(now) {
		i++
		judge(t, browse, axe, name, shades[i%2], letters, a)
	}
}

// judge has axe judge the page of an agent in a shade, with everything open.
func judge(
	t *testing.T, browse func(...string) ([]byte, error), axe, name, shade, letters string, a Agent,
) {
	page := Handler(Options{Anonymous: AnonymousRead}, a, slog.New(slog.DiscardHandler))
	judged := make(chan struct{}, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("/axe.js", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, axe) })
	mux.HandleFunc("/judged", func(http.ResponseWriter, *http.Request) { judged <- struct{}{} })
	mux.HandleFunc("/late", func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-judged:
		case <-r.Context().Done():
		}
	})
	mux.Handle("/style.css", page)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		got := httptest.NewRecorder()
		page.ServeHTTP(got, r)
		html := strings.ReplaceAll(got.Body.String(), "<details", "<details open")
		html = strings.Replace(html, `<div id="letters-list">`, `<div id="letters-list">`+letters, 1)
		// a page that is sent anew would not be the one that is judged
		html = strings.Replace(html, `<script src="page.js"></script></body>`, runAxe, 1)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(html)) // a browser that is gone
	})
	srv := httptest.NewServer(mux)
	args := []string{srv.URL + "/"}
	if shade == "dark" {
		args = append(args, "--blink-settings=preferredColorScheme=0")
	}
	out, err := browse(args...)
	srv.Close()
	result := regexp.MustCompile(`(?s)AXE \d+ passes; (.*?) END`).FindAllStringSubmatch(string(out), -1)
	if len(result) == 0 {
		t.Fatalf("%s, %s: axe has not judged: %v\n%s", name, shade, err, out)
	}
	if found := result[len(result)-1][1]; found != "" {
		t.Errorf("%s, %s: %s", name, shade, found)
	}
}

// browser returns what loads a page in a browser, or skips the test where there is none that works.
func browser(t *testing.T) func(args ...string) ([]byte, error) {
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if at, err := exec.LookPath(name); err == nil && path == "" {
			path = at
		}
	}
	if path == "" {
		t.Skip("needs chromium, which is not installed")
	}
	browse := func(args ...string) ([]byte, error) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
		defer cancel()
		args = append([]string{
			"--headless=new", "--no-sandbox", "--disable-gpu", "--user-data-dir=" + t.TempDir(),
			"--timeout=150000", "--dump-dom",
		}, args...)
		return exec.CommandContext(ctx, path, args...).Output()
	}
	if out, err := browse("about:blank"); err != nil || !strings.Contains(string(out), "<html") {
		t.Skipf("%s does not work here: %v", path, err)
	}
	return browse
}
