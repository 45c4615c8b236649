package format

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/spool/partition"
)

// hardNumbers are those that programs get wrong.
var hardNumbers = []string{
	"0",
	"-0",
	"-0.0",
	"0e5",
	"1",
	"-1",
	"1.0",
	"1e3",
	"1E+2",
	"100e-2",
	"0.1",
	"1.5",
	"2147483647",
	"2147483648",
	"-2147483649",
	"16777216",
	"16777217",
	"9007199254740991",
	"9007199254740992",
	"9007199254740993",
	"-9007199254740993",
	"9007199254740992.5",
	"9223372036854775807",
	"9223372036854775808",
	"-9223372036854775808",
	"-9223372036854775809",
	"18446744073709551615",
	"18446744073709551616",
	"9.007199254740993e15",
	"1e18",
	"1e19",
	"12345678901234567890123",
	"0.30000000000000004",
	"0.1234567890123456789",
	"3.4028235e38",
	"3.5e38",
	"1e300",
	"1e308",
	"1.7976931348623157e308",
	"1.8e308",
	"1e309",
	"-1e309",
	"1e999999999999999999999",
	"4.9e-324",
	"5e-324",
	"1e-400",
	"1e-45",
	"1.4e-45",
	"1.17549435e-38",
	"2.2250738585072014e-308",
	"0.9999999999999999999999",
	"1.00000000000000000000001",
	"0.00000000000000000000000000000000000000000000000001",
	"123456789.125",
}

func randomNumber(rng *rand.Rand) string {
	if rng.IntN(4) == 0 {
		return hardNumbers[rng.IntN(len(hardNumbers))]
	}
	digits := func(n int) string {
		var b strings.Builder
		for range n {
			b.WriteByte(byte('0' + rng.IntN(10)))
		}
		return b.String()
	}
	s := ""
	if rng.IntN(3) == 0 {
		s = "-"
	}
	if n := rng.IntN(22); n == 0 {
		s += "0"
	} else {
		s += string(rune('1'+rng.IntN(9))) + digits(n-1)
	}
	if rng.IntN(2) == 0 {
		s += "." + digits(1+rng.IntN(20))
	}
	if rng.IntN(4) == 0 {
		s += fmt.Sprintf("e%d", rng.IntN(700)-350)
	}
	return s
}

// rat is a number's value, as an independent library has it.
func rat(t *testing.T, text string) *big.Rat {
	t.Helper()
	if strings.Contains(text, "e999999") { // beyond what it computes
		return new(big.Rat).SetInt64(-1234567)
	}
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		t.Fatalf("%q is no number", text)
	}
	return r
}

// A cell holds exactly the number that the record has, or nothing, and then the number stands in
// the extra column as it was written: in each format, for each type of column.
func TestKafkaConnectStorageCloud642_NumbersAreKeptExactly(t *testing.T) {
	rng := runtest.Rand(t)
	for _, kind := range []string{"parquet", "avro", "delimited"} {
		for _, typ := range append([]string{"inferred"}, columnTypes...) {
			if typ == "inferred" && kind == "delimited" {
				continue
			}
			c := config(kind)
			if typ != "inferred" {
				c.Columns = []Column{{Name: "n", Type: typ, Scale: rng.IntN(30)}}
			}
			for range 20 {
				var numbers []string
				c.Sample = 1 + rng.IntN(50)
				for range 1 + rng.IntN(60) {
					numbers = append(numbers, randomNumber(rng))
				}
				held := keepsNumbers(t, newFormat(t, c, "none", "json"), kind, typ, numbers)
				if want := typ != "date" && typ != "binary" && typ != "boolean" && typ != "uuid"; !want && held > 0 {
					t.Errorf("%s %s holds numbers", kind, typ)
				}
			}
		}
	}
}

// keepsNumbers writes the numbers, a record each, and checks what is read back. It returns how many
// have a cell.
func keepsNumbers(t *testing.T, f Format, kind, typ string, numbers []string) (held int) {
	t.Helper()
	if kind == "delimited" {
		for _, n := range numbers {
			text, err := row1(t, f, `{"n":`+n+`}`)
			if err != nil {
				continue // a dead letter
			}
			rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
			if err != nil || len(rows) != 1 || rat(t, rows[0][0]).Cmp(rat(t, n)) != 0 {
				t.Fatalf("delimited %s: %s became %q", typ, n, text)
			}
			held++
		}
		return held
	}
	recs := make([]record.Record, len(numbers))
	for i, n := range numbers {
		recs[i] = record.Record{Offset: int64(i), Value: []byte(`{"n":` + n + `}`)}
	}
	for i, e := range read(t, f, build(t, f, recs, 7)) {
		var got struct {
			N     json.RawMessage `json:"n"`
			Extra json.RawMessage `json:"_extra"`
		}
		if err := json.Unmarshal(e.Value, &got); err != nil {
			t.Fatal(err)
		}
		if string(got.N) == "null" {
			got.N = nil
		}
		want := numbers[i]
		switch {
		case got.N == nil && strings.Contains(string(got.Extra), want):
			continue
		case got.N != nil && (got.Extra == nil || string(got.Extra) == "null") && rat(t, shown(t, typ, string(got.N))).Cmp(rat(t, want)) == 0:
			held++
			continue
		}
		t.Fatalf("%s %s: %s became %s", kind, typ, want, e.Value)
	}
	return held
}

