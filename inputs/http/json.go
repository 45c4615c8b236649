package http

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"time"
)

// compact returns the JSON text on one line, checked, and not nested deeper than depth.
func compact(raw []byte, depth int) ([]byte, error) {
	if deep(raw, depth) {
		return nil, fail(http.StatusBadRequest, "nested deeper than max_depth, %d", depth)
	}
	if !json.Valid(raw) {
		var v json.RawMessage
		return nil, fmt.Errorf("not JSON: %w", json.Unmarshal(raw, &v))
	}
	if bytes.IndexByte(raw, '\n') < 0 && bytes.IndexByte(raw, '\r') < 0 {
		return bytes.TrimSpace(raw), nil
	}
	var buf bytes.Buffer
	_ = json.Compact(&buf, raw) // valid
	return buf.Bytes(), nil
}

func deep(raw []byte, depth int) bool {
	at, quoted := 0, false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if at++; at > depth {
				return true
			}
		case c == '}' || c == ']':
			at--
		}
	}
	return false
}

// values calls each with every JSON value of b: those that follow one another, and the elements of an array in their place.
func values(b []byte, depth int, arrays bool, each func(n int, value []byte) error) error {
	if deep(b, depth+1) {
		return fail(http.StatusBadRequest, "nested deeper than max_depth, %d", depth)
	}
	n := 0
	one := func(raw []byte) error {
		n++
		value, err := compact(raw, depth)
		if err == nil {
			err = each(n, value)
		}
		if err != nil {
			return fmt.Errorf("value %d: %w", n, err)
		}
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	for {
		var raw json.RawMessage
		err := dec.Decode(&raw)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("value %d: not JSON: %w", n+1, err)
		}
		if !arrays || raw[0] != '[' {
			if err := one(raw); err != nil {
				return err
			}
			continue
		}
		var list []json.RawMessage
		if err := json.Unmarshal(raw, &list); err != nil {
			return fmt.Errorf("not JSON: %w", err)
		}
		for _, raw := range list {
			if err := one(raw); err != nil {
				return err
			}
		}
	}
}

const maxSeconds = math.MaxInt64 / int64(time.Second)

// seconds reads a time in seconds since the epoch, with or without a fraction.
func seconds(s string) (time.Time, bool) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && n < maxSeconds && n > -maxSeconds {
		return time.Unix(n, 0), true
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || !(math.Abs(f) < float64(maxSeconds)) {
		return time.Time{}, false
	}
	whole, frac := math.Modf(f)
	return time.Unix(int64(whole), int64(math.Round(frac*1e6))*1e3), true // a double holds microseconds
}
