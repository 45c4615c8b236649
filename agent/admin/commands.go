package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// Commander is an Agent that takes commands. Each returns once what it does is done, with a
// sentence that says so.
type Commander interface {
	// Pause has an output deliver nothing until Resume, also after a restart.
	Pause(output string) (string, error)
	Resume(output string) (string, error)
	// Flush has what is open closed and uploaded.
	Flush() (string, error)
	// Drain stops inputs, delivers what there is until ctx ends, and ends the agent.
	Drain(ctx context.Context) (string, error)
}

// ErrUnknown is what a command names and the agent has not.
var ErrUnknown = errors.New("is not known")

// drainTimeout is for how long a drain may take unless the request says.
const drainTimeout = 5 * time.Minute

// handleCommands adds what changes something, as POST.
func handleCommands(mux *http.ServeMux, c Commander) {
	handle := func(name string, run func(r *http.Request) (string, error)) {
		handleCommand(mux, name, run)
	}
	output := func(r *http.Request) string { return r.URL.Query().Get("output") }
	handle("pause", func(r *http.Request) (string, error) { return c.Pause(output(r)) })
	handle("resume", func(r *http.Request) (string, error) { return c.Resume(output(r)) })
	handle("flush", func(*http.Request) (string, error) { return c.Flush() })
	handle("drain", func(r *http.Request) (string, error) {
		timeout := drainTimeout
		if text := r.URL.Query().Get("timeout"); text != "" {
			d, err := time.ParseDuration(text)
			if err != nil || d <= 0 {
				return "", errors.New("timeout must be a duration, such as 5m")
			}
			timeout = d
		}
		// What was begun is not given up because who asked has gone.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), timeout)
		defer cancel()
		return c.Drain(ctx)
	})
}

// handleCommand adds one, which answers with the sentence that run returns.
func handleCommand(mux *http.ServeMux, name string, run func(r *http.Request) (string, error)) {
	mux.HandleFunc("POST /api/"+name, func(w http.ResponseWriter, r *http.Request) {
		if !isOwnOrigin(r) {
			http.Error(w, "a command of another origin is refused", http.StatusForbidden)
			return
		}
		text, err := run(r)
		switch {
		case errors.Is(err, ErrUnknown):
			http.Error(w, err.Error(), http.StatusNotFound)
		case err != nil:
			http.Error(w, err.Error(), http.StatusConflict)
		default:
			fmt.Fprintln(w, text)
		}
	})
}

// isOwnOrigin reports whether no page of another origin has made a browser send the request.
// Browsers tell where a POST comes from; other clients have no origin.
func isOwnOrigin(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
	default:
		return false
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && u.Host == r.Host
}
