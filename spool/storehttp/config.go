package storehttp

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Mistakes collects what is wrong with the configuration of a store.
type Mistakes []error

// Add adds a mistake, which begins with the attribute's name.
func (m *Mistakes) Add(format string, args ...any) { *m = append(*m, fmt.Errorf(format, args...)) }

// OneOf checks an attribute that has few values.
func (m *Mistakes) OneOf(name, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		m.Add("%s: must be one of %s, not %q", name, strings.Join(allowed, ", "), value)
	}
}

// Prefix checks what is put before every key.
func (m *Mistakes) Prefix(prefix string) {
	if strings.Contains(prefix, "//") {
		m.Add("prefix: must not hold empty segments")
	}
}

// Endpoint checks a URL, unless it is empty. It returns nil if that is none.
func (m *Mistakes) Endpoint(endpoint, example string) *url.URL {
	if endpoint == "" {
		return nil
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		m.Add("endpoint: must be a URL such as %q, not %q", example, endpoint)
		return nil
	}
	return u
}

// Readable checks a file that is to be read, unless none is named.
func (m *Mistakes) Readable(name, file string) {
	if file == "" {
		return
	}
	if err := unix.Access(file, unix.R_OK); err != nil {
		m.Add("%s: %s: %w", name, file, err)
	}
}

// Attempts checks how long, and how often, a request is tried.
func (m *Mistakes) Attempts(timeout time.Duration, most int) {
	if timeout < time.Second {
		m.Add("timeout: must be at least 1s, not %v", timeout)
	}
	if most < 1 {
		m.Add("max_attempts: must be at least 1, not %d", most)
	}
}
