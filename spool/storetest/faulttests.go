package storetest

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock/penstock/spool"
)

// passing checks that a put fails with an error that may pass by itself, leaves nothing visible,
// and works once the fault is over.
func (r *run) passing(t *testing.T, data []byte, fault Fault) {
	t.Helper()
	r.proxy.Set(fault)
	start := time.Now()
	err := r.store.Put(r.ctx, "faulty", bytes.NewReader(data), int64(len(data)), spool.PutOptions{})
	if err == nil {
		t.Fatal("no error")
	}
	if errors.Is(err, spool.ErrRefused) || errors.Is(err, spool.ErrNotFound) ||
		errors.Is(err, spool.ErrExists) {
		t.Fatalf("error %v, want a retryable one", err)
	}
	if took := time.Since(start); took > 30*time.Second {
		t.Fatalf("took %v to fail: %v", took, err)
	}
	r.proxy.Set(nil)
	r.absent(t, "faulty")
	r.put(t, "faulty", data, spool.PutOptions{})
	r.want(t, "faulty", data)
	if err := r.store.Delete(r.ctx, "faulty"); err != nil {
		t.Fatal(err)
	}
}

func testServerErrors(t *testing.T, r *run) {
	r.needProxy(t)
	for _, code := range []int{500, 502, 503, 504, 429} {
		r.passing(t, []byte("small"), Status(code))
	}
	r.put(t, "there", []byte("data"), spool.PutOptions{})
	r.proxy.Set(Status(http.StatusInternalServerError))
	if body, _, err := r.store.Get(
		r.ctx, "there",
	); err == nil || errors.Is(err, spool.ErrNotFound) ||
		errors.Is(err, spool.ErrRefused) {
		if err == nil {
			body.Close()
		}
		t.Errorf("get: %v, want a retryable error", err)
	}
	if err := r.store.Delete(r.ctx, "there"); err == nil || errors.Is(err, spool.ErrRefused) {
		t.Errorf("delete: %v, want a retryable error", err)
	}
	errs := 0
	for o, err := range r.store.List(r.ctx, "") {
		if err == nil {
			t.Errorf("listed %v", o)
		}
		errs++
	}
	if errs != 1 {
		t.Errorf("list gave %d errors, want one", errs)
	}
	r.proxy.Set(Status(http.StatusForbidden))
	err := r.store.Put(r.ctx, "k", strings.NewReader("x"), 1, spool.PutOptions{})
	if !errors.Is(err, spool.ErrRefused) {
		t.Errorf("put answered by 403: %v, want ErrRefused", err)
	}
	for _, err := range r.store.List(r.ctx, "") {
		if !errors.Is(err, spool.ErrRefused) {
			t.Errorf("list answered by 403: %v, want ErrRefused", err)
		}
	}
}

// Where there is no server another attempt may help.
func testNoServer(t *testing.T, r *run) {
	r.needProxy(t)
	none := r.New(t, "http://127.0.0.1:1", time.Minute)
	err := none.Put(r.ctx, "k", strings.NewReader("x"), 1, spool.PutOptions{})
	if err == nil || errors.Is(err, spool.ErrRefused) {
		t.Errorf("no server: %v, want a retryable error", err)
	}
}

func testServerHangs(t *testing.T, r *run) {
	r.needProxy(t)
	r.passing(t, []byte("small"), r.proxy.Hang())
	r.passing(t, randomBytes(r.Large+1000), Uploads(r.proxy.Hang()))
}

func testConnectionCut(t *testing.T, r *run) {
	r.needProxy(t)
	r.passing(t, randomBytes(r.Large/2), Uploads(Cut(r.Large/4)))
}

// The third request of an upload in pieces, and all after it, are cut in the middle.
func testLargeCut(t *testing.T, r *run) {
	r.needProxy(t)
	var n atomic.Int64
	r.passing(
		t,
		randomBytes(4*r.Large),
		Uploads(func(w http.ResponseWriter, req *http.Request, next http.Handler) {
			if n.Add(1) < 3 {
				next.ServeHTTP(w, req)
				return
			}
			Cut(r.Large/3)(w, req, next)
		}),
	)
}

// The server stores the object and its answer is lost: whatever Put says, a conditional put that is
// retried inside finds its own object and not another's, and an unconditional one overwrites.
func testAnswerLost(t *testing.T, r *run) {
	r.needProxy(t)
	r.put(t, "first", []byte("x"), spool.PutOptions{IfAbsent: true})
	lose := func() {
		var n atomic.Int64
		r.proxy.Set(Uploads(func(w http.ResponseWriter, req *http.Request, next http.Handler) {
			if n.Add(1) == 1 {
				LoseAnswer(w, req, next)
				return
			}
			next.ServeHTTP(w, req)
		}))
	}
	lose()
	err := r.store.Put(
		r.ctx, "claim", strings.NewReader("mine"), 4, spool.PutOptions{IfAbsent: true},
	)
	if errors.Is(err, spool.ErrExists) {
		t.Fatal("a put was told that its own object is another's")
	}
	r.want(t, "claim", []byte("mine"))
	lose()
	if err := r.store.Put(
		r.ctx, "plain", strings.NewReader("data"), 4, spool.PutOptions{},
	); err != nil {
		r.put(t, "plain", []byte("data"), spool.PutOptions{})
	}
	r.want(t, "plain", []byte("data"))
	// A read that is cut short is an error, never a short object.
	data := randomBytes(r.Large)
	r.put(t, "whole", data, spool.PutOptions{})
	r.proxy.Set(func(w http.ResponseWriter, req *http.Request, next http.Handler) {
		next.ServeHTTP(&cutWriter{ResponseWriter: w, left: int(r.Large / 2)}, req)
	})
	body, _, err := r.store.Get(r.ctx, "whole")
	if err != nil {
		return // refused to begin: as good
	}
	defer body.Close()
	if got, err := io.ReadAll(body); err == nil && !bytes.Equal(got, data) {
		t.Fatalf("read %d of %d bytes without an error", len(got), len(data))
	}
}

