package config

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

var errNegative = errors.New("must not be negative")

var sizeUnits = []struct {
	name   string
	factor float64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12},
	{"K", 1 << 10}, {"M", 1 << 20}, {"G", 1 << 30}, {"T", 1 << 40}, {"B", 1},
}

// ParseSize reads a number of bytes: "128MiB", "1.5 GB", "512k", "1024". KiB and a bare K count in
// 1024, KB in 1000.
func ParseSize(s string) (int64, error) {
	number := strings.TrimSpace(s)
	factor := 1.0
	for _, u := range sizeUnits {
		if rest, ok := cutSuffixFold(number, u.name); ok {
			number, factor = strings.TrimSpace(rest), u.factor
			break
		}
	}
	if n, err := strconv.ParseInt(number, 10, 64); err == nil && factor == 1 {
		if n < 0 {
			return 0, errNegative
		}
		return n, nil
	}
	f, err := strconv.ParseFloat(number, 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		return 0, errors.New("is not a size")
	}
	if f < 0 {
		return 0, errNegative
	}
	if f*factor >= math.MaxInt64 {
		return 0, errors.New("is over 8 EiB")
	}
	return int64(f * factor), nil
}

func cutSuffixFold(s, suffix string) (string, bool) {
	if n := len(s) - len(suffix); n > 0 && strings.EqualFold(s[n:], suffix) {
		return s[:n], true
	}
	return s, false
}

// ParseDuration reads what time.ParseDuration does, and days: "30s", "1h30m", "7d".
func ParseDuration(s string) (time.Duration, error) {
	s = strings.TrimSpace(s)
	days, rest, found := strings.Cut(s, "d")
	if !found {
		d, err := time.ParseDuration(s)
		if err != nil {
			return 0, errors.New("is not a duration")
		}
		return d, nil
	}
	n, err := strconv.ParseFloat(days, 64)
	if err != nil || math.Abs(n) > 100_000 {
		return 0, errors.New("is not a duration")
	}
	d := time.Duration(n * 24 * float64(time.Hour))
	if rest != "" {
		more, err := time.ParseDuration(rest)
		if err != nil {
			return 0, errors.New("is not a duration")
		}
		d += more
	}
	return d, nil
}

// FormatSize writes bytes the way people write them in a config.
func FormatSize(n int64) string {
	if n >= 1e6 && n%1e6 == 0 && n%(1<<20) != 0 {
		return fmt.Sprintf("%dMB", n/1e6)
	}
	for _, u := range []struct {
		name  string
		shift uint
	}{{"TiB", 40}, {"GiB", 30}, {"MiB", 20}, {"KiB", 10}} {
		if unit := int64(1) << u.shift; n >= unit {
			if n%unit == 0 {
				return fmt.Sprintf("%d%s", n/unit, u.name)
			}
			if n >= unit*10 || u.shift == 10 {
				return fmt.Sprintf("%.1f%s", float64(n)/float64(unit), u.name)
			}
		}
	}
	return fmt.Sprint(n)
}

// FormatDuration writes a duration without the zero parts that Go adds: "1h", not "1h0m0s".
func FormatDuration(d time.Duration) string {
	if d != 0 && d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}
