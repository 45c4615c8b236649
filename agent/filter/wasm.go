package filter

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/penstock/penstock/buffer/record/jsontext"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/fault"
	"github.com/penstock/penstock/buffer/record/wasm"
	"github.com/prometheus/client_golang/prometheus"
)

// WasmConfig is the config of the wasm filter.
type WasmConfig struct {
	Module  string        `hcl:"module" path:"read" doc:"A WebAssembly module, *.wasm, with penstock's interface: examples/wasm/go is one. It is read when the agent starts or reloads. It must give the same for a record whenever it comes."`
	Memory  int64         `hcl:"memory,optional" unit:"bytes" doc:"The most memory that each instance may have. There is one for each output and each partition that is read."`
	Timeout time.Duration `hcl:"timeout,optional" doc:"How long it may work on one call. A record on which it takes longer, or fails, goes to the dead letter, and the next one meets a fresh instance."`
}

// DefaultWasm returns the defaults.
func DefaultWasm() WasmConfig { return WasmConfig{Memory: 64 << 20, Timeout: time.Second} }

// Validate checks the config.
func (c *WasmConfig) Validate() error {
	if err := wasm.Supported(); err != nil {
		return err
	}
	var errs []error
	if c.Module == "" {
		errs = append(errs, errors.New("module: must not be empty"))
	}
	if c.Memory < 1<<16 || c.Memory > 4<<30 {
		errs = append(errs, errors.New("memory: must be 64KiB to 4GiB"))
	}
	if c.Timeout <= 0 {
		errs = append(errs, errors.New("timeout: must be more than 0"))
	}
	return errors.Join(errs...)
}

// Wasm has a module work on records.
type Wasm struct {
	base
	env      Env
	cfg      WasmConfig
	program  *wasm.Program
	instance *wasm.Instance
	failed   prometheus.Counter
	logged   *fault.Throttle
	batch    []byte
	paths    map[string]*Path
}

// NewWasm returns the filter.
func NewWasm(c WasmConfig, env Env) (*Wasm, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	code, err := os.ReadFile(c.Module)
	if err != nil {
		return nil, fmt.Errorf("module: %w", err)
	}
	program, err := wasm.Load(code, wasm.Limits{Memory: c.Memory, Time: c.Timeout})
	if err != nil {
		return nil, fmt.Errorf("module: %s: %w", c.Module, err)
	}
	f := &Wasm{
		base: newBase(env), env: env, cfg: c, program: program, logged: new(fault.Throttle),
		failed: env.counter(
			"penstock_filter_wasm_failures_total",
			"Calls of a module that failed or took too long; each begins a fresh instance.",
		),
	}
	return f.ForLog("").(*Wasm), nil
}

// ForLog implements Stateful.
func (f *Wasm) ForLog(string) Filter {
	g := *f
	g.instance, g.batch, g.paths = f.program.Instance(), nil, map[string]*Path{}
	return &g
}

// Edit implements Filter, for a record by itself.
func (f *Wasm) Edit(v *View) Verdict {
	f.batch = wasm.AppendBatch(f.batch[:0], 1, v.batch.Tag, v.batch.Origin)
	f.batch = wasm.AppendRecord(f.batch, v.Record())
	host := &wasmHost{f: f, views: func(int) *View { return v }, n: 1}
	text, err := f.call(f.batch, host)
	if err != nil {
		return v.refuse(f.env.Name + ": " + err.Error())
	}
	if text == nil {
		return host.verdict(0)
	}
	answer := wasm.NewAnswer(bytes.Clone(text))
	verdict := f.take(&answer, v, host.verdict(0))
	if answer.End() != nil && verdict != Refused {
		return v.refuse(f.env.Name + ": the module's answer is too long")
	}
	return verdict
}

// call is Process, with what has to be told of a failure.
func (f *Wasm) call(batch []byte, host wasm.Host) ([]byte, error) {
	text, err := f.instance.Process(batch, host)
	if err != nil {
		f.failed.Inc()
		if n := f.logged.Due(1, time.Now()); n > 0 && f.env.Log != nil {
			f.env.warn("a module failed; it begins anew, and the record goes to the dead letter",
				"filter", f.env.Name, "module", f.cfg.Module, "error", err, "failures", n,
				"do", "mend the module, or give it more memory or a longer timeout; "+
					"penstock replay --dead-letter takes the records back")
		}
	}
	return text, err
}

// take does to a record what an answer says; kept is its verdict if that is to keep it.
func (f *Wasm) take(answer *wasm.Answer, v *View, kept Verdict) Verdict {
	var r record.Record
	switch verdict, reason, err := answer.Next(&r); {
	case err != nil:
		return v.refuse(f.env.Name + ": " + err.Error())
	case verdict == wasm.Refuse:
		return v.refuse(f.env.Name + ": " + reason)
	case verdict == wasm.Discard:
		return Discarded
	case verdict == wasm.Replace:
		r.Offset = v.rec.Offset
		v.rec, v.changed = r, true
		v.obj.reset()
		return Changed
	}
	return kept
}

// wasmHost gives a module the fields of records.
type wasmHost struct {
	f     *Wasm
	n     int
	views func(i int) *View
	edits map[int]bool
}

func (h *wasmHost) verdict(i int) Verdict {
	if h.edits[i] {
		return Changed
	}
	return Kept
}

// Field implements wasm.Host.
func (h *wasmHost) Field(i int, path string) ([]byte, bool) {
	p := h.f.path(path)
	if p == nil || i < 0 || i >= h.n {
		return nil, false
	}
	r := h.views(i).Get(p)
	return bytesOf(r.Raw), r.Exists()
}

// SetField implements wasm.Host.
func (h *wasmHost) SetField(i int, path string, raw []byte) bool {
	p := h.f.path(path)
	if p == nil || i < 0 || i >= h.n || !jsontext.Valid(raw) ||
		!h.views(i).Set(p, bytes.Clone(raw)) {
		return false
	}
	if h.edits == nil {
		h.edits = map[int]bool{}
	}
	h.edits[i] = true
	return true
}

// path returns a compiled path; a module that makes them up makes no endless list of them.
func (f *Wasm) path(name string) *Path {
	p, ok := f.paths[name]
	if !ok {
		if len(f.paths) >= 1000 {
			clear(f.paths)
		}
		p, _ = NewPath(name)
		f.paths[name] = p
	}
	return p
}
