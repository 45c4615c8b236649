package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"

	"github.com/penstock/penstock/network"
)

// role is what who asks may do. Each may do what those before it may.
type role int

const (
	nobody   role = iota // knows whether the process is alive
	observer             // metrics and readiness
	reader               // all that is shown
	operator             // commands
)

// Words for what those may do who show nothing.
const (
	AnonymousNone    = "none"
	AnonymousMetrics = "metrics"
	AnonymousRead    = "read"
)

// access decides who may do what.
type access struct {
	token, readToken  [sha256.Size]byte
	hasToken, hasRead bool
	anonymous         role
}

func newAccess(o Options) *access {
	a := &access{
		token: sha256.Sum256([]byte(o.Token)), hasToken: o.Token != "",
		readToken: sha256.Sum256([]byte(o.ReadToken)), hasRead: o.ReadToken != "",
	}
	switch o.Anonymous {
	case AnonymousMetrics:
		a.anonymous = observer
	case AnonymousRead:
		a.anonymous = reader
	case AnonymousNone:
	default:
		if network.IsLocal(o.Listen) && !a.hasToken && !a.hasRead && o.TLS == nil {
			a.anonymous = operator
		}
	}
	return a
}

// roleOf returns what who sends r may do. A token comes as a bearer token, or as the password of
// anybody.
func (a *access) roleOf(r *http.Request) role {
	if r.TLS != nil && len(r.TLS.VerifiedChains) > 0 {
		return operator
	}
	given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		_, given, ok = r.BasicAuth()
	}
	if ok {
		sum := sha256.Sum256([]byte(given))
		switch {
		case a.hasToken && subtle.ConstantTimeCompare(sum[:], a.token[:]) == 1:
			return operator
		case a.hasRead && subtle.ConstantTimeCompare(sum[:], a.readToken[:]) == 1:
			return max(reader, a.anonymous)
		}
	}
	return a.anonymous
}

// needed returns what a request is for.
func needed(r *http.Request) role {
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		return operator
	case r.URL.Path == "/healthz":
		return nobody
	case r.URL.Path == "/readyz", r.URL.Path == "/metrics", r.URL.Path == "/metrics.json":
		return observer
	}
	return reader
}

// guard refuses what who asks may not do.
func (a *access) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		is := a.roleOf(r)
		switch {
		case is >= needed(r):
			next.ServeHTTP(w, r)
		case is >= reader:
			http.Error(w, "who asks may read, and command nothing: use agent.admin.token", http.StatusForbidden)
		default:
			w.Header().Set("WWW-Authenticate", `Basic realm="penstock"`)
			http.Error(
				w, "a token is needed: that of agent.admin.token or read_token, as a bearer token or as a password",
				http.StatusUnauthorized,
			)
		}
	})
}
