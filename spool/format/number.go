package format

import (
	"bytes"
	"math"
	"strconv"
)

// decimal is the value of a number as JSON writes it: digits × 10^exp. Digits have no zero at
// either end; zero has none.
type decimal struct {
	neg    bool
	digits []byte
	exp    int64
}

// readDecimal reads a JSON number. The digits are appended to dst.
func readDecimal(dst, text []byte) decimal {
	d := decimal{}
	if len(text) > 0 && text[0] == '-' {
		d.neg, text = true, text[1:]
	}
	i, point := 0, int64(0)
	for seen := false; i < len(text); i++ {
		switch c := text[i]; {
		case c-'0' <= 9:
			dst = append(dst, c)
			if seen {
				point--
			}
			continue
		case c == '.':
			seen = true
			continue
		}
		break // e or E
	}
	if i < len(text) {
		d.exp = exponent(text[i+1:])
	}
	d.exp += point
	d.digits = bytes.TrimLeft(dst, "0")
	all := len(d.digits)
	d.digits = bytes.TrimRight(d.digits, "0")
	d.exp += int64(all - len(d.digits))
	if len(d.digits) == 0 {
		return decimal{}
	}
	return d
}

// exponent reads a signed number; what is beyond all bounds is a bound.
func exponent(text []byte) int64 {
	neg := len(text) > 0 && text[0] == '-'
	n := int64(0)
	for _, c := range bytes.TrimLeft(text, "+-") {
		n = min(n*10+int64(c-'0'), 1<<40)
	}
	if neg {
		return -n
	}
	return n
}

func (d decimal) equal(o decimal) bool {
	return d.neg == o.neg && d.exp == o.exp && bytes.Equal(d.digits, o.digits)
}

// float returns the number nearest to text that has so many bits, and reports whether it is text's
// own: whether its shortest decimal form, which everybody prints, says the same number.
func float(text []byte, bits int) (float64, bool) {
	f, err := strconv.ParseFloat(view(text), bits)
	if err != nil {
		return 0, false // too large
	}
	// So few digits are always kept, by IEEE 754, where the exponent has room.
	sure, least := 15, 0x1p-1022
	if bits == 32 {
		sure, least = 6, 0x1p-126
	}
	if len(text) <= sure && math.Abs(f) >= least {
		return f, true
	}
	var a, b [64]byte
	var shortest [32]byte
	return f, readDecimal(
		a[:0], text,
	).equal(readDecimal(b[:0], strconv.AppendFloat(shortest[:0], f, 'e', -1, bits)))
}

// integer returns a number that is whole, however it is written.
func integer(n *node) (int64, bool) {
	if n.kind != number {
		return 0, false
	}
	if i, err := strconv.ParseInt(view(n.val), 10, 64); err == nil {
		return i, true
	}
	var buf [64]byte
	d := readDecimal(buf[:0], n.val)
	if d.exp < 0 || int64(len(d.digits))+d.exp > 19 {
		return 0, false
	}
	var whole [24]byte
	text := whole[:0]
	if d.neg {
		text = append(text, '-')
	}
	text = append(text, d.digits...)
	for range d.exp {
		text = append(text, '0')
	}
	if len(d.digits) == 0 {
		return 0, true
	}
	i, err := strconv.ParseInt(view(text), 10, 64)
	return i, err == nil
}
