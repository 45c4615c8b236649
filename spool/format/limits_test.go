package format

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"testing"
)

// What is beyond a limit of an inferred schema is in the extra column: nothing of a record is
// missing.
func TestNothingIsLostBeyondTheLimits(t *testing.T) {
	var wide, deep []string
	for i := range 1500 { // more names than columns
		wide = append(wide, fmt.Sprintf(`"w%d":%d`, i, i))
		deep = append(deep, fmt.Sprintf(`"m%d":%d`, i, i))
	}
	long := strings.Repeat("n", 2*maxName)
	prefix := strings.Repeat("p", maxName-8)
	for name, texts := range map[string][]string{
		"columns":       {`{` + strings.Join(wide, ",") + `}`, `{"w1499":"x","other":1}`},
		"nested":        {`{"o":{` + strings.Join(deep, ",") + `},"p":{"q":{` + strings.Join(deep, ",") + `}}}`},
		"few for small": {`{"a":1}`, `{` + strings.Join(wide[:200], ",") + `}`, `{"b":2}`, `{"c":3}`, `{"d":4}`, `{"e":5}`, `{"f":6}`, `{"g":7}`},
		"long name":     {`{"` + long + `":1,"a":2}`, `{"a":{"` + long + `":3}}`},
		"long list":     {`{"a":[1,2],"b":1}`, `{"a":[` + strings.Repeat("7,", maxElements) + `8],"b":2}`},
		"only long":     {`{"a":[` + strings.Repeat("7,", maxElements) + `8]}`, `{"a":[1]}`},
		// The names before the extra members would make the row far longer than its record.
		"whole": {`{"` + prefix + `":{"a":1}}`, `{"z":1, "` + prefix + `":{"a":1,` + strings.Join(deep, ", ") + `}}`},
	} {
		for _, kind := range []string{"avro", "parquet"} {
			t.Run(kind+" "+name, func(t *testing.T) {
				c := config(kind)
				if name == "whole" || name == "long list" {
					c.Sample = 1
				}
				f := newFormat(t, c, "zstd", "json")
				entries := read(t, f, build(t, f, values(texts...), 5))
				for i, e := range entries {
					var got, want map[string]any
					if err := json.Unmarshal(e.Value, &got); err != nil {
						t.Fatal(err)
					}
					if err := json.Unmarshal([]byte(texts[i]), &want); err != nil {
						t.Fatal(err)
					}
					extra := got["_extra"]
					if s, ok := extra.(string); ok {
						if err := json.Unmarshal([]byte(s), &extra); err != nil {
							t.Fatal(err)
						}
					}
					delete(got, "_extra")
					flat := map[string]any{}
					flatten(flat, "", got)
					if extra != nil {
						flatten(flat, "", extra.(map[string]any))
					}
					all := map[string]any{}
					flatten(all, "", want)
					if !reflect.DeepEqual(flat, all) {
						for k := range maps.Keys(all) {
							if !reflect.DeepEqual(flat[k], all[k]) {
								t.Fatalf(
									"record %d: %.40s is %.100v, want %.100v", i, k, flat[k],
									all[k],
								)
							}
						}
						t.Fatalf("record %d has %d fields, want %d", i, len(flat), len(all))
					}
				}
			})
		}
	}
}

// flatten joins nested names with dots, as the extra column does, and leaves out what is null.
// Avro's columns with JSON are texts.
func flatten(to map[string]any, prefix string, m map[string]any) {
	for k, v := range m {
		if s, ok := v.(string); ok && (strings.HasPrefix(s, "{") || strings.HasPrefix(s, "[")) {
			_ = json.Unmarshal([]byte(s), &v)
		}
		switch v := v.(type) {
		case nil:
		case map[string]any:
			flatten(to, prefix+k+".", v)
		default:
			if f, ok := v.(float64); ok {
				to[prefix+k] = fmt.Sprint(f)
				continue
			}
			to[prefix+k] = v
		}
	}
}
