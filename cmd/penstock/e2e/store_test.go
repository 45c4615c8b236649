package e2e

import (
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/penstock/penstock/spool/storetest"
)

// faults stands before a server and makes a share of the requests fail, whatever they are. It
// causes connections that are closed before, in and after the answer, answers that come late, and
// errors with the work done or not. Where "hang" is one of the kinds, some answers never come,
// although the work may be done.
type faults struct {
	mu    sync.Mutex
	rng   *rand.Rand
	rate  float64 // share of requests that fail
	hangs time.Duration
	kinds []string
	spell *spell
	met   map[string]int // by verb and kind
}

// spell is a time during which all requests of a verb fail alike.
type spell struct{ verb, kind string }

// storeFaults are the kinds of faults that have no state of their own.
var storeFaults = map[string]storetest.Fault{
	"hang up":         storetest.HangUp,
	"lose the answer": storetest.LoseAnswer,
	"half":            storetest.Half(false),
	"silent half":     storetest.Half(true),
	"403": storetest.Status(
		http.StatusForbidden,
	),
	"412": storetest.Status(http.StatusPreconditionFailed),
	"500": storetest.Status(
		http.StatusInternalServerError,
	),
	"503":     storetest.Status(http.StatusServiceUnavailable),
	"nothing": storetest.Nothing,
	"done, 403": applied(
		http.StatusForbidden,
	),
	"done, 412": applied(http.StatusPreconditionFailed),
	"done, 500": applied(http.StatusInternalServerError),
}

// applied answers with an error status although the work is done.
func applied(code int) storetest.Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		next.ServeHTTP(httptest.NewRecorder(), r)
		w.WriteHeader(code)
	}
}

func newFaults(rng *rand.Rand) *faults {
	kinds := append(slices.Sorted(maps.Keys(storeFaults)), "slow", "cut")
	return &faults{
		rng:   rand.New(rand.NewPCG(rng.Uint64(), 1)),
		hangs: 300 * time.Millisecond,
		kinds: kinds,
		met:   map[string]int{},
	}
}

// in returns inner with the faults before it.
func (s *faults) in(inner http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kind := s.draw(verbOf(r))
		if f := storeFaults[kind]; f != nil {
			f(w, r, inner)
			return
		}
		switch kind {
		case "slow":
			select {
			case <-r.Context().Done():
			case <-time.After(s.hangs):
			}
			inner.ServeHTTP(w, r)
		case "hang":
			if s.coin() {
				inner.ServeHTTP(httptest.NewRecorder(), r)
			}
			_, _ = io.Copy(io.Discard, r.Body) // or it would not be seen that the client has gone
			<-r.Context().Done()
		case "cut":
			panic(http.ErrAbortHandler)
		default:
			inner.ServeHTTP(w, r)
		}
	})
}

// verbOf tells what a request to S3 or GCS is about: GET, HEAD, LIST, PUT or DELETE. PUT is
// whatever carries data.
func verbOf(r *http.Request) string {
	switch {
	case r.Method == http.MethodGet && (r.URL.Query().Has("list-type") || strings.HasSuffix(r.URL.Path, "/o")):
		return "LIST"
	case r.Method == http.MethodPost, r.Method == http.MethodPatch:
		return "PUT"
	}
	return r.Method
}

func (s *faults) draw(verb string) (kind string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.spell != nil && s.spell.verb == verb:
		kind = s.spell.kind
	case s.rng.Float64() < s.rate:
		kind = s.kinds[s.rng.IntN(len(s.kinds))]
	default:
		return ""
	}
	if kind == "nothing" && verb == "DELETE" {
		// that an object is gone is all that such an answer says: no client could know better
		kind = "503"
	}
	s.met[verb+" "+kind]++
	return kind
}

// cast makes all requests of a verb meet one kind of fault, until lift.
func (s *faults) cast(verb, kind string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spell = &spell{verb, kind}
}

func (s *faults) lift() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spell = nil
}

// count returns how often requests of a verb met a kind of fault.
func (s *faults) count(verb, kind string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.met[verb+" "+kind]
}

// total returns how many requests met a fault.
func (s *faults) total() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.met {
		n += m
	}
	return n
}

// tell logs what was met.
func (s *faults) tell(t *testing.T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	verbs := map[string]int{}
	for what, n := range s.met {
		verb, _, _ := strings.Cut(what, " ")
		verbs[verb] += n
	}
	t.Logf("faults of the store: %v, of %d kinds", verbs, len(s.met))
}

func (s *faults) coin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rng.IntN(2) == 0
}

// fail sets the share of requests that fail.
func (s *faults) fail(rate float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rate = rate
}

// faultyS3 is an S3 server that can be made to fail.
type faultyS3 struct {
	*httptest.Server
	*faults
	Backend *s3mem.Backend
	largest atomic.Int64
}

// largestOverflow returns how many records the largest object of an overflow held.
func (s *faultyS3) largestOverflow() int64 { return s.largest.Load() }

// objectRange finds the positions in the name of an overflow object.
var objectRange = regexp.MustCompile(`/(\d{20})-(\d+)(?:\.[0-9a-f]{8})?\.ndjson\.zst$`)

// watch returns inner, keeping account of what is stored.
func (s *faultyS3) watch(inner http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if m := objectRange.FindStringSubmatch(r.URL.Path); m != nil && r.Method == http.MethodPut {
			first, _ := strconv.ParseInt(m[1], 10, 64)
			last, _ := strconv.ParseInt(m[2], 10, 64)
			for was := s.largest.Load(); last-first+1 > was && !s.largest.CompareAndSwap(was, last-first+1); was = s.largest.Load() {
			}
		}
		inner.ServeHTTP(w, r)
	})
}

func newFaultyS3(t *testing.T, rng *rand.Rand, buckets ...string) *faultyS3 {
	s := &faultyS3{Backend: s3mem.New(), faults: newFaults(rng)}
	for _, b := range buckets {
		if err := s.Backend.CreateBucket(b); err != nil {
			t.Fatal(err)
		}
	}
	s.Server = httptest.NewServer(s.watch(s.in(gofakes3.New(s.Backend).Server())))
	t.Cleanup(func() {
		s.Server.Close()
		s.tell(t)
	})
	return s
}

// keys lists the objects of a bucket.
func (s *faultyS3) keys(t *testing.T, bucket string) []string {
	t.Helper()
	list, err := s.Backend.ListBucket(bucket, &gofakes3.Prefix{}, gofakes3.ListBucketPage{})
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, o := range list.Contents {
		keys = append(keys, o.Key)
	}
	return keys
}
