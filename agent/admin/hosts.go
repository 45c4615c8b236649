package admin

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
)

// hosts says by which names the server may be addressed. A page on the web can make its own name
// lead here (DNS rebinding), and then reads what it likes as if it were its own. It cannot choose a
// name that is not its own, nor an address.
type hosts struct {
	names     map[string]bool
	suffixes  []string // with their leading dot
	allowsAny bool
}

// newHosts allows the listen address, the machine's name, loopback names and those configured.
func newHosts(listen string, configured []string) *hosts {
	h := &hosts{names: map[string]bool{"localhost": true}, suffixes: []string{".localhost"}}
	if host, _, err := net.SplitHostPort(listen); err == nil && host != "" {
		h.names[normalHost(host)] = true
	}
	if name, err := os.Hostname(); err == nil {
		h.names[normalHost(name)] = true
	}
	for _, name := range configured {
		switch name = normalHost(name); {
		case name == "*":
			h.allowsAny = true
		case strings.HasPrefix(name, "*."):
			h.suffixes = append(h.suffixes, name[1:])
		default:
			h.names[name] = true
		}
	}
	return h
}

func normalHost(name string) string { return strings.TrimSuffix(strings.ToLower(name), ".") }

// allows reports whether a request with that Host header may be answered. Those without one come
// from no browser, and an address belongs to nobody else.
func (h *hosts) allows(header string) bool {
	if header == "" || h.allowsAny {
		return true
	}
	host := header
	if name, _, err := net.SplitHostPort(header); err == nil {
		host = name
	}
	host = normalHost(strings.Trim(host, "[]"))
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	if h.names[host] {
		return true
	}
	for _, s := range h.suffixes {
		if strings.HasSuffix(host, s) {
			return true
		}
	}
	return false
}

// guard refuses requests that a web page elsewhere makes a browser send: by another origin, or by a
// name that was made to point here.
func (h *hosts) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !h.allows(r.Host) {
			http.Error(
				w,
				fmt.Sprintf("host %q is not allowed: add it to agent.admin.allowed_hosts", r.Host), http.StatusForbidden,
			)
			return
		}
		if site := r.Header.Get(
			"Sec-Fetch-Site",
		); site == "cross-site" &&
			r.Header.Get("Sec-Fetch-Mode") != "navigate" {
			http.Error(w, "cross-site request refused", http.StatusForbidden)
			return
		}
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().
			Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; img-src data:; frame-ancestors 'none'")
		w.Header().Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}
