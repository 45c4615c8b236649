package admin

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/penstock/penstock/outputs/replay"
)

// DeadLetterer is an Agent that shows what was refused, and brings it back.
type DeadLetterer interface {
	// DeadLetters groups what waits as dead letters in directories of the agent.
	DeadLetters(ctx context.Context, f *replay.Filter, samples int) (*replay.Overview, error)
	// ReplayDeadLetters delivers those of an output to it, and removes what it has taken, until ctx
	// ends.
	ReplayDeadLetters(ctx context.Context, output string, f *replay.Filter) (string, error)
}

// FilterOf reads the parameters reason, origin, since and until, the last two as a time (RFC 3339)
// or as how long ago.
func FilterOf(q url.Values) (f replay.Filter, err error) {
	f.Reason, f.Origin = q.Get("reason"), q.Get("origin")
	if f.Since, err = moment(q, "since"); err == nil {
		f.Until, err = moment(q, "until")
	}
	return f, err
}

func moment(q url.Values, name string) (time.Time, error) {
	text := q.Get(name)
	if text == "" {
		return time.Time{}, nil
	}
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return time.Now().Add(-ago), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, fmt.Errorf(
			"%s: %q is neither a time, such as 2026-01-02T15:04:05Z, nor how long ago, such as 2h",
			name, text,
		)
	}
	return at, nil
}

func serveDeadLetters(w http.ResponseWriter, r *http.Request, a DeadLetterer, log *slog.Logger) {
	q := r.URL.Query()
	f, err := FilterOf(q)
	n := 0
	if text := q.Get("n"); err == nil && text != "" {
		if n, err = strconv.Atoi(text); err != nil || n < 0 || n > 1000 {
			err = errors.New("n: must be a number up to 1000")
		}
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	o, err := a.DeadLetters(r.Context(), &f, n)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	writeJSON(w, o, log, "the dead letters")
}

// serveLetters shows them as the part of the page that is asked for when it is opened.
func serveLetters(w http.ResponseWriter, r *http.Request, a DeadLetterer) {
	o, err := a.DeadLetters(r.Context(), &replay.Filter{}, 3)
	text := ""
	if err == nil {
		text, err = render("letters", o)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if err != nil {
		text = "<p>" + html.EscapeString(err.Error()) + "</p>"
	}
	_, _ = io.WriteString(w, text) // a viewer that is gone
}
