//go:build !wasm_filter

package wasm

import "errors"

// Supported tells how to have modules, where this program runs none.
func Supported() error {
	return errors.New("this program is built without WebAssembly: take penstock-wasm of the release, or build it with make wasm")
}

// Program is a compiled module.
type Program struct{}

// Load tells which program runs modules.
func Load([]byte, Limits) (*Program, error) { return nil, Supported() }

// Instance is a module with a memory of its own.
type Instance struct{}

// Instance returns an instance that can do nothing.
func (p *Program) Instance() *Instance { return &Instance{} }

// Process does nothing.
func (i *Instance) Process([]byte, Host) ([]byte, error) { return nil, Supported() }
