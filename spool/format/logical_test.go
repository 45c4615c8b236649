package format

import (
	"fmt"
	"math/big"
	mathrand "math/rand"
	"testing"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/runtest"
)

// Decimals, UUIDs and times of day are what they were, from the record into a file and back.
func TestLogicalTypesAreKept(t *testing.T) {
	const value = `{"d":"-12345678901234567890.1234567890","m":12.5,"u":"123e4567-e89b-12d3-a456-426614174000","ms":"15:04:05.678","us":"00:00:00.000001"}`
	const want = `{"d":"-12345678901234567890.1234567890","m":"12.50","u":"123e4567-e89b-12d3-a456-426614174000","ms":"15:04:05.678","us":"00:00:00.000001"`
	const schema = `{"type":"record","name":"r","fields":[
		{"name":"d","type":{"type":"fixed","name":"dec","size":16,"logicalType":"decimal","precision":30,"scale":10}},
		{"name":"m","type":["null",{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}]},
		{"name":"u","type":{"type":"string","logicalType":"uuid"}},
		{"name":"ms","type":{"type":"int","logicalType":"time-millis"}},
		{"name":"us","type":{"type":"long","logicalType":"time-micros"}}]}`
	columns := []Column{
		{Name: "d", Type: "decimal", Precision: 30, Scale: 10}, {Name: "m", Type: "decimal", Precision: 9, Scale: 2},
		{Name: "u", Type: "uuid"}, {Name: "ms", Type: "time_ms"}, {Name: "us", Type: "time_us"},
	}
	recs := []record.Record{{Value: []byte(value)}}
	for _, kind := range []string{"parquet", "avro", "avro given"} {
		c := config(kind)
		c.Columns = columns
		if kind == "avro given" {
			c = config("avro")
			c.Schema = schema
		}
		f := newFormat(t, c, "none", "json")
		got := read(t, f, build(t, f, recs, 1))
		if len(got) != 1 || len(got[0].Value) < len(want) || string(got[0].Value[:len(want)]) != want {
			t.Errorf("%s: %+v; want %s", kind, got, want)
		}
		for _, bad := range []string{`{"m":"1.234"}`, `{"m":12345678.9}`, `{"u":"123E4567-e89b-12d3-a456-426614174000"}`, `{"ms":"24:00:00"}`, `{"us":"1:2:3.0000001"}`, `{"d":"ten"}`} {
			c.Extra = ""
			if _, err := row1(t, newFormat(t, c, "none", "json"), bad); err == nil {
				t.Errorf("%s: %s is taken", kind, bad)
			}
		}
	}
}

// A decimal is exactly the number that the text is.
func TestDecimalsAreExact(t *testing.T) {
	rng := runtest.Rand(t)
	for range 20_000 {
		precision := 1 + rng.IntN(38)
		scale := rng.IntN(precision + 1)
		n := new(big.Int).Rand(mathrand.New(mathrand.NewSource(rng.Int64())), new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(precision)), nil))
		if rng.IntN(2) == 0 {
			n.Neg(n)
		}
		text := new(big.Rat).SetFrac(n, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)).FloatString(scale)
		b, ok := decimalOf([]byte(text), precision, scale)
		wide := signExtend(b, decimalBytes)
		got := new(big.Int).SetBytes(wide)
		if wide[0]&0x80 != 0 {
			got.Sub(got, new(big.Int).Lsh(big.NewInt(1), decimalBytes*8))
		}
		if !ok || got.Cmp(n) != 0 {
			t.Fatalf("%s of decimal(%d, %d) became %v, %v", text, precision, scale, got, ok)
		}
		if b, ok := decimalOf(fmt.Appendf(nil, "1%0*d", precision-scale, 0), precision, scale); ok {
			t.Fatalf("a digit too many for decimal(%d, %d) became %x", precision, scale, b)
		}
	}
}