// shown returns the number that a cell stands for.
func shown(t *testing.T, typ, cell string) string {
	t.Helper()
	cell = strings.Trim(cell, `"`)
	if of, isTime := map[string]time.Duration{"time_ms": time.Millisecond, "time_us": time.Microsecond}[typ]; isTime && strings.Contains(cell, ":") {
		when, err := time.Parse("2006-01-02 15:04:05", "1970-01-01 "+cell)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(when.UnixNano() / int64(of))
	}
	unit, isTime := map[string]time.Duration{"timestamp_ms": time.Millisecond, "timestamp_us": time.Microsecond, "timestamp_ns": 1}[typ]
	if !isTime || !strings.Contains(cell, "T") {
		return cell
	}
	when, err := time.Parse(time.RFC3339Nano, cell)
	if err != nil {
		t.Fatal(err)
	}
	whole := new(big.Int).Mul(big.NewInt(when.Unix()), big.NewInt(1e9))
	whole.Add(whole, big.NewInt(int64(when.Nanosecond())))
	return whole.Div(whole, big.NewInt(int64(unit))).String()
}

func input(r *record.Record) *partition.Input { return &partition.Input{Topic: "t", Record: r} }

// One large number in the sample does not change the others: the column is text.
func TestInferenceDoesNotRound(t *testing.T) {
	for _, kind := range []string{"parquet", "avro"} {
		for _, other := range []string{"0.5", "18446744073709551615", "1e400"} {
			held := keepsNumbers(
				t, newFormat(t, config(kind), "none", "json"), kind, "inferred",
				[]string{"1", "9007199254740993", other, "2.50"},
			)
			if held != 4 {
				t.Errorf("%s: beside %s only %d of 4 numbers have a cell", kind, other, held)
			}
		}
	}
}

func TestTimesAreKeptExactly(t *testing.T) {
	for _, kind := range []string{"parquet", "avro"} {
		for text, types := range map[string]string{
			"2026-01-02T03:04:05Z":                "ms us ns",
			"2026-01-02T03:04:05.678000000000Z":   "ms us ns",
			"2026-01-02T03:04:05.678901Z":         "us ns",
			"2026-01-02T03:04:05.678901234+05:30": "ns",
			"2026-01-02T03:04:05.6789012345Z":     "",
			"9999-12-31T23:59:59Z":                "ms us",
			"0001-01-01T00:00:00Z":                "ms us",
		} {
			for _, unit := range []string{"ms", "us", "ns"} {
				c := config(kind)
				c.Columns = []Column{{Name: "t", Type: "timestamp_" + unit}}
				f := newFormat(t, c, "none", "json")
				var got struct {
					T     *time.Time      `json:"t"`
					Extra json.RawMessage `json:"_extra"`
				}
				value := read(t, f, build(t, f, values(`{"t":"`+text+`"}`), 1))[0].Value
				if n, rest, ok := strings.Cut(
					strings.TrimPrefix(string(value), `{"t":`), ",",
				); ok && kind == "avro" && unit == "ns" &&
					n != "null" {
					// The library that reads it knows no such time: it is a number there.
					ns, err := strconv.ParseInt(n, 10, 64)
					if err != nil {
						t.Fatalf("%s: %v", value, err)
					}
					value = fmt.Appendf(
						nil, `{"t":%q,%s`, time.Unix(0, ns).UTC().Format(time.RFC3339Nano), rest,
					)
				}
				if err := json.Unmarshal(value, &got); err != nil {
					t.Fatalf("%s: %v", value, err)
				}
				want, err := time.Parse(time.RFC3339Nano, text)
				if err != nil {
					t.Fatal(err)
				}
				fits := strings.Contains(types, unit)
				if fits != (got.T != nil) || fits && !got.T.Equal(want) ||
					!fits && !strings.Contains(string(got.Extra), text) {
					t.Errorf("%s timestamp_%s: %s became %s", kind, unit, text, value)
				}
			}
		}
	}
}

