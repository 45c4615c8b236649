package decode

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/penstock/penstock/buffer/record/jsontext"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/wasm"
)

// Limits of a module that are preset.
const (
	moduleMemory = 64 << 20
	moduleTime   = time.Second
)

// moduleDecoder has a module of WebAssembly make JSON of values. It is asked as the filter wasm
// asks; the value of the record in its answer is the JSON. Each call takes an instance for itself.
type moduleDecoder struct {
	program *wasm.Program
	print   string

	mu   sync.Mutex
	free []*moduleCall
}

// moduleCall is an instance with what it is handed.
type moduleCall struct {
	instance *wasm.Instance
	batch    []byte
	compact  bytes.Buffer
}

func newModule(c *Config) (*moduleDecoder, error) {
	code, err := os.ReadFile(c.Module)
	if err != nil {
		return nil, fmt.Errorf("module: %w", err)
	}
	program, err := wasm.Load(code, wasm.Limits{Memory: c.Memory, Time: c.Timeout})
	if err != nil {
		return nil, fmt.Errorf("module: %s: %w", c.Module, err)
	}
	sum := sha256.Sum256(code)
	return &moduleDecoder{program: program, print: "wasm " + hex.EncodeToString(sum[:8])}, nil
}

func (c *Config) checkModule(bad func(format string, args ...any)) {
	if err := wasm.Supported(); err != nil {
		bad("type: %w", err)
	}
	if c.Module == "" {
		bad("module: must not be empty")
	}
	if c.Memory < 1<<16 || c.Memory > 4<<30 {
		bad("memory: must be 64KiB to 4GiB")
	}
	if c.Timeout <= 0 {
		bad("timeout: must be more than 0")
	}
}

// Fingerprint implements Decoder. Another module may make something else of a value.
func (d *moduleDecoder) Fingerprint() string { return d.print }

// AppendJSON implements Decoder.
func (d *moduleDecoder) AppendJSON(
	dst, value []byte, headers []record.Header,
) ([]byte, error) {
	c := d.take()
	defer d.giveBack(c)
	r := record.Record{Value: value, Headers: headers}
	c.batch = wasm.AppendRecord(wasm.AppendBatch(c.batch[:0], 1, "", ""), &r)
	text, err := c.instance.Process(c.batch, noFields{})
	if err != nil {
		return dst, fmt.Errorf("wasm: %w", err)
	}
	if text != nil { // else it stays as it is
		answer := wasm.NewAnswer(text)
		verdict, reason, err := answer.Next(&r)
		switch {
		case err == nil && verdict == wasm.Refuse:
			return dst, fmt.Errorf("wasm: %s", reason)
		case err == nil && verdict == wasm.Discard:
			return dst, errors.New("wasm: the module discards it, which only that of a filter may")
		case err == nil:
			err = answer.End()
		}
		if err != nil {
			return dst, fmt.Errorf("wasm: %w", err)
		}
	}
	return c.append(dst, r.Value)
}

// append appends what the module has made, as one line.
func (c *moduleCall) append(dst, text []byte) ([]byte, error) {
	if !jsontext.Valid(text) || !utf8.Valid(text) {
		return dst, errors.New("wasm: the module made no valid JSON of it")
	}
	if bytes.IndexByte(text, '\n') < 0 && bytes.IndexByte(text, '\r') < 0 {
		return append(dst, text...), nil
	}
	c.compact.Reset()
	if err := json.Compact(&c.compact, text); err != nil {
		return dst, fmt.Errorf("wasm: %w", err)
	}
	return append(dst, c.compact.Bytes()...), nil
}

func (d *moduleDecoder) take() *moduleCall {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n := len(d.free); n > 0 {
		c := d.free[n-1]
		d.free = d.free[:n-1]
		return c
	}
	return &moduleCall{instance: d.program.Instance()}
}

// giveBack keeps as many instances as can work at a time.
func (d *moduleDecoder) giveBack(c *moduleCall) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.free) < runtime.GOMAXPROCS(0) {
		d.free = append(d.free, c)
	}
}

// noFields is the host of a module whose values are no JSON yet.
type noFields struct{}

func (noFields) Field(int, string) ([]byte, bool)  { return nil, false }
func (noFields) SetField(int, string, []byte) bool { return false }
