package tlsconf

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// watched is a value made from files, made again when one of them has changed.
type watched[T any] struct {
	paths []string
	load  func() (T, error)
	log   *slog.Logger

	mu    sync.Mutex
	value T
	seen  []stamp
}

type stamp struct {
	size int64
	time time.Time
}

func watch[T any](log *slog.Logger, load func() (T, error), paths ...string) (*watched[T], error) {
	w := &watched[T]{paths: paths, load: load, log: log}
	w.seen = w.stamps()
	var err error
	w.value, err = load()
	return w, err
}

func (w *watched[T]) stamps() []stamp {
	out := make([]stamp, len(w.paths))
	for i, p := range w.paths {
		if info, err := os.Stat(p); err == nil {
			out[i] = stamp{info.Size(), info.ModTime()}
		}
	}
	return out
}

func (w *watched[T]) get() T {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.stamps()
	for i := range now {
		if now[i] == w.seen[i] {
			continue
		}
		// A change is tried once: the next one, when the writer is done, is another change.
		w.seen = now
		value, err := w.load()
		if err != nil {
			w.log.Warn(
				"changed TLS files cannot be used; the previous ones stay in use", "error", err,
			)
			break
		}
		w.value = value
		w.log.Info("TLS files reloaded", "files", w.paths)
		break
	}
	return w.value
}

func newPair(certFile, keyFile string, log *slog.Logger) (*watched[*tls.Certificate], error) {
	return watch(log, func() (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(certFile, keyFile)
		if err != nil {
			return nil, fmt.Errorf("cert_file: %w", err)
		}
		return &pair, nil
	}, certFile, keyFile)
}

func newPool(attribute, file string, log *slog.Logger) (*watched[*x509.CertPool], error) {
	return watch(log, func() (*x509.CertPool, error) {
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", attribute, err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s: %w", attribute, errors.New("no PEM certificate in "+file))
		}
		return pool, nil
	}, file)
}

// readable reports a file that is named and cannot be opened.
func readable(attribute, file string) error {
	if file == "" {
		return nil
	}
	f, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("%s: %w", attribute, err)
	}
	return f.Close()
}
