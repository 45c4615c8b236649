package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock/penstock/spool"
)

// Subject is a store under test.
type Subject struct {
	// New returns a store on a place of its own, empty, that makes at most two attempts at a
	// request. url is the address of the server as the store shall see it, "" without Server; a
	// request over which nothing moves for timeout must fail.
	New func(t *testing.T, url string, timeout time.Duration) spool.Store
	// Server is what the store talks to; nil for stores without one.
	Server http.Handler
	// Large is a size in bytes, over which objects go up in pieces.
	Large int64
	// NoMetadata tells that the store cannot keep any here.
	NoMetadata bool
}

// Run runs the suite, its tests in parallel.
func Run(t *testing.T, s Subject) {
	t.Run("conformance", func(t *testing.T) { runAll(t, s) })
}

func runAll(t *testing.T, s Subject) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, *run)
	}{
		{"PutGet", testPutGet},
		{"Overwrite", testOverwrite},
		{"NotFound", testNotFound},
		{"OddKeys", testOddKeys},
		{"BadKeys", testBadKeys},
		{"ListOrder", testListOrder},
		{"ListPrefix", testListPrefix},
		{"IfAbsent", testIfAbsent},
		{"IfAbsentRace", testIfAbsentRace},
		{"Large", testLarge},
		{"ShortReader", testShortReader},
		{"Cancelled", testCancelled},
		{"ServerErrors", testServerErrors},
		{"NoServer", testNoServer},
		{"ServerHangs", testServerHangs},
		{"ConnectionCut", testConnectionCut},
		{"LargeCut", testLargeCut},
		{"AnswerLost", testAnswerLost},
		{"HangsUp", testHangsUp},
		{"RefusesToOverwrite", testRefusesToOverwrite},
		{"Batch", testBatch},
		{"BatchIfAbsent", testBatchIfAbsent},
		{"BatchFails", testBatchFails},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := &run{Subject: s, ctx: t.Context()}
			url := ""
			if s.Server != nil {
				r.proxy = NewProxy(t, s.Server)
				url = r.proxy.URL
			}
			timeout := time.Minute
			if c.name == "ServerHangs" {
				timeout = time.Second
			}
			r.store = s.New(t, url, timeout)
			c.run(t, r)
		})
	}
}

type run struct {
	Subject
	ctx   context.Context
	store spool.Store
	proxy *Proxy
}

func (r *run) needProxy(t *testing.T) {
	if r.proxy == nil {
		t.Skip("the store has no server")
	}
}

func (r *run) put(t *testing.T, key string, data []byte, opts spool.PutOptions) {
	t.Helper()
	if err := r.store.Put(r.ctx, key, bytes.NewReader(data), int64(len(data)), opts); err != nil {
		t.Fatal(err)
	}
}

func (r *run) want(t *testing.T, key string, data []byte) spool.Object {
	t.Helper()
	body, o, err := r.store.Get(r.ctx, key)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	got, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, data) {
		t.Fatalf(
			"%s holds %d bytes %.40q, want %d bytes %.40q", key, len(got), got, len(data), data,
		)
	}
	if o.Key != key || o.Size != int64(len(data)) {
		t.Fatalf("object %+v, want key %q, size %d", o, key, len(data))
	}
	if age := time.Since(o.Modified); age < -time.Hour || age > time.Hour {
		t.Fatalf("%s modified %v", key, o.Modified)
	}
	return o
}

func (r *run) absent(t *testing.T, key string) {
	t.Helper()
	body, _, err := r.store.Get(r.ctx, key)
	if err == nil {
		body.Close()
	}
	if !errors.Is(err, spool.ErrNotFound) {
		t.Fatalf("get of %s: %v, want ErrNotFound", key, err)
	}
	if keys := r.list(t, ""); slices.Contains(keys, key) {
		t.Fatalf("%s is listed: %q", key, keys)
	}
}

func (r *run) list(t *testing.T, prefix string) []string {
	t.Helper()
	var keys []string
	for o, err := range r.store.List(r.ctx, prefix) {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, o.Key)
	}
	return keys
}

