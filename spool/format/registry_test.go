package format

import (
	"bytes"
	"encoding/json"
	"math"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/hamba/avro/v2"
	"github.com/hamba/avro/v2/ocf"
	"github.com/parquet-go/parquet-go"
	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/spool/format/decode"
	"github.com/penstock/penstock/spool/partition"
	"google.golang.org/protobuf/encoding/protowire"
)

const (
	orderV1 = `{"type":"record","name":"Order","namespace":"acme","fields":[
		{"name":"id","type":"long"},
		{"name":"at","type":{"type":"long","logicalType":"timestamp-micros"}},
		{"name":"day","type":["null",{"type":"int","logicalType":"date"}],"default":null},
		{"name":"price","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}},
		{"name":"uid","type":{"type":"string","logicalType":"uuid"}},
		{"name":"ratio","type":"double"},
		{"name":"tags","type":{"type":"array","items":"string"}},
		{"name":"props","type":{"type":"map","values":"int"}},
		{"name":"any","type":["null","long","string"]},
		{"name":"who","type":{"type":"record","name":"Who","fields":[{"name":"Name","type":"string"},{"name":"up","type":["null","Who"]}]}}]}`
	// What it refers to is registered by itself.
	orderV2 = `{"type":"record","name":"Order","namespace":"acme","fields":[
		{"name":"id","type":"long"},{"name":"level","type":"acme.types.Level"},{"name":"old","type":["null","acme.types.Level"]}]}`
	level = `{"type":"enum","name":"Level","namespace":"acme.types","symbols":["LOW","HIGH"]}`
	event = `syntax = "proto3"; package acme;
		import "google/protobuf/timestamp.proto"; import "google/protobuf/wrappers.proto";
		message Other { string x = 1; }
		message Event { uint64 big = 1; google.protobuf.Timestamp at = 2; repeated sint32 n = 3;
			map<string, int32> counts = 4; Part part = 5; enum E { A = 0; B = 1; } E e = 6;
			oneof c { bytes raw = 7; float f = 8; } google.protobuf.Int32Value w = 9; repeated Part parts = 10;
			message Part { bool ok = 1; Event up = 2; } optional int32 maybe = 11; }`
)

// schemas is a registry with Confluent's API that has the schemas above, by the ids 1, 2 and 3.
func schemas(t testing.TB, typ string) decode.Decoder {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := map[string]any{}
		switch r.URL.Path {
		case "/schemas/ids/1":
			answer["schema"] = orderV1
		case "/schemas/ids/2":
			answer["schema"] = orderV2
			answer["references"] = []any{map[string]any{"name": "acme.types.Level", "subject": "level", "version": 1}}
		case "/subjects/level/versions/1":
			answer["schema"] = level
		case "/schemas/ids/3":
			answer["schema"], answer["schemaType"] = event, "PROTOBUF"
		default:
			w.WriteHeader(http.StatusNotFound)
			answer = map[string]any{"error_code": 40403}
		}
		_ = json.NewEncoder(w).Encode(answer)
	}))
	t.Cleanup(srv.Close)
	c := decode.Default()
	c.Type, c.Registry = typ, &decode.Registry{}
	c.Registry.SetDefaults()
	c.Registry.URLs = []string{srv.URL}
	dec, err := decode.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return dec
}

func framed(id byte, body []byte) []byte { return append([]byte{0, 0, 0, 0, id}, body...) }

