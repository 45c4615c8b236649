// Package wasmtest builds modules of WebAssembly for tests. It owns one that does what a record's
// value says (testdata/module), and never runs any.
package wasmtest
