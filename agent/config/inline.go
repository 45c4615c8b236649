package config

import (
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// inlineFilter is a filter that stands within its pipeline.
type inlineFilter struct {
	id string
	at hcl.Range
}

// inlineFilters declares the filters that stand within a pipeline, and returns its body without
// them. They are called after the pipeline and their place: filter.parse.app.1, which no name of a
// filter can be.
func (l *loader) inlineFilters(b *hclsyntax.Block) (*hclsyntax.Body, []inlineFilter) {
	body := *b.Body
	body.Blocks = nil
	var out []inlineFilter
	for _, inner := range b.Body.Blocks {
		if inner.Type != string(Filter) {
			body.Blocks = append(body.Blocks, inner)
			continue
		}
		if len(inner.Labels) != 1 {
			typ := "parse"
			if len(inner.Labels) > 0 && l.cat.find(Filter, inner.Labels[0]) != nil {
				typ = inner.Labels[0]
			}
			l.report.errorf(
				inner.DefRange(),
				fmt.Sprintf(
					"Write %s\nOne with a name stands outside, and the pipeline names it: filter = [filter.%s.x]",
					inlineDeclaration(typ), typ,
				),
				"a filter within a pipeline takes its type alone",
			)
			continue
		}
		name := fmt.Sprintf("%s.%d", b.Labels[0], len(out)+1)
		l.instance(inner, inner.Labels[0], name)
		id := string(Filter) + "." + inner.Labels[0] + "." + name
		if l.broken[id] {
			continue
		}
		out = append(out, inlineFilter{id, inner.DefRange()})
	}
	return &body, out
}

// inOrder returns all filters of a pipeline in the order in which they are written: those of the
// attribute stand where it does.
func (d *decoder) inOrder(p *Pipeline, inline []inlineFilter) []string {
	var out []string
	named, written := hcl.Pos{}, false
	if attr := d.attrs["filter"]; attr != nil {
		named, written = attr.NameRange.Start, true
	}
	for _, f := range inline {
		d.refs = append(d.refs, Ref{From: d.owner, Path: "filter", Target: f.id, Range: f.at})
		if written && f.at.Start.Byte > named.Byte {
			out, written = append(out, p.Filter...), false
		}
		out = append(out, f.id)
	}
	if written {
		out = append(out, p.Filter...)
	}
	return slices.Clip(out)
}
