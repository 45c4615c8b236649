package gcs

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/spool"
	"github.com/penstock/penstock/spool/storetest"
)

func randomBytes(t *testing.T, n int) []byte {
	seed := runtest.Seed(t)
	data := make([]byte, n)
	source := rand.NewPCG(seed, 0)
	for i := range data {
		data[i] = byte(source.Uint64())
	}
	return data
}

func put(t *testing.T, s *Store, key string, data []byte) {
	t.Helper()
	err := s.Put(
		t.Context(), key, bytes.NewReader(data), int64(len(data)), spool.PutOptions{},
	)
	if err != nil {
		t.Fatal(err)
	}
}

func want(t *testing.T, s *Store, key string, data []byte) {
	t.Helper()
	r, o, err := s.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(got, data) || o.Size != int64(len(data)) {
		t.Fatalf("%d of %d bytes, size %d, equal %v, error %v",
			len(got), len(data), o.Size, bytes.Equal(got, data), err)
	}
}

// sessions are resumable uploads as GCS has them: bytes that are there already are passed over, and
// of a request no more than half a chunk is taken, as a server may.
type sessions struct {
	mu     sync.Mutex
	data   map[string][]byte // by the number of the session
	begun  int
	ranges []string
	trip   func(n int) bool // whether the nth chunk is answered by an error once it is taken
	forget func(n int) bool // whether the server no longer knows the session of the nth chunk
}