func orders(t testing.TB) []record.Record {
	schema, err := avro.ParseWithCache(orderV1, "", &avro.SchemaCache{})
	if err != nil {
		t.Fatal(err)
	}
	var out []record.Record
	for i, ratio := range []float64{0.5, math.NaN()} {
		var day, either any
		if i == 1 {
			day, either = map[string]any{"int.date": time.Unix(86400*20000, 0).UTC()}, map[string]any{"string": "s"}
		}
		body, err := avro.Marshal(schema, map[string]any{
			"id": int64(math.MaxInt64), "at": time.UnixMicro(1_767_323_045_678_901).UTC(), "day": day,
			"price": big.NewRat(-12345, 100), "uid": "123e4567-e89b-12d3-a456-426614174000",
			"ratio": ratio, "tags": []any{"a", "b"}, "props": map[string]any{"k": 1}, "any": either,
			"who": map[string]any{"Name": "n", "up": map[string]any{"acme.Who": map[string]any{"Name": "m", "up": nil}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, record.Record{Offset: int64(i), Value: framed(1, body), Time: 5e9})
	}
	return out
}

func registryFormat(t testing.TB, kind, typ string, change func(*Config)) Format {
	t.Helper()
	c := config(kind)
	c.Schema = "registry"
	if change != nil {
		change(&c)
	}
	f, err := New(c, "zstd", schemas(t, typ))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func parquetSchema(t testing.TB, file []byte) string {
	t.Helper()
	pf, err := parquet.OpenFile(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	return pf.Schema().String()
}

func TestParquetWithTheSchemaOfAvroValues(t *testing.T) {
	f := registryFormat(t, "parquet", "avro", func(c *Config) { c.ColumnCase = "lower" })
	file := build(t, f, orders(t), 1)
	want := `message record {
	optional int64 id (INT(64,true));
	optional int64 at (TIMESTAMP(isAdjustedToUTC=true,unit=MICROS));
	optional int32 day (DATE);
	optional int32 price (DECIMAL(9,2));
	optional fixed_len_byte_array(16) uid (UUID);
	optional double ratio;
	optional group tags (LIST) {
		repeated group list {
			optional binary element (STRING);
		}
	}
	optional binary props (JSON);
	optional binary any (JSON);
	optional group who {
		optional binary name (STRING);
		optional binary up (JSON);
	}
	optional binary _extra (JSON);
}`
	if got := parquetSchema(t, file); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	rows := read(t, f, file)
	for i, want := range []string{
		`{"id":9223372036854775807,"at":"2026-01-02T03:04:05.678901Z","price":"-123.45","uid":"123e4567-e89b-12d3-a456-426614174000","ratio":0.5,"tags":["a","b"],"props":{"k":1},"who":{"name":"n","up":{"Name":"m","up":null}}}`,
		`{"id":9223372036854775807,"at":"2026-01-02T03:04:05.678901Z","day":"2024-10-04","price":"-123.45","uid":"123e4567-e89b-12d3-a456-426614174000","ratio":"NaN","tags":["a","b"],"props":{"k":1},"any":"s","who":{"name":"n","up":{"Name":"m","up":null}}}`,
	} {
		if string(rows[i].Value) != want {
			t.Errorf("record %d is %s, want %s", i, rows[i].Value, want)
		}
	}
}

// protoEvent has a number that is no int64, and a field that the schema does not have.
func protoEvent() []byte {
	b := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), math.MaxUint64)
	b = protowire.AppendBytes(protowire.AppendTag(b, 2, protowire.BytesType), []byte("\x08\x01\x10\x01"))
	b = protowire.AppendBytes(protowire.AppendTag(b, 3, protowire.BytesType), []byte("\x01\x02"))
	b = protowire.AppendBytes(protowire.AppendTag(b, 5, protowire.BytesType), []byte("\x08\x01\x12\x00"))
	b = protowire.AppendVarint(protowire.AppendTag(b, 6, protowire.VarintType), 1)
	b = protowire.AppendBytes(protowire.AppendTag(b, 7, protowire.BytesType), []byte{0xff})
	b = protowire.AppendBytes(protowire.AppendTag(b, 9, protowire.BytesType), nil)
	return protowire.AppendVarint(protowire.AppendTag(b, 99, protowire.VarintType), 1)
}

func TestParquetWithTheSchemaOfProtobufValues(t *testing.T) {
	f := registryFormat(t, "parquet", "protobuf", nil)
	file := build(t, f, []record.Record{{Value: framed(3, append([]byte("\x02\x02"), protoEvent()...))}}, 1)
	want := `message record {
	optional fixed_len_byte_array(16) big (DECIMAL(20,0));
	optional int64 at (TIMESTAMP(isAdjustedToUTC=true,unit=NANOS));
	optional group n (LIST) {
		repeated group list {
			optional int32 element (INT(32,true));
		}
	}
	optional binary counts (JSON);
	optional group part {
		optional boolean ok;
		optional binary up (JSON);
	}
	optional binary e (STRING);
	optional binary raw;
	optional float f;
	optional int32 w (INT(32,true));
	optional binary parts (JSON);
	optional int32 maybe (INT(32,true));
	optional binary _extra (JSON);
}`
	if got := parquetSchema(t, file); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	got := string(read(t, f, file)[0].Value)
	if want := `{"big":"18446744073709551615","at":"1970-01-01T00:00:01.000000001Z","n":[-1,1],"part":{"ok":true,"up":{"big":0,"e":"A"}},"e":"B","raw":"/w==","w":0,"_extra":{"_unknown":"mAYB"}}`; got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

// Values of Avro go as they are, under their own schema: with what it refers to in it, and its
// logical types, unions and maps.
func TestAvroWithTheSchemaOfAvroValues(t *testing.T) {
	recs := orders(t)
	for _, metadata := range []bool{false, true} {
		f := registryFormat(t, "avro", "avro", func(c *Config) { c.Metadata = metadata })
		dec, err := ocf.NewDecoder(bytes.NewReader(build(t, f, recs, 1)), ocf.WithDecoderSchemaCache(&avro.SchemaCache{}))
		if err != nil {
			t.Fatal(err)
		}
		for i := range recs {
			var got map[string]any
			if !dec.HasNext() || dec.Decode(&got) != nil {
				t.Fatal(dec.Error())
			}
			at, _ := got["at"].(time.Time)
			price, _ := got["price"].(*big.Rat)
			if got["id"] != int64(math.MaxInt64) || at.UnixMicro() != 1_767_323_045_678_901 ||
				price.Cmp(big.NewRat(-12345, 100)) != 0 || got["props"].(map[string]any)["k"] != 1 {
				t.Errorf("%v", got)
			}
			if got["_offset"] != nil != metadata || metadata && got["_offset"] != int64(i) {
				t.Errorf("offset %v", got["_offset"])
			}
		}
		if dec.HasNext() || dec.Error() != nil {
			t.Errorf("more, or %v", dec.Error())
		}
	}
	f := registryFormat(t, "avro", "avro", nil)
	file := build(t, f, []record.Record{{Value: framed(2, []byte{14, 2, 2, 0})}}, 1)
	for _, e := range read(t, f, file) {
		if string(e.Value) != `{"id":7,"level":"HIGH","old":"LOW"}` {
			t.Errorf("%s", e.Value)
		}
	}
	if !strings.Contains(string(file), `"symbols":["LOW","HIGH"]`) {
		t.Errorf("the schema lacks what it refers to: %.300q", file)
	}
}

func TestAvroWithTheSchemaOfProtobufValues(t *testing.T) {
	f := registryFormat(t, "avro", "protobuf", nil)
	file := build(t, f, []record.Record{{Value: framed(3, append([]byte("\x02\x02"), protoEvent()...))}}, 1)
	got := string(read(t, f, file)[0].Value)
	if !strings.Contains(got, `"n":[-1,1],"counts":null,"part":{"ok":true,`) || !strings.Contains(got, "18446744073709551615") {
		t.Error(got)
	}
}

// Which file a record is in follows from the record alone, and a record that the schema does not
// fit is refused before there is one.
func TestKeysOfSchemas(t *testing.T) {
	avroValues, protoValues := registryFormat(t, "parquet", "avro", nil).(Splitter), registryFormat(t, "parquet", "protobuf", nil).(Splitter)
	for _, c := range []struct {
		f     Splitter
		value []byte
		want  string
	}{
		{avroValues, framed(1, nil), "1"}, {avroValues, []byte("x"), ""}, {avroValues, nil, ""},
		{protoValues, framed(3, []byte{0}), "3x0"}, {protoValues, framed(3, []byte{2, 0}), "3x0"},
		{protoValues, framed(3, []byte{4, 2, 0}), "3x1x0"}, {protoValues, framed(3, nil), ""},
	} {
		if got := c.f.AppendSchemaKey(nil, &record.Record{Value: c.value}); string(got) != c.want {
			t.Errorf("%x: %q, want %q", c.value, got, c.want)
		}
	}
	for want, value := range map[string][]byte{
		"no schema 9": framed(9, nil), "unexpected end": framed(1, []byte{2}), "tombstone": nil,
	} {
		for _, kind := range []string{"parquet", "avro"} {
			f := registryFormat(t, kind, "avro", nil)
			_, err := f.AppendRow(nil, &partition.Input{Record: &record.Record{Value: value}})
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %s", kind, err, want)
			}
		}
	}
	f := registryFormat(t, "parquet", "avro", func(c *Config) { c.Metadata = true })
	file := build(t, f, []record.Record{{Key: []byte("k")}}, 1)
	if got := parquetSchema(t, file); !strings.Contains(got, "_offset") || len(read(t, f, file)) != 1 {
		t.Errorf("tombstones alone: %s", got)
	}
}

func TestRegistrySchemaRefuses(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"is for avro and parquet": func(c *Config) { c.Type = "ndjson" },
		"not together with":       func(c *Config) { c.Columns = []Column{{Name: "a", Type: "string"}} },
		"written as they are":     func(c *Config) { c.Type, c.Omit = "avro", []string{"id"} },
	} {
		c := config("parquet")
		c.Schema = "registry"
		change(&c)
		if _, err := New(c, "zstd", schemas(t, "avro")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	c := config("parquet")
	c.Schema = "registry"
	if _, err := New(c, "zstd", decoder(t, "json")); err == nil || !strings.Contains(err.Error(), `decode "avro"`) {
		t.Error(err)
	}
}
