//go:build wasm_filter

package decode

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/costtest"
	"github.com/penstock/penstock/buffer/record/wasm/wasmtest"
)

func moduleOf(t testing.TB, path string, change func(*Config)) Decoder {
	t.Helper()
	c := Default()
	c.Type, c.Module, c.Timeout = "wasm", path, 10*time.Second
	if change != nil {
		change(&c)
	}
	d, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// What a module cannot cope with is an error of its record alone, and what it makes has to be JSON.
func TestAModuleMakesJSONOfAValue(t *testing.T) {
	t.Parallel()
	d := moduleOf(t, wasmtest.Obedient(t), func(c *Config) { c.Timeout = 200 * time.Millisecond })
	for _, c := range []struct{ value, want, why string }{
		{`}1:"a"{`, `{"a":1}`, ""},
		{"}\n2:\n\"a\"\r{", `{"a":2}`, ""},
		{"abc", "", "made no valid JSON"},
		{"}\"\xff\":\"a\"{", "", "made no valid JSON"},
		{"keep", "", "made no valid JSON"}, // as it was, which is no JSON
		{"refuse", "", "wasm: bad"},
		{"drop", "", "discards it"},
		{"trap", "", "wasm: "},
		{"lie", "", "the module's answer is not"},
		{"loop", "", "did not end within the time limit"},
		{`}1:"b"{`, `{"b":1}`, ""},
	} {
		got, err := d.AppendJSON([]byte("before "), []byte(c.value), nil)
		switch {
		case c.why == "" && (err != nil || string(got) != "before "+c.want):
			t.Errorf("%q: %q, %v", c.value, got, err)
		case c.why != "" && (err == nil || !strings.Contains(err.Error(), c.why)):
			t.Errorf("%q: %q, %v; want an error with %q", c.value, got, err, c.why)
		case c.why != "" && string(got) != "before ":
			t.Errorf("%q: %q is left behind", c.value, got)
		}
	}
}

func TestAModuleWorksForManyAtATime(t *testing.T) {
	t.Parallel()
	d := moduleOf(t, wasmtest.Obedient(t), nil)
	var wg sync.WaitGroup
	for _, digit := range []string{"1", "2", "3", "4", "5"} {
		wg.Go(func() {
			for range 200 {
				got, err := d.AppendJSON(nil, []byte("}"+digit+`:"a"{`), nil)
				if err != nil || string(got) != `{"a":`+digit+"}" {
					t.Errorf("%q, %v", got, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// A cut that was begun with one module is not gone on with by another.
func TestAnotherModuleHasAnotherFingerprint(t *testing.T) {
	t.Parallel()
	path := wasmtest.Obedient(t)
	first, again := moduleOf(t, path, nil), moduleOf(t, path, nil)
	code, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), "other.wasm")
	// A custom section of one byte, with the name x.
	if err := os.WriteFile(other, append(code, 0, 3, 1, 'x', 0), 0o600); err != nil {
		t.Fatal(err)
	}
	if a, b, c := first.Fingerprint(), again.Fingerprint(),
		moduleOf(t, other, nil).Fingerprint(); a != b || a == c {
		t.Errorf("%s, %s; the other %s", a, b, c)
	}
}

// The example in Rust.
func TestTheExampleOfADecoder(t *testing.T) {
	t.Parallel()
	d := moduleOf(t, wasmtest.Rust(t, "../../../examples/wasm/rust/pairs.rs"), nil)
	for value, want := range map[string]string{
		"user=ann;ms=12;path=/a b":   `{"user":"ann","ms":12,"path":"/a b"}`,
		"a=-1.50;b=007;c=1e5;d=;e=0": `{"a":-1.50,"b":"007","c":"1e5","d":"","e":0}`,
		"q=\"\\\x01é":                `{"q":"\"\\\u0001é"}`,
		"a=9007199254740993":         `{"a":9007199254740993}`,
	} {
		if got, err := d.AppendJSON(nil, []byte(value), nil); err != nil || string(got) != want {
			t.Errorf("%q: %q, %v; want %q", value, got, err, want)
		}
	}
	for value, want := range map[string]string{
		"user": "wasm: a part has no =", "a=\xff": "wasm: not UTF-8", "": "wasm: a part has no =",
	} {
		if got, err := d.AppendJSON(nil, []byte(value), nil); err == nil || err.Error() != want {
			t.Errorf("%q: %q, %v; want %q", value, got, err, want)
		}
	}
	if _, err := d.AppendJSON(nil, nil, nil); err == nil ||
		err.Error() != "wasm: there is no value" {
		t.Error(err)
	}
}

func BenchmarkModule(b *testing.B) {
	d := moduleOf(b, wasmtest.Rust(b, "../../../examples/wasm/rust/pairs.rs"), nil)
	value := []byte("user=ann;ms=12;path=/api/v1/items/12345;status=200;trace=8f1d2c3b4a596877")
	var dst []byte
	before := costtest.CPU()
	for b.Loop() {
		var err error
		if dst, err = d.AppendJSON(dst[:0], value, nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/(costtest.CPU()-before).Seconds(), "records/cpu-s")
}