// A connection is closed before the answer, after the work, or in the middle of the answer; or an
// answer says nothing. These are errors: no reader takes them for the end of what it reads, and no
// listing for one that is empty.
func testHangsUp(t *testing.T, r *run) {
	r.needProxy(t)
	data := randomBytes(100_000)
	for name, fault := range map[string]Fault{
		"hang up": HangUp, "lose the answer": LoseAnswer, "half": Half(false), "silent half": Half(true), "nothing": Nothing,
	} {
		r.proxy.Set(nil)
		r.put(t, "there", data, spool.PutOptions{})
		r.put(t, "gone", data, spool.PutOptions{})
		r.proxy.Set(fault)
		failed := func(what string, err error) {
			t.Helper()
			if err == nil || errors.Is(err, io.EOF) || errors.Is(err, spool.ErrNotFound) ||
				errors.Is(err, spool.ErrRefused) {
				t.Errorf(
					"%s, %s: error %v, want one that may pass and is not io.EOF", name, what, err,
				)
			}
		}
		body, _, err := r.store.Get(r.ctx, "there")
		if err == nil {
			var got []byte
			got, err = io.ReadAll(body)
			body.Close()
			if err == nil && name == "nothing" && len(got) == 0 {
				err = errors.New("an empty object: the caller knows its size from the listing")
			}
		}
		failed("get", err)
		seen, listed := map[string]bool{}, error(nil)
		for o, err := range r.store.List(r.ctx, "") {
			if listed = err; err == nil {
				seen[o.Key] = true
			}
		}
		if !seen["there"] || listed != nil {
			failed("list", listed)
		}
		for what, err := range map[string]error{
			"put":    r.store.Put(r.ctx, "there", bytes.NewReader(data), int64(len(data)), spool.PutOptions{}),
			"delete": r.store.Delete(r.ctx, "gone"),
		} {
			if err != nil || name == "nothing" && what == "put" {
				failed(what, err)
			}
		}
		if name == "nothing" {
			large := randomBytes(2*r.Large + 1)
			failed(
				"put if absent",
				r.store.Put(
					r.ctx, "new", bytes.NewReader(data), int64(len(data)),
					spool.PutOptions{IfAbsent: true},
				),
			)
			failed(
				"put in pieces",
				r.store.Put(
					r.ctx, "there", bytes.NewReader(large), int64(len(large)), spool.PutOptions{},
				),
			)
		}
		r.proxy.Set(nil)
		r.want(t, "there", data)
	}
}

// The server refuses to overwrite, as under a retention policy. Place takes what is there for what
// is to be there if it is the same, in one piece and in several, and says what is there if it is
// not.
func testRefusesToOverwrite(t *testing.T, r *run) {
	r.needProxy(t)
	meta := spool.PutOptions{Metadata: map[string]string{"penstock-start": "7"}}
	for _, size := range []int64{100, 2*r.Large + 1} {
		data := randomBytes(size)
		place := func(data []byte, opts spool.PutOptions) error {
			return spool.PutOnce(
				r.ctx, r.store, "object", bytes.NewReader(data), int64(len(data)), opts,
			)
		}
		r.proxy.Set(nil)
		r.put(t, "object", data, meta)
		r.proxy.Set(Uploads(Status(http.StatusForbidden)))
		if err := place(data, meta); err != nil {
			t.Errorf("the same: %v", err)
		}
		changed := bytes.Clone(data)
		changed[size-1]++
		var conflict *spool.ConflictError
		if err := place(changed, meta); !errors.As(err, &conflict) || conflict.There.Size != size {
			t.Errorf("another: %v", err)
		}
		other := spool.PutOptions{Metadata: map[string]string{"penstock-start": "8"}}
		if err := place(data, other); !errors.As(err, &conflict) {
			t.Errorf("other metadata: %v", err)
		}
		if size < r.Large {
			absent := meta
			absent.IfAbsent = true
			if err := place(data, absent); err != nil {
				t.Errorf("the same, if absent: %v", err)
			}
			if err := place(changed, absent); !errors.Is(err, spool.ErrExists) {
				t.Errorf("another, if absent: %v, want ErrExists", err)
			}
		}
		r.proxy.Set(nil)
		r.want(t, "object", data)
		if err := r.store.Delete(r.ctx, "object"); err != nil {
			t.Fatal(err)
		}
		r.proxy.Set(Uploads(Status(http.StatusForbidden)))
		if err := place(data, meta); !errors.Is(err, spool.ErrRefused) ||
			errors.As(err, new(*spool.ConflictError)) {
			t.Errorf("nothing there: %v, want ErrRefused", err)
		}
	}
}

type cutWriter struct {
	http.ResponseWriter
	left int
}

func (w *cutWriter) Write(p []byte) (int, error) {
	if len(p) > w.left {
		_, _ = w.ResponseWriter.Write(p[:w.left])
		panic(http.ErrAbortHandler)
	}
	w.left -= len(p)
	return w.ResponseWriter.Write(p)
}
