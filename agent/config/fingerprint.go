package config

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"reflect"
	"sort"

	"github.com/penstock/penstock/buffer/record/template"
)

// Fingerprint is equal for config structs that mean the same, wherever they stood in a file.
func Fingerprint(cfgs ...any) string {
	h := sha256.New()
	for _, c := range cfgs {
		digest(h, reflect.ValueOf(c))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

func digest(h hash.Hash, v reflect.Value) {
	if !v.IsValid() {
		fmt.Fprint(h, "nil;")
		return
	}
	if t, ok := reflect.TypeAssert[template.Template](v); v.Type() == templateType && ok {
		fmt.Fprintf(h, "%q;", t.String())
		return
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			fmt.Fprint(h, "nil;")
			return
		}
		digest(h, v.Elem())
	case reflect.Struct:
		fmt.Fprintf(h, "%v{", v.Type())
		fields := fieldsOf(v.Type())
		for _, f := range fields {
			fmt.Fprintf(h, "%s=", f.name)
			digest(h, v.FieldByIndex(f.index))
		}
		if len(fields) == 0 {
			fmt.Fprintf(h, "%v", v)
		}
		fmt.Fprint(h, "}")
	case reflect.Slice:
		fmt.Fprintf(h, "[%d:", v.Len())
		for i := range v.Len() {
			digest(h, v.Index(i))
		}
	case reflect.Map:
		keys := v.MapKeys()
		sort.Slice(keys, func(i, j int) bool { return keys[i].String() < keys[j].String() })
		fmt.Fprintf(h, "map%d:", len(keys))
		for _, k := range keys {
			fmt.Fprintf(h, "%q=", k.String())
			digest(h, v.MapIndex(k))
		}
	default:
		fmt.Fprintf(h, "%#v;", v)
	}
}