func (s *sessions) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if r.Method == http.MethodPost {
		s.begun++
		w.Header().Set("Location", fmt.Sprintf("/session?upload_id=%d", s.begun))
		return
	}
	s.ranges = append(s.ranges, r.Header.Get("Content-Range"))
	id, n := r.URL.Query().Get("upload_id"), len(s.ranges)
	if s.forget != nil && s.forget(n) {
		delete(s.data, id)
		w.WriteHeader(http.StatusGone)
		return
	}
	var from, to, size int
	_, _ = fmt.Sscanf(r.Header.Get("Content-Range"), "bytes %d-%d/%d", &from, &to, &size)
	has := s.data[id]
	if from > len(has) || to-from+1 != len(body) {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if taken := from + min(len(body), 1<<19); taken > len(has) {
		has = append(has, body[len(has)-from:taken-from]...)
	}
	s.data[id] = has
	if s.trip != nil && s.trip(n) {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	if len(has) < size {
		w.Header().Set("Range", fmt.Sprintf("bytes=0-%d", len(has)-1))
		w.WriteHeader(http.StatusPermanentRedirect)
		return
	}
	sum := castagnoliOf(has)
	fmt.Fprintf(w, `{"name":"k","size":"%d","crc32c":%q}`, len(has), sum)
}

// An upload goes on from where the server has come to, sends a chunk again whose answer was an
// error, and begins again where the server has forgotten it; what arrives is what was sent.
func TestResumableUpload(t *testing.T) {
	t.Parallel()
	data := randomBytes(t, 5<<19)
	never := func(int) bool { return false }
	for name, c := range map[string]struct {
		trip, forget func(n int) bool
		begun        int
	}{
		"halves":             {never, never, 1},
		"an error each time": {func(n int) bool { return n%2 == 1 }, never, 1},
		"forgotten once":     {never, func(n int) bool { return n == 3 }, 2},
	} {
		t.Run(name, func(t *testing.T) {
			s := &sessions{data: map[string][]byte{}, trip: c.trip, forget: c.forget}
			server := httptest.NewServer(s)
			defer server.Close()
			put(t, open(t, testConfig(server.URL)), "k", data)
			if got := s.data[fmt.Sprint(s.begun)]; s.begun != c.begun || !bytes.Equal(got, data) {
				t.Fatalf("%d sessions, %d of %d bytes, ranges %q", s.begun, len(got), len(data), s.ranges)
			}
		})
	}
	t.Run("forgotten for ever", func(t *testing.T) {
		s := &sessions{data: map[string][]byte{}, forget: func(n int) bool { return n%3 == 0 }}
		server := httptest.NewServer(s)
		defer server.Close()
		err := open(t, testConfig(server.URL)).Put(
			t.Context(), "k", bytes.NewReader(data), int64(len(data)), spool.PutOptions{},
		)
		if err == nil || !strings.Contains(err.Error(), "forgotten the session") || s.begun > 3 {
			t.Fatalf("%d sessions, error %v", s.begun, err)
		}
	})
}

// An object that the server says it has stored otherwise than it was sent is not stored.
func TestStoredOtherwise(t *testing.T) {
	t.Parallel()
	data := randomBytes(t, 1000)
	sum := castagnoliOf(data)
	for name, answer := range map[string]string{
		"another checksum": `{"name":"k","size":"1000","crc32c":"AAAAAA=="}`,
		"another size":     fmt.Sprintf(`{"name":"k","size":"999","crc32c":%q}`, sum),
		"another name":     fmt.Sprintf(`{"name":"l","size":"1000","crc32c":%q}`, sum),
		"":                 fmt.Sprintf(`{"name":"k","size":"1000","crc32c":%q}`, sum),
	} {
		server := httptest.NewServer(http.HandlerFunc(
			func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				_, _ = io.WriteString(w, answer)
			},
		))
		err := open(t, testConfig(server.URL)).Put(
			t.Context(), "k", bytes.NewReader(data), int64(len(data)), spool.PutOptions{},
		)
		server.Close()
		if refused := err != nil && strings.Contains(err.Error(), "the server has stored"); refused != (name != "") {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// A connection that breaks while an object is read is made again where it broke.
func TestReadGoesOnWhereItBroke(t *testing.T) {
	t.Parallel()
	proxy := storetest.NewProxy(t, fake(t))
	s := open(t, testConfig(proxy.URL))
	data := randomBytes(t, 3<<20)
	put(t, s, "k", data)
	var ranges []string
	proxy.Set(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if ranges = append(ranges, r.Header.Get("Range")); len(ranges) < 2 {
			storetest.Half(false)(w, r, next)
			return
		}
		next.ServeHTTP(w, r)
	})
	want(t, s, "k", data)
	if len(ranges) != 2 || ranges[0] != "" || !strings.HasPrefix(ranges[1], "bytes=") {
		t.Fatalf("ranges %q", ranges)
	}
}

// What was damaged on the way is an error at the end of the object and not a short or wrong one.
func TestDamageIsNoticed(t *testing.T) {
	t.Parallel()
	proxy := storetest.NewProxy(t, fake(t))
	s := open(t, testConfig(proxy.URL))
	data := randomBytes(t, 100_000)
	put(t, s, "k", data)
	proxy.Set(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		next.ServeHTTP(flipped{w}, r)
	})
	r, _, err := s.Get(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := io.ReadAll(r); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Fatalf("read: %v", err)
	}
	proxy.Set(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(bytes.Replace(body, data[:8], make([]byte, 8), 1)))
		next.ServeHTTP(w, r)
	})
	err = s.Put(t.Context(), "k", bytes.NewReader(data), int64(len(data)), spool.PutOptions{})
	if err == nil {
		t.Fatal("stored what was damaged")
	}
}

type flipped struct{ http.ResponseWriter }

func (f flipped) Write(p []byte) (int, error) {
	q := bytes.Clone(p)
	q[0] ^= 1
	return f.ResponseWriter.Write(q)
}

// The reader that Put was given is not read any more once Put has returned.
func TestNothingIsReadAfterPut(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden) // before the body is there
	}))
	defer server.Close()
	s := open(t, testConfig(server.URL))
	readers := make([]guarded, 20)
	for i := range readers {
		_ = s.Put(t.Context(), "k", &readers[i], 1<<20, spool.PutOptions{})
		readers[i].over.Store(true)
	}
	server.Close()
	for i := range readers {
		if readers[i].late.Load() {
			t.Fatal("read after Put")
		}
	}
}

type guarded struct{ over, late atomic.Bool }

func (g *guarded) ReadAt(p []byte, _ int64) (int, error) {
	if g.over.Load() {
		g.late.Store(true)
	}
	return len(p), nil
}
