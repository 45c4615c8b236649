package spool

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/spool/format"
	"github.com/penstock/penstock/spool/format/decode"
)

// versions makes a topic of Avro in three versions of a schema, as producers that are upgraded one
// by one, and back, write it: the second has a field more, the third has another type. Some values
// are of none.
func versions(t *testing.T) (*memTopic, func(*Config)) {
	texts := map[string]string{
		"/schemas/ids/1":  `{"type":"record","name":"r","fields":[{"name":"id","type":"long"}]}`,
		"/schemas/ids/2":  `{"type":"record","name":"r","fields":[{"name":"id","type":"long"},{"name":"more","type":["null","int"],"default":null}]}`,
		"/schemas/ids/13": `{"type":"record","name":"r","fields":[{"name":"id","type":"string"}]}`,
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if texts[r.URL.Path] == "" {
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"error_code":40403}`)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"schema": texts[r.URL.Path]})
	}))
	t.Cleanup(srv.Close)
	topic := newTopic("app", 0)
	topic.produce(900, func(o int64) (time.Time, string) {
		id, body := byte(1), binary.AppendVarint(nil, o)
		switch {
		case o%100 == 50:
			id = 99
		case o%7 == 3:
			id, body = 2, append(body, 2, 10)
		case o%7 == 5:
			text := fmt.Sprint(o)
			id, body = 13, append(binary.AppendVarint(nil, int64(len(text))), text...)
		}
		return day.Add(time.Duration(o) * 10 * time.Second), string([]byte{0, 0, 0, 0, id}) + string(body)
	})
	return topic, func(c *Config) {
		c.Roll.Records = 500
		c.Decode = &decode.Config{}
		c.Decode.SetDefaults()
		c.Decode.Type, c.Decode.Registry = "avro", &decode.Registry{}
		c.Decode.Registry.SetDefaults()
		c.Decode.Registry.URLs = []string{srv.URL}
	}
}

// Each record is in a file of its own schema, once, and a cut that is made again after a crash
// makes the same files, whoever makes it.
func TestFilesByTheSchemasOfARegistry(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"parquet", "avro"} {
		whole, again := newMemStore(), newMemStore()
		for i, s := range []*memStore{whole, again} {
			topic, change := versions(t)
			set := func(c *Config) {
				change(c)
				c.Format = formatOf(kind, func(f *format.Config) { f.Schema = "registry" })
			}
			if i == 1 {
				interrupt(t, s, topic, 2, set)
			}
			drainAll(t, s, topic, 100-69*i, set)
		}
		if w, a := slices.Sorted(maps.Keys(whole.objs)), slices.Sorted(maps.Keys(again.objs)); !slices.Equal(w, a) {
			t.Fatalf("%v\nand after a crash\n%v", w, a)
		}
		seen, schemas := map[string]int{}, map[string]int{}
		for key, obj := range whole.objs {
			if !bytes.Equal(obj.data, again.objs[key].data) {
				t.Errorf("%s has other bytes after a crash", key)
			}
			if strings.Contains(key, "dead_letter") {
				seen["dead"] += len(whole.lines(t, key))
				continue
			}
			m := regexp.MustCompile(`/hr=\d\d/app-0_\d{20}-\d{20}\.s(\d+)\.` + kind + `$`).FindStringSubmatch(key)
			if m == nil || obj.meta[MetaSchema] != m[1] {
				t.Fatalf("name %s, schema %q", key, obj.meta[MetaSchema])
			}
			schemas[m[1]]++
			err := format.Read(bytes.NewReader(obj.data), int64(len(obj.data)), format.Kind(key), func(e *format.Entry) error {
				var v struct{ ID json.RawMessage }
				id := strings.Trim(string(e.Value), "{}")
				if json.Unmarshal(e.Value, &v) == nil {
					id = strings.Trim(string(v.ID), `"`)
				}
				if seen[id]++; m[1] == "2" != strings.Contains(string(e.Value), `"more":5`) ||
					m[1] == "13" != strings.Contains(string(e.Value), `"id":"`) {
					t.Errorf("%s: %s", key, e.Value)
				}
				return nil
			})
			if err != nil {
				t.Errorf("%s: %v", key, err)
			}
		}
		if len(seen) != 900-9+1 || seen["dead"] != 9 || len(schemas) != 3 {
			t.Errorf("%s: %d records, %d dead letters, schemas %v", kind, len(seen)-1, seen["dead"], schemas)
		}
		for id, n := range seen {
			if n != 1 && id != "dead" {
				t.Errorf("%s: record %s is there %d times", kind, id, n)
			}
		}
	}
}

func TestNamesOfSchemas(t *testing.T) {
	for key, want := range map[string]string{
		"": "", "12": "s12", "3x1x0": "s3x1x0", "c7": "sc7",
	} {
		if got := schemaName(key); got != want {
			t.Errorf("%q is called %q, want %q", key, got, want)
		}
	}
	if a, b := schemaName("c7 acme.A"), schemaName("c7 acme.B"); a == b || !regexp.MustCompile(`^s[0-9a-f]{16}$`).MatchString(a) {
		t.Errorf("%s, %s", a, b)
	}
}
