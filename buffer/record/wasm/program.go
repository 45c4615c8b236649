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
	export(host, "field", field)
	export(host, "set_field", setField)
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

// export adds a function of five numbers that returns one, called without reflection.
func export(
	host wazero.HostModuleBuilder, name string,
	call func(ctx context.Context, m api.Module, a, b, c, d, e uint32) int32,
) {
	i32 := api.ValueTypeI32
	host.NewFunctionBuilder().WithGoModuleFunction(
		api.GoModuleFunc(func(ctx context.Context, m api.Module, s []uint64) {
			s[0] = api.EncodeI32(call(
				ctx, m, uint32(s[0]), uint32(s[1]), uint32(s[2]), uint32(s[3]), uint32(s[4]),
			))
		}), []api.ValueType{i32, i32, i32, i32, i32}, []api.ValueType{i32},
	).Export(name)
}

// Instance is a module with a memory of its own. Not safe for concurrent use.
type Instance struct {
	program        *Program
	module         api.Module // nil: to be made
	alloc, process api.Function
	at, room       uint32 // for batches
	host           Host   // of the batch that is worked on
	ctx            context.Context
	expire         *time.Timer // ends ctx, and with it the module, unless it is stopped
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
	var end func()
	i.ctx, end = context.WithCancel(context.WithValue(context.Background(), hostKey{}, i))
	i.expire = time.AfterFunc(time.Hour, end)
	i.expire.Stop()
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
	if i.module != nil && i.ctx.Err() != nil {
		i.drop() // the time was over when the last call had just returned
	}
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
	i.host = h
	i.expire.Reset(i.program.time)
	defer func() {
		i.expire.Stop()
		i.host = nil
	}()
	if n := uint32(len(batch)); n > i.room {
		n += n / 4
		out, err := i.alloc.Call(i.ctx, uint64(n))
		if err != nil {
			return nil, i.why(err)
		}
		i.at, i.room = uint32(out[0]), n
	}
	if !i.module.Memory().Write(i.at, batch) {
		return nil, fmt.Errorf("%s gave no room for %d bytes", exportAlloc, len(batch))
	}
	out, err := i.process.Call(i.ctx, uint64(i.at), uint64(len(batch)))
	switch {
	case err != nil:
		return nil, i.why(err)
	case out[0] == 0:
		return nil, nil
	}
	answer, ok := i.module.Memory().Read(uint32(out[0]>>32), uint32(out[0]))
	if !ok || len(answer) == 0 {
		return nil, errAnswer
	}
	return answer, nil
}

func (i *Instance) why(err error) error {
	if i.ctx.Err() != nil {
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

// hostOf returns nil while a module begins.
func hostOf(ctx context.Context) Host {
	if i, ok := ctx.Value(hostKey{}).(*Instance); ok {
		return i.host
	}
	return nil
}

func field(ctx context.Context, m api.Module, record, path, pathLen, room, roomLen uint32) int32 {
	h := hostOf(ctx)
	name, ok := m.Memory().Read(path, pathLen)
	if h == nil || !ok {
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
	h := hostOf(ctx)
	name, ok := m.Memory().Read(path, pathLen)
	text, ok2 := m.Memory().Read(at, size)
	if h != nil && ok && ok2 && h.SetField(int(record), string(name), text) {
		return 1
	}
	return 0
}
