package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// schema is what a custom resource definition says of a value: the part of OpenAPI that is used
// there.
type schema struct {
	Type       string             `json:"type"`
	Properties map[string]*schema `json:"properties"`
	Required   []string           `json:"required"`
	Items      *schema            `json:"items"`
	Others     *schema            `json:"additionalProperties"`
	Enum       []any              `json:"enum"`
	Nullable   bool               `json:"nullable"`
	AnyFields  bool               `json:"x-kubernetes-preserve-unknown-fields"`
	IntOrText  bool               `json:"x-kubernetes-int-or-string"`
}

// custom are the schemas of custom resources by "apiVersion kind".
type custom map[string]*schema

// add reads a definition.
func (c custom) add(file string) error {
	var crd struct {
		Spec struct {
			Group string `json:"group"`
			Names struct {
				Kind string `json:"kind"`
			} `json:"names"`
			Versions []struct {
				Name   string `json:"name"`
				Schema struct {
					Open *schema `json:"openAPIV3Schema"`
				} `json:"schema"`
			} `json:"versions"`
		} `json:"spec"`
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	all, err := documents(text)
	if err != nil || len(all) != 1 {
		return fmt.Errorf("%s: %d documents, %w", file, len(all), err)
	}
	if err := json.Unmarshal(all[0], &crd); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	for _, v := range crd.Spec.Versions {
		if v.Schema.Open == nil || v.Schema.Open.Properties["spec"] == nil {
			return fmt.Errorf("%s: version %s has no schema", file, v.Name)
		}
		c[crd.Spec.Group+"/"+v.Name+" "+crd.Spec.Names.Kind] = v.Schema.Open
	}
	return nil
}

// check returns what is wrong with a resource. known is false for a kind without a schema.
func (c custom) check(doc []byte) (known bool, wrong []error) {
	var v map[string]any
	if err := json.Unmarshal(doc, &v); err != nil {
		return true, []error{err}
	}
	s := c[fmt.Sprint(v["apiVersion"], " ", v["kind"])]
	if s == nil {
		return false, nil
	}
	delete(v, "metadata") // Kubernetes' own, of which a definition says nothing
	return true, s.check("", v)
}

func (s *schema) check(at string, v any) (wrong []error) {
	bad := func(format string, args ...any) {
		wrong = append(wrong, fmt.Errorf(at+": "+format, args...))
	}
	if len(s.Enum) > 0 && !slices.Contains(s.Enum, v) {
		bad("%v is none of %v", v, s.Enum)
	}
	switch v := v.(type) {
	case nil:
		if !s.Nullable {
			bad("is empty")
		}
	case map[string]any:
		if s.Type != "object" && s.Type != "" {
			bad("is an object, not of type %s", s.Type)
			return wrong
		}
		for _, name := range s.Required {
			if v[name] == nil {
				bad("lacks %s", name)
			}
		}
		for name, value := range v {
			of := s.Properties[name]
			if of == nil {
				of = s.Others
			}
			switch {
			case of != nil:
				wrong = append(wrong, of.check(at+"."+name, value)...)
			case !s.AnyFields:
				bad("there is no field %q", name)
			}
		}
	case []any:
		if s.Type != "array" || s.Items == nil {
			bad("is a list, not of type %s", s.Type)
			return wrong
		}
		for i, value := range v {
			wrong = append(wrong, s.Items.check(fmt.Sprintf("%s[%d]", at, i), value)...)
		}
	default:
		if is := typeOf(v); !s.IntOrText && s.Type != is && (s.Type != "number" || is != "integer") {
			bad("%v is of type %s, not %s", v, is, s.Type)
		}
	}
	return wrong
}

func typeOf(v any) string {
	switch v := v.(type) {
	case bool:
		return "boolean"
	case string:
		return "string"
	case float64:
		if v == float64(int64(v)) {
			return "integer"
		}
	}
	return "number"
}

// documents returns those of a file of YAML, as JSON.
func documents(text []byte) (out [][]byte, err error) {
	d := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var v any
		switch err := d.Decode(&v); {
		case errors.Is(err, io.EOF):
			return out, nil
		case err != nil:
			return nil, err
		case v == nil:
			continue
		}
		doc, err := json.Marshal(v)
		if err != nil {
			return nil, err
		}
		out = append(out, doc)
	}
}

// With KEDA's module in $PENSTOCK_KEDA: what scales the consumer, in the manifests and of the
// chart, is what KEDA's own definition allows; what it does not is found.
func TestKEDAReadsWhatScalesTheConsumer(t *testing.T) {
	keda := os.Getenv("PENSTOCK_KEDA")
	if keda == "" {
		t.Skip("needs the directory of KEDA's module in $PENSTOCK_KEDA")
	}
	crds := custom{}
	if err := crds.add(filepath.Join(keda, "config", "crd", "bases", "keda.sh_scaledobjects.yaml")); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(examplesDir, "kubernetes", "keda", "consumer.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	files := rendered(t, "consumer: {enabled: true, keda: {enabled: true}}")
	files[file] = text
	known := 0
	check := func(text []byte) (wrong []error) {
		all, err := documents(text)
		if err != nil {
			return []error{err}
		}
		for _, doc := range all {
			of, errs := crds.check(doc)
			if of {
				known++
			}
			wrong = append(wrong, errs...)
		}
		return wrong
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := errors.Join(check(files[name])...); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if known != 2 {
		t.Errorf("%d resources were checked, not one of the manifests and one of the chart", known)
	}
	for what, with := range map[string]string{
		"minReplicaCount: 2": "minReplicas: 2", "maxReplicaCount: 12": "maxReplicaCount: many",
		"triggers:": "trigger:", "type: prometheus": "kind: prometheus",
	} {
		if check([]byte(strings.Replace(string(text), what, with, 1))) == nil {
			t.Errorf("%s is not found", with)
		}
	}
}
