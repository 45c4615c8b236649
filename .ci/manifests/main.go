package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"
)

func main() {
	decoder := serializer.NewCodecFactory(
		scheme.Scheme, serializer.EnableStrict,
	).UniversalDeserializer()
	failed := len(os.Args) < 2
	for _, name := range os.Args[1:] {
		if err := check(decoder, name); err != nil {
			failed = true
			fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		}
	}
	if failed {
		os.Exit(1)
	}
}

func check(decoder runtime.Decoder, name string) error {
	in := os.Stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	var errs []error
	documents := yaml.NewYAMLReader(bufio.NewReader(in))
	for n := 1; ; n++ {
		doc, err := documents.Read()
		if errors.Is(err, io.EOF) {
			if n == 1 {
				return errors.New("there is nothing in it")
			}
			return errors.Join(errs...)
		}
		if err != nil {
			return err
		}
		json, err := yaml.ToJSON(doc)
		if err == nil && string(json) == "null" {
			continue
		}
		_, _, err = decoder.Decode(doc, nil, nil)
		switch {
		case runtime.IsNotRegisteredError(err):
			fmt.Printf("%s: not looked at: %v\n", name, err)
		case err != nil:
			errs = append(errs, fmt.Errorf("document %d: %w", n, err))
		}
	}
}