func testPutGet(t *testing.T, r *run) {
	meta := map[string]string{"penstock-first": "17", "penstock-version": "1.2.3 (abc)"}
	data := []byte("\x1f\x8bnot really gzip, and nobody may try")
	r.put(
		t,
		"a/b.gz",
		data,
		spool.PutOptions{
			ContentType:     "application/x-ndjson",
			ContentEncoding: "gzip",
			Metadata:        meta,
			Common:          &spool.Common{Metadata: map[string]string{"penstock-log": "a-0"}},
		},
	)
	meta["penstock-log"] = "a-0"
	o := r.want(t, "a/b.gz", data)
	if !r.NoMetadata && !maps.Equal(o.Metadata, meta) {
		t.Fatalf("metadata %v, want %v", o.Metadata, meta)
	}
	r.put(t, "empty", nil, spool.PutOptions{})
	r.want(t, "empty", nil)
}

func testOverwrite(t *testing.T, r *run) {
	r.put(
		t, "k", []byte("first and longer"), spool.PutOptions{Metadata: map[string]string{"n": "1"}},
	)
	r.put(t, "k", []byte("second"), spool.PutOptions{Metadata: map[string]string{"n": "2"}})
	if o := r.want(t, "k", []byte("second")); !r.NoMetadata && o.Metadata["n"] != "2" {
		t.Fatalf("metadata %v", o.Metadata)
	}
	if keys := r.list(t, ""); !slices.Equal(keys, []string{"k"}) {
		t.Fatalf("listed %q", keys)
	}
}

func testNotFound(t *testing.T, r *run) {
	r.absent(t, "nothing/here")
	if err := r.store.Delete(r.ctx, "nothing/here"); err != nil {
		t.Fatalf("delete of a missing object: %v", err)
	}
	r.put(t, "x/y/z", []byte("1"), spool.PutOptions{})
	if err := r.store.Delete(r.ctx, "x/y/z"); err != nil {
		t.Fatal(err)
	}
	r.absent(t, "x/y/z")
	if keys := r.list(t, ""); len(keys) != 0 {
		t.Fatalf("listed %q", keys)
	}
	if keys := r.list(t, "no/such/prefix/"); len(keys) != 0 {
		t.Fatalf("listed %q", keys)
	}
}

// oddKeys are such as partition values make, escaped the way Hive does and not.
var oddKeys = []string{
	"topic/dt=2017-08-01/hr=04/1_3_00000000000004093843.gz",
	"t/name=a%2Fb%3Dc%25/x",
	"t/%2e%2e/x",
	"t/a b  c/x y",
	" leading/ space",
	"trailing /space ",
	"plus+and&amp;?q=1#frag",
	"quote'\"<>;:@!$*(),[]{}|^`~",
	"ünïcödé/日本語/🚰",
	"e\u0301 decomposed",
	"back\\slash",
	"..a/b..",
	"-dash/_under/.hidden",
	"a/...",
	"long/" + strings.Repeat("x", 200),
}

func testOddKeys(t *testing.T, r *run) {
	for i, key := range oddKeys {
		r.put(t, key, fmt.Appendf(nil, "value %d", i), spool.PutOptions{})
	}
	for i, key := range oddKeys {
		r.want(t, key, fmt.Appendf(nil, "value %d", i))
		if keys := r.list(t, key); !slices.Contains(keys, key) {
			t.Fatalf("listing %q gives %q", key, keys)
		}
	}
	want := slices.Sorted(slices.Values(oddKeys))
	if keys := r.list(t, ""); !slices.Equal(keys, want) {
		t.Fatalf("listed\n%q, want\n%q", keys, want)
	}
	for _, key := range oddKeys {
		if err := r.store.Delete(r.ctx, key); err != nil {
			t.Fatal(err)
		}
		r.absent(t, key)
	}
}

