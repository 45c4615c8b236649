package runtest

import (
	"flag"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write golden files anew")

// Update reports whether golden files are to be written anew.
func Update() bool { return *update }

// Seed returns a seed, PENSTOCK_SEED if it is set, and logs it.
func Seed(t testing.TB) uint64 {
	t.Helper()
	seed := rand.Uint64()
	if s := os.Getenv("PENSTOCK_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatalf("PENSTOCK_SEED: %v", err)
		}
	}
	t.Logf("PENSTOCK_SEED=%d", seed)
	return seed
}

// Rand returns random numbers that come from Seed.
func Rand(t testing.TB) *rand.Rand {
	t.Helper()
	return rand.New(rand.NewPCG(Seed(t), 0))
}

// Long reports whether the long forms of tests are wanted.
func Long() bool { return os.Getenv("PENSTOCK_INTEGRATION") != "" }

// Number returns the number that a variable holds, or n.
func Number(t testing.TB, variable string, n int) int {
	t.Helper()
	return parsed(t, variable, n, strconv.Atoi)
}

// Span returns how long PENSTOCK_TIME is, or d.
func Span(t testing.TB, d time.Duration) time.Duration {
	t.Helper()
	return parsed(t, "PENSTOCK_TIME", d, time.ParseDuration)
}

func parsed[T any](t testing.TB, variable string, otherwise T, parse func(string) (T, error)) T {
	t.Helper()
	s := os.Getenv(variable)
	if s == "" {
		return otherwise
	}
	v, err := parse(s)
	if err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	return v
}

// Log is where the parts under test log to: nowhere, or stderr with PENSTOCK_LOG.
func Log() io.Writer {
	if os.Getenv("PENSTOCK_LOG") != "" {
		return os.Stderr
	}
	return io.Discard
}
