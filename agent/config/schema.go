package config

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/penstock/penstock/buffer/record/template"
)

// field is one attribute, block or label of a config struct.
type field struct {
	name     string
	index    []int
	typ      reflect.Type
	optional bool
	block    bool
	label    bool
	doc      string
	unit     string
	oneof    []string
	secret   bool
	path     string // what is done with the file or directory it names: "read", "write" or "dir"
	ref      string // kinds a reference may have, separated by "|"; "" when this is none
}

var (
	durationType = reflect.TypeFor[time.Duration]()
	templateType = reflect.TypeFor[template.Template]()
)

// fieldsOf lists the fields of a struct type, those of embedded structs in place. It panics on tags
// that make no sense: a mistake of the program, found by the test that walks the catalogue.
func fieldsOf(t reflect.Type) []field {
	var out []field
	for i := range t.NumField() {
		sf := t.Field(i)
		tag, ok := sf.Tag.Lookup("hcl")
		if !ok {
			if sf.Anonymous && sf.Type.Kind() == reflect.Struct {
				for _, f := range fieldsOf(sf.Type) {
					f.index = append([]int{i}, f.index...)
					out = append(out, f)
				}
			}
			continue
		}
		name, kind, _ := strings.Cut(tag, ",")
		f := field{
			name:  name,
			index: []int{i},
			typ:   sf.Type,
			doc:   sf.Tag.Get("doc"),
			unit:  sf.Tag.Get("unit"),
			secret: sf.Tag.Get(
				"secret",
			) == "true",
			ref:  sf.Tag.Get("ref"),
			path: sf.Tag.Get("path"),
		}
		if f.unit != "" && f.unit != "bytes" {
			panic(fmt.Sprintf("%v.%s: unit %q, where only \"bytes\" is known", t, sf.Name, f.unit))
		}
		if list := sf.Tag.Get("oneof"); list != "" {
			f.oneof = strings.Split(list, "|")
		}
		switch kind {
		case "":
		case "optional", "attr":
			f.optional = kind == "optional"
		case "block":
			f.block, f.optional = true, true
		case "label":
			f.label = true
		default:
			panic(fmt.Sprintf("%v.%s: hcl tag %q", t, sf.Name, tag))
		}
		out = append(out, f)
	}
	return out
}

// blockStruct returns the struct type of a block field, and whether it may be repeated.
func blockStruct(t reflect.Type) (elem reflect.Type, repeated bool) {
	if t.Kind() == reflect.Slice {
		t, repeated = t.Elem(), true
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t, repeated
}

// newBlock returns a fresh block struct with its own defaults.
func newBlock(t reflect.Type) reflect.Value {
	v := reflect.New(t)
	if d, ok := v.Interface().(defaulter); ok {
		d.SetDefaults()
	}
	return v
}
