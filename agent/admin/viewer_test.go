package admin

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// asViewer does what a viewer does while the page changes with each second, and tells what became
// of it.
const asViewer = `<img src="/late" alt=""><script>
(function () {
  var now = document.getElementById('now');
  function second() { return Number(/Second (\d+)/.exec(now.textContent)[1]); }
  function until(what, ok, then) {
    var tries = 0;
    (function look() {
      if (ok()) { then(); return; }
      if (++tries > 2400) { tell('never: ' + what); return; }
      setTimeout(look, 50);
    })();
  }
  function tell(text) { fetch('/judged?' + encodeURIComponent(text)); }
  until('the first change', function () { return second() >= 1; }, function () {
    var list = now.querySelector('details.list'), wide = list.querySelector('.wide');
    list.open = true;
    wide.scrollTop = 40;
    list.querySelector('summary').focus();
    var then = second();
    until('another change', function () { return second() > then; }, function () {
      var again = document.getElementById(list.id), said = [];
      if (again === list) { said.push('nothing was put in place'); }
      if (!again.open) { said.push('what was open is closed'); }
      if (again.querySelector('.wide').scrollTop !== 40) { said.push('it is scrolled back'); }
      if (document.activeElement !== again.querySelector('summary')) { said.push('the focus is lost'); }
      if (document.title.indexOf('penstock') < 0) { said.push('the title is gone'); }
      var sentence = now.querySelector('.sentence');
      document.getSelection().selectAllChildren(sentence);
      var text = document.getSelection().toString();
      setTimeout(function () {
        if (document.getSelection().toString() !== text) { said.push('what was selected is not any more'); }
        document.getSelection().removeAllRanges();
        until('a change after that', function () { return now.textContent.indexOf(text) < 0; }, function () {
          tell(said.join('; ') || 'all is well');
        });
      }, 2500);
    });
  });
})();
</script></body>`

// changing is an agent that says something else each time.
type changing struct {
	*fakeAgent
	second int
}

func (c *changing) Status() Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.status
	s.Sentence = fmt.Sprintf("Second %d.", c.second)
	c.second++
	return s
}

// In a browser: what a viewer has opened, scrolled, focused and selected stays so while the page
// changes.
func TestThePageLeavesAViewerAlone(t *testing.T) {
	browse := browser(t)
	a := &changing{fakeAgent: scenes(time.Now())["300-files"]}
	page := Handler(Options{Anonymous: AnonymousRead}, a, slog.New(slog.DiscardHandler))
	viewed(t, browse, page, page.ServeHTTP, asViewer)
}

// In a browser: while an agent hangs, its page says that what it shows is of before.
func TestThePageSaysThatNothingComes(t *testing.T) {
	browse := browser(t)
	a := &changing{fakeAgent: scenes(time.Now())["running"]}
	page := Handler(Options{Anonymous: AnonymousRead}, a, slog.New(slog.DiscardHandler))
	hang := make(chan struct{})
	viewed(t, browse, page, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("hang") {
			close(hang)
			return
		}
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		go func() {
			select {
			case <-hang:
				cancel()
			case <-ctx.Done():
			}
		}()
		page.ServeHTTP(w, r.WithContext(ctx))
		<-r.Context().Done() // the connection stays
	}, hangs)
}

// hangs has the agent hang once the page is alive, and waits until that is shown.
const hangs = `<img src="/late" alt=""><script>
(function () {
  var now = document.getElementById('now'), lost = document.getElementById('lost'), tries = 0, hung = false;
  function tell(text) { fetch('/judged?' + encodeURIComponent(text)); }
  (function look() {
    var shown = getComputedStyle(lost).display !== 'none';
    if (!hung && / [2-9]\./.test(now.textContent)) {
      if (shown) { tell('it is told while all is well'); return; }
      hung = true;
      fetch('/events?hang=1');
    }
    if (hung && shown) { tell('all is well'); return; }
    if (++tries > 1200) { tell('never: it is told'); return; }
    setTimeout(look, 50);
  })();
})();
</script></body>`

// viewed has a browser load the page with a script, which says that all is well.
func viewed(
	t *testing.T, browse func(...string) ([]byte, error), page http.Handler, events http.HandlerFunc,
	script string,
) {
	judged := make(chan string, 1)
	done := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/judged", func(_ http.ResponseWriter, r *http.Request) {
		judged <- r.URL.RawQuery
		close(done)
	})
	mux.HandleFunc("/late", func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-done:
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("/events", events)
	mux.HandleFunc("/page.js", page.ServeHTTP)
	mux.HandleFunc("/style.css", page.ServeHTTP)
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, r *http.Request) {
		got := httptest.NewRecorder()
		page.ServeHTTP(got, r)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(strings.Replace(got.Body.String(), "</body>", script, 1))) // a browser that is gone
	})
	srv := httptest.NewServer(mux)
	defer srv.Close()
	defer srv.CloseClientConnections()
	_, err := browse(srv.URL + "/")
	select {
	case text := <-judged:
		if text != "all%20is%20well" {
			t.Error(strings.ReplaceAll(text, "%20", " "))
		}
	default:
		t.Fatalf("the page has told nothing: %v", err)
	}
}
