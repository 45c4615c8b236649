package agent

import (
	_ "embed"
	"fmt"

	"github.com/penstock/penstock/agent/config"
	"github.com/penstock/penstock/agent/filter"
	"github.com/penstock/penstock/buffer"
	"github.com/penstock/penstock/inputs"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/drain"
)

// Component is a row of the catalogue: what a type of component is called, configured with and made
// by. One of the constructors is set, according to the kind.
type Component struct {
	config.Component
	input  func(cfg any, env inputs.Env) (inputs.Input, error)
	source func(cfg any, env inputs.Env) (inputs.Source, error)
	output func(
		cfg any, common *outputs.Common, env outputs.Env, t drain.Targets,
	) (outputs.Output, error)
	filter func(cfg any, env filter.Env) (filter.Filter, error)
}

// examples is a block of each kind and type, as the reference shows it.
//
//go:embed examples.hcl
var examples string

// Catalogue is every component there is.
type Catalogue []Component

// Config returns the catalogue as the config decoder wants it.
func (c Catalogue) Config() *config.Catalogue {
	out := &config.Catalogue{
		Buffer:     func() any { d := buffer.Default(); return &d },
		Condition:  filter.CheckCondition,
		Expression: filter.CompileText,
		Examples:   examples,
	}
	for i := range c {
		out.Components = append(out.Components, c[i].Component)
	}
	return out
}

func (c Catalogue) find(kind config.Kind, typ string) (*Component, error) {
	for i := range c {
		if c[i].Kind == kind && c[i].Type == typ {
			return &c[i], nil
		}
	}
	return nil, fmt.Errorf("there is no %s of type %q", kind, typ)
}

func row[C any](kind config.Kind, typ, doc string, def func() C) Component {
	return Component{Component: config.Component{
		Kind: kind, Type: typ, Doc: doc, Default: func() any { c := def(); return &c },
	}}
}

// InputType describes an input that goes through a buffer.
func InputType[C any, I inputs.Input](
	typ, doc string, def func() C, build func(C, inputs.Env) (I, error),
) Component {
	c := row(config.Input, typ, doc, def)
	c.input = func(cfg any, env inputs.Env) (inputs.Input, error) { return build(*cfg.(*C), env) }
	return c
}

// SourceType describes an input that is a log already.
func SourceType[C any, S inputs.Source](
	typ, doc string, def func() C, build func(C, inputs.Env) (S, error),
) Component {
	c := row(config.Input, typ, doc, def)
	c.Source = true
	c.source = func(cfg any, env inputs.Env) (inputs.Source, error) { return build(*cfg.(*C), env) }
	return c
}

// OutputType describes an output that drains logs by itself.
func OutputType[C any, O outputs.Output](
	typ, doc string, def func() C, build func(C, outputs.Env) (O, error),
) Component {
	c := row(config.Output, typ, doc, def)
	c.output = func(
		cfg any, _ *outputs.Common, env outputs.Env, _ drain.Targets,
	) (outputs.Output, error) {
		return build(*cfg.(*C), env)
	}
	return c
}

// ArchiveType describes an output that archives, and may have its dead letters elsewhere.
func ArchiveType[C any, O outputs.Output](
	typ, doc string, def func() C, build func(C, outputs.Env) (O, error),
) Component {
	c := OutputType(typ, doc, def, build)
	c.Common = func() any { return &outputs.ArchiveCommon{} }
	return c
}

func commonConfig() any { c := outputs.DefaultCommon(); return &c }

// WriterType describes an output made of a Writer and the shared drain loop.
func WriterType[C any, W outputs.Writer](
	typ, doc string, def func() C, build func(C, outputs.Env) (W, error),
) Component {
	return drained(typ, doc, def, build, func(
		w W, common outputs.Common, env outputs.Env, t drain.Targets,
	) (outputs.Output, error) {
		return drain.NewOutput(w, common, env, t)
	})
}

// AsyncWriterType describes an output made of an AsyncWriter and the shared drain loop.
func AsyncWriterType[C any, W outputs.AsyncWriter](
	typ, doc string, def func() C, build func(C, outputs.Env) (W, error),
) Component {
	return drained(typ, doc, def, build, func(
		w W, common outputs.Common, env outputs.Env, t drain.Targets,
	) (outputs.Output, error) {
		return drain.NewAsyncOutput(w, common, env, t)
	})
}

func drained[C, W any](
	typ, doc string, def func() C, build func(C, outputs.Env) (W, error),
	wrap func(W, outputs.Common, outputs.Env, drain.Targets) (outputs.Output, error),
) Component {
	c := row(config.Output, typ, doc, def)
	c.Common = commonConfig
	c.output = func(
		cfg any, common *outputs.Common, env outputs.Env, t drain.Targets,
	) (outputs.Output, error) {
		w, err := build(*cfg.(*C), env)
		if err != nil {
			return nil, err
		}
		return wrap(w, *common, env, t)
	}
	return c
}

// FilterType describes a filter.
func FilterType[C any, F filter.Filter](
	typ, doc string, def func() C, build func(C, filter.Env) (F, error),
) Component {
	c := row(config.Filter, typ, doc, def)
	c.Common = func() any { return &filter.Common{} }
	c.filter = func(cfg any, env filter.Env) (filter.Filter, error) { return build(*cfg.(*C), env) }
	return c
}

// costs says what a filter costs, for a record of about 170 bytes of JSON, on one core.
func (c Component) costs(text string) Component {
	c.Cost = text
	return c
}
