//go:build wasm_filter

package filter

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/wasm/wasmtest"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func newWasm(t testing.TB, c WasmConfig) *Wasm {
	t.Helper()
	f, err := NewWasm(c, Env{Name: "filter.wasm.x", Metrics: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// What a module cannot cope with is refused; the records around it are as it makes them.
func TestAModuleThatFailsRefusesItsRecord(t *testing.T) {
	t.Parallel()
	c := DefaultWasm()
	c.Module = wasmtest.Obedient(t)
	for _, bad := range []string{"trap", "loop", "eat", "lie", "refuse"} {
		c.Timeout = 10 * time.Second
		if bad == "loop" {
			c.Timeout = 100 * time.Millisecond
		}
		f := newWasm(t, c)
		in := batch("abc", bad, "keep", "drop", "xyz")
		out := Chain{f}.Apply(in)
		got := values(t, out.Batch)
		if !slices.Equal(got, []string{"100:cba", "102:keep", "104:zyx"}) {
			t.Errorf("%s: %q", bad, got)
		}
		if len(out.Refused) != 1 || string(out.Refused[0].Record.Value) != bad ||
			!strings.HasPrefix(out.Refused[0].Reason, "filter.wasm.x: ") {
			t.Errorf("%s: refused %+v", bad, out.Refused)
		}
		if n := testutil.ToFloat64(f.failed); (n == 0) != (bad == "refuse") {
			t.Errorf("%s: %v failures", bad, n)
		}
		if got := values(t, apply(f, batch("abc", "drop"))); !slices.Equal(got, []string{"100:cba"}) {
			t.Errorf("%s: afterwards %q", bad, got)
		}
	}
}

// A module that needs more memory than it may have does not even begin.
func TestAModuleHasNoMoreThanItsMemory(t *testing.T) {
	t.Parallel()
	c := DefaultWasm()
	c.Module = wasmtest.Obedient(t)
	c.Memory = 1 << 20 // Go's own runtime takes more
	if _, err := NewWasm(c, Env{}); err == nil || !strings.Contains(err.Error(), "memory") {
		t.Errorf("with a megabyte: %v", err)
	}
}

// The example reads and sets fields of records, and discards some.
func TestTheExampleOfAModule(t *testing.T) {
	t.Parallel()
	c := DefaultWasm()
	c.Module, c.Timeout = wasmtest.Go(t, "../../examples/wasm/go"), 10*time.Second
	f := newWasm(t, c)
	long := `{"level":"` + strings.Repeat("x", 5000) + `"}`
	out := Chain{f}.Apply(batch(
		`{"level":"debug"}`, `{"level":"error","n":1}`, `{"n":2}`, "no JSON", long, `{"level":3}`,
	))
	want := []string{
		`101:{"level":"error","n":1,"severe":true}`, `102:{"n":2}`, "103:no JSON",
		`105:{"level":3,"severe":false}`,
	}
	if got := values(t, out.Batch); !slices.Equal(got, want) {
		t.Errorf("%q, not %q", got, want)
	}
	if len(out.Refused) != 1 || out.Refused[0].Reason != "filter.wasm.x: level is too long" {
		t.Errorf("refused %+v", out.Refused)
	}
}

func TestWhatIsNoModuleIsTold(t *testing.T) {
	t.Parallel()
	c := DefaultWasm()
	c.Module = filepath.Join(t.TempDir(), "x.wasm")
	for text, want := range map[string]string{
		"no module":               "invalid magic number",
		"\x00asm\x01\x00\x00\x00": "exports no function alloc_batch",
	} {
		if err := os.WriteFile(c.Module, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := NewWasm(c, Env{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, not %q", err, want)
		}
	}
}

func BenchmarkWasm(b *testing.B) {
	c := DefaultWasm()
	c.Module, c.Timeout = wasmtest.Go(b, "../../examples/wasm/go"), 10*time.Second
	f := newWasm(b, c)
	benchFilter(b, "no such field", f, `{"n":2,"message":"a line of some length, as they are"}`)
	benchFilter(b, "a field is set", f, `{"level":"error","message":"a line of some length"}`)
}