func testBadKeys(t *testing.T, r *run) {
	for _, key := range []string{
		"", "/", "/absolute", "../up", "a/../../up", "a/..", "..", ".", "./a", "a/./b", "a//b", "a/", "nul\x00", "line\nbreak", "bad\xffutf8",
		strings.Repeat("a/", 600) + "a",
	} {
		err := r.store.Put(r.ctx, key, bytes.NewReader(nil), 0, spool.PutOptions{})
		if !errors.Is(err, spool.ErrRefused) {
			t.Errorf("put of %.40q: %v, want ErrRefused", key, err)
		}
		if _, _, err := r.store.Get(r.ctx, key); !errors.Is(err, spool.ErrRefused) {
			t.Errorf("get of %.40q: %v, want ErrRefused", key, err)
		}
		if err := r.store.Delete(r.ctx, key); !errors.Is(err, spool.ErrRefused) {
			t.Errorf("delete of %.40q: %v, want ErrRefused", key, err)
		}
	}
	err := r.store.Put(
		r.ctx, "k", bytes.NewReader(nil), 0,
		spool.PutOptions{Metadata: map[string]string{"k": "bad\r\nx-header: 1"}},
	)
	if !errors.Is(err, spool.ErrRefused) {
		t.Errorf("put with a line break in the metadata: %v", err)
	}
}

func testListOrder(t *testing.T, r *run) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	const letters = "ab-./0=zé%" // around the slash in byte order
	set := map[string]bool{}
	for len(set) < 2500 {
		var b strings.Builder
		for range 1 + rng.IntN(6) {
			if b.WriteString(string([]rune(letters)[rng.IntN(10)])); rng.IntN(3) == 0 {
				b.WriteByte('/')
			}
		}
		// The end cannot be a directory of another key: a directory store cannot hold both.
		if key := fmt.Sprintf("%s~%d", b.String(), len(set)); spool.CheckKey(key) == nil {
			set[key] = true
		}
	}
	want := slices.Sorted(maps.Keys(set))
	work := make(chan string)
	var wg sync.WaitGroup
	errs := make(chan error, 16)
	for range 16 {
		wg.Go(func() {
			for key := range work {
				if err := r.store.Put(
					r.ctx, key, strings.NewReader(key), int64(len(key)), spool.PutOptions{},
				); err != nil {
					select {
					case errs <- err:
					default:
					}
				}
			}
		})
	}
	for _, i := range rng.Perm(len(want)) {
		work <- want[i]
	}
	close(work)
	wg.Wait()
	select {
	case err := <-errs:
		t.Fatal(err)
	default:
	}
	i := 0
	for o, err := range r.store.List(r.ctx, "") {
		if err != nil {
			t.Fatal(err)
		}
		if i == len(want) || o.Key != want[i] || o.Size != int64(len(o.Key)) {
			t.Fatalf("object %d is %+v, want %q", i, o, want[min(i, len(want)-1)])
		}
		i++
	}
	if i != len(want) {
		t.Fatalf("%d objects listed, want %d", i, len(want))
	}
	for _, prefix := range []string{"a", "a/", "a-", "b/a", "é", "zz", "0="} {
		var part []string
		for _, key := range want {
			if strings.HasPrefix(key, prefix) {
				part = append(part, key)
			}
		}
		if got := r.list(t, prefix); !slices.Equal(got, part) {
			t.Fatalf(
				"prefix %q lists %d keys, want %d\n%q\n%q", prefix, len(got), len(part), got, part,
			)
		}
	}
	for range r.store.List(r.ctx, "") {
		break // a reader that stops early is not called again
	}
}

func testListPrefix(t *testing.T, r *run) {
	keys := []string{"p/a", "p/ab", "p/b/c", "p0", "p-x/y", "q"}
	for _, key := range keys {
		r.put(t, key, []byte(key), spool.PutOptions{})
	}
	for prefix, want := range map[string][]string{
		"p/": {"p/a", "p/ab", "p/b/c"}, "p/a": {"p/a", "p/ab"}, "p": {"p-x/y", "p/a", "p/ab", "p/b/c", "p0"}, "p/b/c": {"p/b/c"}, "p/b/c/": nil, "x": nil,
		"../": nil, "/": nil,
	} {
		if got := r.list(t, prefix); !slices.Equal(got, want) {
			t.Errorf("prefix %q lists %q, want %q", prefix, got, want)
		}
	}
}

