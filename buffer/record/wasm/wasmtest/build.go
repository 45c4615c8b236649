package wasmtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// Obedient builds the module that does what a record's value says: it traps, loops, refuses, or
// turns the value round.
func Obedient(t testing.TB) string {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	return Go(t, filepath.Join(filepath.Dir(here), "testdata", "module"))
}

// Go builds the module of a directory.
func Go(t testing.TB, dir string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "module.wasm")
	cmd := exec.Command("go", "build", "-buildmode=c-shared", "-o", out, ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return out
}

// Rust builds the module of a source file. The test is skipped where there is no compiler for it.
func Rust(t testing.TB, source string) string {
	t.Helper()
	const target = "wasm32-unknown-unknown"
	lib, err := exec.Command("rustc", "--target", target, "--print", "target-libdir").Output()
	if err != nil {
		t.Skip("no rustc")
	}
	if std, _ := filepath.Glob(filepath.Join(string(lib[:len(lib)-1]), "libstd-*")); std == nil {
		t.Skip("rustc has no library for " + target)
	}
	out := filepath.Join(t.TempDir(), "module.wasm")
	cmd := exec.Command(
		"rustc", "--edition", "2021", "--target", target, "-O", "-C", "strip=symbols",
		"--crate-type", "cdylib", "-o", out, source,
	)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return out
}
