package e2e

import (
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// faults makes a share of the requests to a server fail: 500s, also when the work is done; slowness; connections that are cut; and, where
// "hang" is one of the kinds, answers that never come, although the work may be done.
type faults struct {
	mu    sync.Mutex
	rng   *rand.Rand
	rate  float64 // share of requests that fail
	hangs time.Duration
	kinds []string
}

func newFaults(rng *rand.Rand) *faults {
	return &faults{rng: rand.New(rand.NewPCG(rng.Uint64(), 1)), hangs: 300 * time.Millisecond,
		kinds: []string{"refuse", "applied", "slow", "cut"}}
}

// in returns inner with the faults before it.
func (s *faults) in(inner http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch s.draw() {
		case "refuse":
			http.Error(w, "injected", http.StatusInternalServerError)
		case "applied":
			rec := httptest.NewRecorder()
			inner.ServeHTTP(rec, r)
			http.Error(w, "injected after the work was done", http.StatusInternalServerError)
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

func (s *faults) draw() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rng.Float64() >= s.rate {
		return ""
	}
	return s.kinds[s.rng.IntN(len(s.kinds))]
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
var objectRange = regexp.MustCompile(`/(\d{20})-(\d+)\.ndjson\.zst$`)

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
	t.Cleanup(s.Server.Close)
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
