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
	// Flush has what is open closed and uploaded. It waits for that, unless wait is 0: an error
	// says what is not archived when the time is over, or cannot be.
	Flush(ctx context.Context, wait time.Duration) (string, error)
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
	handle("flush", func(r *http.Request) (string, error) {
		wait, err := timeoutOf(r, 0) // earlier commands do not wait
		if err != nil {
			return "", err
		}
		return c.Flush(r.Context(), wait)
	})
	handle("drain", func(r *http.Request) (string, error) {
		timeout, err := timeoutOf(r, drainTimeout)
		if err != nil {
			return "", err
		}
		// What was begun is not given up because who asked has gone.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), timeout)
		defer cancel()
		return c.Drain(ctx)
	})
}

// timeoutOf returns how long a request lets a command take, or otherwise if it does not say.
func timeoutOf(r *http.Request, otherwise time.Duration) (time.Duration, error) {
	text := r.URL.Query().Get("timeout")
	if text == "" {
		return otherwise, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, errors.New("timeout must be a duration, such as 5m")
	}
	return d, nil
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