func testIfAbsent(t *testing.T, r *run) {
	absent := spool.PutOptions{IfAbsent: true, Metadata: map[string]string{"owner": "me"}}
	r.put(t, "lock", []byte("mine"), absent)
	err := r.store.Put(r.ctx, "lock", strings.NewReader("other"), 5, absent)
	if !errors.Is(err, spool.ErrExists) {
		t.Fatalf("second put: %v, want ErrExists", err)
	}
	if o := r.want(t, "lock", []byte("mine")); !r.NoMetadata &&
		!maps.Equal(o.Metadata, absent.Metadata) {
		t.Fatalf("metadata %v", o.Metadata)
	}
	if err := r.store.Delete(r.ctx, "lock"); err != nil {
		t.Fatal(err)
	}
	r.put(t, "lock", []byte("again"), absent)
	r.want(t, "lock", []byte("again"))
}

func testIfAbsentRace(t *testing.T, r *run) {
	for round := range 5 {
		const racers = 24
		key := fmt.Sprintf("race/%d", round)
		results := make([]error, racers)
		start := make(chan struct{})
		var wg sync.WaitGroup
		for i := range racers {
			wg.Go(func() {
				<-start
				text := fmt.Sprintf("racer %d", i)
				results[i] = r.store.Put(
					r.ctx, key, strings.NewReader(text), int64(len(text)),
					spool.PutOptions{IfAbsent: true},
				)
			})
		}
		close(start)
		wg.Wait()
		winner := -1
		for i, err := range results {
			switch {
			case err == nil && winner >= 0:
				t.Fatalf("racers %d and %d both won", winner, i)
			case err == nil:
				winner = i
			case !errors.Is(err, spool.ErrExists):
				t.Fatalf("racer %d: %v", i, err)
			}
		}
		if winner < 0 {
			t.Fatal("nobody won")
		}
		r.want(t, key, fmt.Appendf(nil, "racer %d", winner))
	}
}

func randomBytes(n int64) []byte {
	data := make([]byte, n)
	rng := rand.NewChaCha8([32]byte{1})
	_, _ = rng.Read(data)
	return data
}

func testLarge(t *testing.T, r *run) {
	for _, size := range []int64{r.Large, r.Large + 1, 4*r.Large + 12345} {
		data := randomBytes(size)
		opts := spool.PutOptions{
			Metadata:    map[string]string{"size": fmt.Sprint(size)},
			ContentType: "application/octet-stream",
		}
		r.put(t, "large/object", data, opts)
		if o := r.want(t, "large/object", data); !r.NoMetadata &&
			!maps.Equal(o.Metadata, opts.Metadata) {
			t.Fatalf("metadata %v", o.Metadata)
		}
	}
}

// A file that is shorter than it should be is an error, not a shorter object.
func testShortReader(t *testing.T, r *run) {
	for _, size := range []int64{100, 2 * r.Large} {
		if err := r.store.Put(
			r.ctx, "short", bytes.NewReader(make([]byte, size-10)), size, spool.PutOptions{},
		); err == nil {
			t.Fatalf("%d of %d bytes: no error", size-10, size)
		}
		r.absent(t, "short")
	}
}

func testCancelled(t *testing.T, r *run) {
	ctx, cancel := context.WithCancel(r.ctx)
	cancel()
	data := randomBytes(2 * r.Large)
	err := r.store.Put(
		ctx, "cancelled", bytes.NewReader(data), int64(len(data)), spool.PutOptions{},
	)
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v, want context.Canceled", err)
	}
	r.absent(t, "cancelled")
}

// RunReal runs the suite against the server at endpoint, under a prefix of its own, which direct
// empties afterwards.
func RunReal(
	t *testing.T, endpoint string, large int64, direct spool.Store,
	open func(t *testing.T, url, prefix string, timeout time.Duration) spool.Store,
) {
	server, err := Forward(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	prefix := fmt.Sprintf("%016x", rand.Uint64())
	Run(t, Subject{
		New: func(t *testing.T, url string, timeout time.Duration) spool.Store {
			return open(t, url, prefix+"/"+t.Name(), timeout)
		},
		Server: server,
		Large:  large,
	})
	for o, err := range direct.List(context.Background(), prefix) {
		if err == nil {
			err = direct.Delete(context.Background(), o.Key)
		}
		if err != nil {
			t.Errorf("clean up: %v", err)
		}
	}
}
