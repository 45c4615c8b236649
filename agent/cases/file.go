package cases

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/gohcl"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// File is one *.test.hcl.
type File struct {
	Env   map[string]string `hcl:"env,optional"`
	Cases []Case            `hcl:"case,block"`

	Path string
}

// Case is what comes in, and what is expected to become of it.
type Case struct {
	Name  string         `hcl:"name,label"`
	Input hcl.Expression `hcl:"input,optional"`
	// Pipeline is the one that is looked at, where the input feeds several.
	Pipeline string `hcl:"pipeline,optional"`
	Path     string `hcl:"path,optional"`
	Tag      string `hcl:"tag,optional"`
	Key      string `hcl:"key,optional"`
	// Partitions is how many the topics of Kafka have.
	Partitions int       `hcl:"partitions,optional"`
	Time       string    `hcl:"time,optional"`
	Lines      []string  `hcl:"lines,optional"`
	File       string    `hcl:"file,optional"`
	Discarded  int       `hcl:"discarded,optional"`
	Expect     []Expect  `hcl:"expect,block"`
	Range      hcl.Range `hcl:",def_range"`

	input string
	at    time.Time
}

// Expect is one record that is expected, in order. What is not written may be anything.
type Expect struct {
	Value      *cty.Value        `hcl:"value,optional"`
	Fields     *cty.Value        `hcl:"fields,optional"`
	Tag        *string           `hcl:"tag,optional"`
	Time       *string           `hcl:"time,optional"`
	Headers    map[string]string `hcl:"headers,optional"`
	To         hcl.Expression    `hcl:"to,optional"`
	Topic      *string           `hcl:"topic,optional"`
	Key        *string           `hcl:"key,optional"`
	Partition  *int              `hcl:"partition,optional"`
	Index      *string           `hcl:"index,optional"`
	Object     *string           `hcl:"object,optional"`
	DeadLetter *string           `hcl:"dead_letter,optional"`
	Range      hcl.Range         `hcl:",def_range"`

	to []string
}

// Find returns the test files of configurations: those of a directory, or FILE.test.hcl of
// FILE.hcl, or else those beside it.
func Find(configs []string) ([]string, error) {
	var out []string
	for _, c := range configs {
		info, err := os.Stat(c)
		if err != nil {
			return nil, err
		}
		dir := c
		if !info.IsDir() {
			own := c[:len(c)-len(filepath.Ext(c))] + ".test.hcl"
			if _, err := os.Stat(own); err == nil {
				out = append(out, own)
				continue
			}
			dir = filepath.Dir(c)
		}
		found, err := filepath.Glob(filepath.Join(dir, "*.test.hcl"))
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	slices.Sort(out)
	out = slices.Compact(out)
	if len(out) == 0 {
		return nil, errors.New(
			"there is no file *.test.hcl beside the configuration: penstock test --help shows what stands in one",
		)
	}
	return out, nil
}

// Read reads a test file. The error lists every mistake, with its place.
func Read(path string) (*File, error) {
	parser := hclparse.NewParser()
	parsed, diags := parser.ParseHCLFile(path)
	if diags.HasErrors() {
		return nil, mistakes(diags)
	}
	f := &File{Path: path}
	if diags := gohcl.DecodeBody(parsed.Body, nil, f); diags.HasErrors() {
		return nil, mistakes(diags)
	}
	for i := range f.Cases {
		if err := f.Cases[i].check(filepath.Dir(path)); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func (c *Case) check(dir string) error {
	bad := func(at hcl.Range, what string) error {
		return fmt.Errorf("%s:%d: case %q: %s", at.Filename, at.Start.Line, c.Name, what)
	}
	refs, err := references(c.Input)
	if err != nil || len(refs) > 1 {
		return bad(c.Range, "input: write input.TYPE.NAME")
	}
	if len(refs) == 1 {
		c.input = refs[0]
	}
	c.at = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	if c.Time != "" {
		if c.at, err = time.Parse(time.RFC3339Nano, c.Time); err != nil {
			return bad(c.Range, "time: write it as in 2026-01-31T12:00:00Z")
		}
	}
	switch {
	case c.File != "" && c.Lines != nil:
		return bad(c.Range, "write lines or file, not both")
	case c.File == "" && c.Lines == nil:
		return bad(c.Range, "nothing comes in: write lines or file")
	case len(c.Expect) == 0 && c.Discarded == 0:
		return bad(c.Range, "nothing is expected: write expect {} for each record that comes out, or discarded = 1")
	}
	if c.File != "" && !filepath.IsAbs(c.File) {
		c.File = filepath.Join(dir, c.File)
	}
	for i := range c.Expect {
		e := &c.Expect[i]
		if e.to, err = references(e.To); err != nil {
			return bad(e.Range, "to: write [output.TYPE.NAME]")
		}
		if e.Partition != nil && c.Partitions <= 0 {
			return bad(e.Range, "partition: write how many there are into the case: partitions = 12")
		}
		if e.Value != nil && e.Fields != nil {
			return bad(e.Range, "write value, for the whole, or fields, for some of it")
		}
	}
	return nil
}

// references reads one reference, or a list of them, or their names in quotes.
func references(expr hcl.Expression) ([]string, error) {
	if expr == nil {
		return nil, nil
	}
	items := []hcl.Expression{expr}
	if list, diags := hcl.ExprList(expr); !diags.HasErrors() {
		items = list
	}
	out := []string{}
	for _, i := range items {
		if t, diags := hcl.AbsTraversalForExpr(i); !diags.HasErrors() {
			name := t.RootName()
			for _, step := range t[1:] {
				attr, ok := step.(hcl.TraverseAttr)
				if !ok {
					return nil, fmt.Errorf("no reference")
				}
				name += "." + attr.Name
			}
			out = append(out, name)
			continue
		}
		v, diags := i.Value(nil)
		if diags.HasErrors() {
			return nil, diags
		}
		if v.IsNull() {
			return nil, nil // it is not written
		}
		if v.Type() != cty.String {
			return nil, fmt.Errorf("no reference")
		}
		out = append(out, v.AsString())
	}
	return out, nil
}

// jsonOf returns a value as JSON would have it.
func jsonOf(v cty.Value) (any, error) {
	raw, err := ctyjson.Marshal(v, v.Type())
	if err != nil {
		return nil, err
	}
	var out any
	return out, json.Unmarshal(raw, &out)
}

// mistakes tells all that is wrong with a file, a line each.
func mistakes(diags hcl.Diagnostics) error {
	var errs []error
	for _, d := range diags {
		if d.Severity == hcl.DiagError && d.Subject != nil {
			errs = append(errs, fmt.Errorf(
				"%s:%d:%d: %s: %s", d.Subject.Filename, d.Subject.Start.Line, d.Subject.Start.Column,
				strings.ToLower(d.Summary), d.Detail,
			))
		}
	}
	if len(errs) == 0 {
		return diags
	}
	return errors.Join(errs...)
}
