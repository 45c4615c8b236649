package format

import (
	"encoding/hex"
	"math/big"
	"slices"
	"strconv"
	"time"
)

const (
	maxPrecision  = 38
	smallDecimal  = 9  // digits that fit into four bytes
	narrowDecimal = 18 // and into eight
	decimalBytes  = 16 // of one with more
	timeLayout    = "15:04:05.999999999"
)

// decimalOf returns, in two's complement, what text says in units of the scale's last digit: if it
// is a number, and exactly that with no more digits than precision.
func decimalOf(text []byte, precision, scale int) ([]byte, bool) {
	if !isNumber(text) {
		return nil, false
	}
	var buf [64]byte
	d := readDecimal(buf[:0], text)
	zeros := d.exp + int64(scale)
	if len(d.digits) == 0 {
		return []byte{0}, true
	}
	if zeros < 0 || int64(len(d.digits))+zeros > int64(precision) {
		return nil, false
	}
	digits := append(make([]byte, 0, 40), d.digits...)
	for range zeros {
		digits = append(digits, '0')
	}
	if len(digits) <= narrowDecimal {
		n, err := strconv.ParseInt(view(digits), 10, 64)
		if d.neg {
			n = -n
		}
		return twosComplement(n), err == nil
	}
	v, ok := new(big.Int).SetString(view(digits), 10)
	if !ok {
		return nil, false
	}
	b := v.FillBytes(make([]byte, v.BitLen()/8+1)) // with room for the sign
	if d.neg {
		carry := true
		for i := len(b) - 1; i >= 0; i-- {
			if b[i] = ^b[i]; carry {
				b[i]++
				carry = b[i] == 0
			}
		}
	}
	return b, true
}

// isNumber reports whether text is a number as JSON writes it.
func isNumber(text []byte) bool {
	n, err := root(text)
	return err == nil && n.kind == number && len(n.val) == len(text)
}

// twosComplement returns the shortest bytes of n.
func twosComplement(n int64) []byte {
	b := make([]byte, 0, 8)
	for shift := 56; shift >= 0; shift -= 8 {
		c, sign := byte(n>>shift), byte(n>>63)
		if len(b) == 0 && shift > 0 && c == sign && (byte(n>>(shift-8))^sign)&0x80 == 0 {
			continue
		}
		b = append(b, c)
	}
	return b
}

// signExtend returns b in size bytes.
func signExtend(b []byte, size int) []byte {
	out := make([]byte, size)
	if len(b) > 0 && b[0]&0x80 != 0 {
		for i := range out {
			out[i] = 0xff
		}
	}
	if len(b) > size {
		b = b[len(b)-size:]
	}
	copy(out[size-len(b):], b)
	return out
}

// uuidBytes reads a UUID in its usual form.
func uuidBytes(text []byte) ([]byte, bool) {
	if len(text) != 36 {
		return nil, false
	}
	var digits [32]byte
	at := digits[:0]
	for i, c := range text {
		switch i {
		case 8, 13, 18, 23:
			if c != '-' {
				return nil, false
			}
		default:
			at = append(at, c)
		}
	}
	b, err := hex.AppendDecode(nil, at)
	return b, err == nil && slices.Equal(uuidText(b), text)
}

// uuidText is the usual form of one.
func uuidText(b []byte) []byte {
	if len(b) != 16 {
		return hex.AppendEncode(nil, b)
	}
	out := hex.AppendEncode(make([]byte, 0, 36), b[:4])
	for _, part := range [][]byte{b[4:6], b[6:8], b[8:10], b[10:]} {
		out = hex.AppendEncode(append(out, '-'), part)
	}
	return out
}

// timeOfDay returns a time of day in the unit of a column, if it can be told in whole units: of a
// text, or a number in that unit.
func timeOfDay(n *node, t ctype) (int64, bool) {
	unit := time.Microsecond
	if t == tTimeMS {
		unit = time.Millisecond
	}
	if n.kind == number {
		v, ok := integer(n)
		return v, ok && v >= 0 && v < int64(24*time.Hour/unit)
	}
	if n.kind != text || !wholeNanos(n.val) {
		return 0, false
	}
	when, err := time.Parse("15:04:05", view(n.val))
	if err != nil {
		return 0, false
	}
	midnight := time.Date(when.Year(), when.Month(), when.Day(), 0, 0, 0, 0, time.UTC)
	d := when.Sub(midnight)
	return int64(d / unit), d%unit == 0
}
