package certtest

import (
	"errors"
	"os"
	"sync/atomic"
	"testing"
	"time"
)

var replaced atomic.Int64

// Replace puts a file in place of another, as those do who renew certificates and tokens. Each is
// a second younger than the one before: what is written within a tick of the clock is else of one
// age.
func Replace(t testing.TB, file string, data []byte) {
	t.Helper()
	age := time.Now().Add(time.Duration(replaced.Add(1)) * time.Second)
	if err := errors.Join(
		os.WriteFile(file+".new", data, 0o600), os.Chtimes(file+".new", age, age),
		os.Rename(file+".new", file),
	); err != nil {
		t.Error(err)
	}
}

// Read returns what is in a file.
func Read(t testing.TB, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