// A row of CSV is what its columns say, or a dead letter.
func TestDelimitedTypes(t *testing.T) {
	c := config("delimited")
	c.Columns = []Column{
		{
			Name: "i",
			Type: "int64",
		},
		{Name: "s", Type: "int32"},
		{Name: "f", Type: "double"},
		{Name: "b", Type: "boolean"},
		{Name: "t", Type: "timestamp_ms"},
		{
			Name: "d",
			Type: "date",
		},
		{Name: "x", Type: "string"},
		{Name: "j", Type: "json"},
		{Name: "y", Type: "binary"},
	}
	f := newFormat(t, c, "none", "json")
	got, err := row1(
		t, f,
		`{"i":1.0,"s":-5,"f":0.1234567890123456789,"b":true,"t":"2026-01-02T03:04:05.123456Z","d":"2026-01-02","x":12,"j":{"a": 1},"y":"AP8="}`,
	)
	if want := "1,-5,0.1234567890123456789,true,2026-01-02T03:04:05.123456Z,2026-01-02,12,\"{\"\"a\"\":1}\",AP8=\n"; err != nil ||
		got != want {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
	if got, err = row1(t, f, `{"i":null,"t":1767323045678}`); err != nil ||
		got != ",,,,1767323045678,,,,\n" {
		t.Errorf("%q, %v", got, err)
	}
	for _, bad := range []string{
		`{"i":"notanint"}`, `{"i":1.5}`, `{"i":9223372036854775808}`, `{"i":9007199254740992.5}`, `{"s":3000000000}`, `{"f":"1"}`, `{"b":1}`, `{"b":"true"}`,
		`{"t":"noon"}`, `{"t":1.5}`, `{"d":"2026-13-01"}`, `{"d":1}`, `{"y":"*"}`, `{"x":"\ud800"}`,
		`"text"`, `[1,2]`, `12`, `null`, `true`, ``,
	} {
		if got, err := row1(t, f, bad); err == nil {
			t.Errorf("%s became the row %q", bad, got)
		}
	}
}

// DuckDB refuses a file that has half a surrogate pair in it, and a text has nothing to put in its
// place.
func TestLoneSurrogates(t *testing.T) {
	for text, lone := range map[string]bool{
		`{"a":"\ud83d\ude00"}`: false, `{"a":"\\ud83d"}`: false, `{"a":"\u0041"}`: false, `{"a":"\ud83d"}`: true, `{"a":"\ude00\ud83d"}`: true, `{"\ud83d":1}`: true,
		`{"a":"\ud83d\n"}`: true, `{"a":["x","\uDE00"]}`: true, `{"a":"\ud83d\\ude00"}`: true, "{\n\"a\":\"\\ud83d\"}": true,
	} {
		c := config("ndjson")
		_, err := row1(t, newFormat(t, c, "none", "json"), text)
		if lone != errors.Is(err, errSurrogate) || !lone && err != nil {
			t.Errorf("%s: %v", text, err)
		}
		c.Check = false
		if _, err := row1(t, newFormat(t, c, "none", "json"), text); err != nil {
			t.Errorf("%s, unchecked: %v", text, err)
		}
	}
	for _, kind := range []string{"parquet", "avro"} {
		c := config(kind)
		c.Columns = []Column{{Name: "a", Type: "string"}}
		f := newFormat(t, c, "none", "json")
		got := read(t, f, build(t, f, values(`{"a":"x\ud83dy"}`, `{"a":"\ud83d\ude00"}`), 5))
		if v := string(
			got[0].Value,
		); strings.Contains(v, "\ufffd") ||
			!strings.Contains(v, `ud83d`) {
			t.Errorf("%s: %s", kind, v)
		}
		if v := string(got[1].Value); !strings.Contains(v, `"a":"😀"`) {
			t.Errorf("%s: %s", kind, v)
		}
	}
}

// A record with a key and no value says that the key is gone. What has columns for the key can hold
// it; elsewhere the dead letter says what it is.
func TestTombstonesAreRowsWhereKeysAre(t *testing.T) {
	tombstone := record.Record{Offset: 7, Time: 1e15, Key: []byte("gone")}
	for _, kind := range []string{"parquet", "avro"} {
		for _, declared := range []bool{true, false} {
			c := config(kind)
			c.Metadata = true
			if declared {
				c.Columns = []Column{{Name: "a", Type: "int64"}}
			}
			f := newFormat(t, c, "none", "json")
			got := read(
				t,
				f,
				build(
					t,
					f,
					[]record.Record{
						tombstone,
						{Offset: 8, Key: []byte("k"), Value: []byte(`{"a":1}`)},
					},
					5,
				),
			)
			if v := string(
				got[0].Value,
			); len(got) != 2 || !strings.Contains(v, `"_offset":7`) || !strings.Contains(v, `"_key":"Z29uZQ=="`) ||
				strings.Contains(v, `"a":1`) {
				t.Errorf("%s, declared %v: %s", kind, declared, v)
			}
		}
	}
	columns := []Column{{Name: "a", Type: "int64", Required: true}}
	for name, change := range map[string]func(*Config){
		"ndjson": nil, "parquet": nil, "avro": nil, "delimited": func(c *Config) { c.Columns = columns }, "ndjson ": func(c *Config) { c.Check = false },
	} {
		c := config(strings.TrimSpace(name))
		if change != nil {
			change(&c)
		}
		f := newFormat(t, c, "none", "json")
		if _, err := f.AppendRow(nil, input(&tombstone)); !errors.Is(err, errTombstone) {
			t.Errorf("%s: %v", name, err)
		}
	}
	c := config("parquet")
	c.Metadata, c.Columns = true, columns
	if _, err := newFormat(t, c, "none", "json").AppendRow(nil, input(&tombstone)); err == nil ||
		!bytes.Contains([]byte(err.Error()), []byte("no field a")) {
		t.Errorf("a required column: %v", err)
	}
}
