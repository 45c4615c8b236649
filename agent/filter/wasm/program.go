//go:build wasm_filter

package wasm

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
	"github.com/tetratelabs/wazero/sys"
)

const (
	exportAlloc   = "alloc_batch"
	exportProcess = "process_batch"

	minStart = 10 * time.Second // to begin may take longer than a batch
)

// Program is a compiled module. Safe for concurrent use.
type Program struct {
	runtime wazero.Runtime
	code    wazero.CompiledModule
	time    time.Duration
}

// Supported tells how to have modules, where this program runs none.
func Supported() error { return nil }

// Load compiles a module, and tries whether it can be instantiated.
func Load(code []byte, l Limits) (*Program, error) {
	ctx := context.Background()
	run := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().
		WithCloseOnContextDone(true).WithMemoryLimitPages(uint32(min(l.Memory>>16, 1<<16))))
	p := &Program{runtime: run, time: l.Time}
	err := p.load(ctx, code)
	if err == nil {
		i := p.Instance()
		err = i.start()
		i.drop()
	}
	if err != nil {
		_ = run.Close(ctx)
		return nil, err
	}
	runtime.AddCleanup(p, func(run wazero.Runtime) { _ = run.Close(context.Background()) }, run)
	return p, nil
}

func (p *Program) load(ctx context.Context, code []byte) (err error) {
	if _, err = wasi_snapshot_preview1.Instantiate(ctx, p.runtime); err != nil {
		return err
	}
	host := p.runtime.NewHostModuleBuilder("penstock")
	host.NewFunctionBuilder().WithFunc(field).Export("field")
	host.NewFunctionBuilder().WithFunc(setField).Export("set_field")
	if _, err = host.Instantiate(ctx); err != nil {
		return err
	}
	if p.code, err = p.runtime.CompileModule(ctx, code); err != nil {
		return err
	}
	for _, name := range []string{exportAlloc, exportProcess} {
		if p.code.ExportedFunctions()[name] == nil {
			return fmt.Errorf("exports no function %s", name)
		}
	}
	if len(p.code.ExportedMemories()) == 0 {
		return errors.New("exports no memory")
	}
	return nil
}

// Instance is a module with a memory of its own. Not safe for concurrent use.
type Instance struct {
	program        *Program
	module         api.Module // nil: to be made
	alloc, process api.Function
	at, room       uint32 // for batches
	cleanup        runtime.Cleanup
}

// Instance returns an instance; it is made when it is first needed.
func (p *Program) Instance() *Instance { return &Instance{program: p} }

func (i *Instance) start() error {
	ctx, cancel := context.WithTimeout(context.Background(), max(i.program.time, minStart))
	defer cancel()
	m, err := i.program.runtime.InstantiateModule(ctx, i.program.code,
		wazero.NewModuleConfig().WithName("").WithStartFunctions("_initialize"))
	if err != nil {
		return fmt.Errorf("cannot begin: %w", short(err))
	}
	i.module, i.at, i.room = m, 0, 0
	i.alloc, i.process = m.ExportedFunction(exportAlloc), m.ExportedFunction(exportProcess)
	i.cleanup = runtime.AddCleanup(i, func(m api.Module) { _ = m.Close(context.Background()) }, m)
	return nil
}

func (i *Instance) drop() {
	if i.module != nil {
		i.cleanup.Stop()
		_ = i.module.Close(context.Background())
		i.module = nil
	}
}

// Process has the module work on a batch. What it returns is the instance's memory, and valid until
// the next call; nil means that all records stay as they are. After an error, the next call begins
// with a fresh instance.
func (i *Instance) Process(batch []byte, h Host) (answer []byte, err error) {
	if i.module == nil {
		if err := i.start(); err != nil {
			return nil, err
		}
	}
	defer func() {
		if err != nil {
			i.drop()
		}
	}()
	ctx, cancel := context.WithTimeout(
		context.WithValue(context.Background(), hostKey{}, h), i.program.time,
	)
	defer cancel()
	if n := uint32(len(batch)); n > i.room {
		n += n / 4
		out, err := i.alloc.Call(ctx, uint64(n))
		if err != nil {
			return nil, i.why(ctx, err)
		}
		i.at, i.room = uint32(out[0]), n
	}
	if !i.module.Memory().Write(i.at, batch) {
		return nil, fmt.Errorf("%s gave no room for %d bytes", exportAlloc, len(batch))
	}
	out, err := i.process.Call(ctx, uint64(i.at), uint64(len(batch)))
	switch {
	case err != nil:
		return nil, i.why(ctx, err)
	case out[0] == 0:
		return nil, nil
	}
	answer, ok := i.module.Memory().Read(uint32(out[0]>>32), uint32(out[0]))
	if !ok || len(answer) == 0 {
		return nil, errAnswer
	}
	return answer, nil
}

func (i *Instance) why(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%w of %s", ErrTime, i.program.time)
	}
	if exit, ok := errors.AsType[*sys.ExitError](err); ok {
		return fmt.Errorf("the module exited with %d", exit.ExitCode())
	}
	return short(err)
}

// short is err without the module's stack.
func short(err error) error {
	text, _, _ := strings.Cut(err.Error(), "\n")
	return errors.New(text)
}

type hostKey struct{}

func field(ctx context.Context, m api.Module, record, path, pathLen, room, roomLen uint32) int32 {
	h, ok := ctx.Value(hostKey{}).(Host)
	name, ok2 := m.Memory().Read(path, pathLen)
	if !ok || !ok2 {
		return -1
	}
	text, ok := h.Field(int(record), string(name))
	if !ok {
		return -1
	}
	if len(text) <= int(roomLen) && !m.Memory().Write(room, text) {
		return -1
	}
	return int32(len(text))
}

func setField(ctx context.Context, m api.Module, record, path, pathLen, at, size uint32) int32 {
	h, ok := ctx.Value(hostKey{}).(Host)
	name, ok2 := m.Memory().Read(path, pathLen)
	text, ok3 := m.Memory().Read(at, size)
	if ok && ok2 && ok3 && h.SetField(int(record), string(name), text) {
		return 1
	}
	return 0
}
