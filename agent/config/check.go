package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// checkPipelines finds what is wrong between pipelines and components.
func (l *loader) checkPipelines() {
	owner := map[string]string{}
	for _, p := range l.cfg.Pipelines {
		l.checkPipeline(p, owner)
		p.positions = nil
	}
	if len(l.cfg.Pipelines) == 0 && l.report.Errors() == 0 {
		l.report.errorf(
			hcl.Range{}, l.newPipeline(), "there is no pipeline, so there is nothing to do",
		)
	}
	if l.report.Errors() == 0 {
		l.warnUnused()
	}
	l.checkPorts()
	l.checkReadTwice()
}

// newPipeline writes a pipeline of all there is, to be pasted.
func (l *loader) newPipeline() string {
	if len(l.cfg.Components) == 0 {
		return "penstock init writes a first configuration, from a few questions."
	}
	ids := func(kind Kind) string {
		var out []string
		held := map[string]bool{} // what another output refers to gets its records from there
		for _, c := range l.cfg.Components {
			for _, r := range c.Refs {
				held[r.Target] = true
			}
		}
		for _, c := range l.cfg.Components {
			if c.Component.Kind == kind && !held[c.ID()] {
				out = append(out, c.ID())
			}
		}
		if out == nil {
			out = []string{string(kind) + ".TYPE.NAME"}
		}
		return strings.Join(out, ", ")
	}
	return fmt.Sprintf(
		"Add one:\npipeline \"main\" {\n  from = [%s]\n  to   = [%s]\n}", ids(Input), ids(Output),
	)
}

func (l *loader) checkPipeline(p *Pipeline, owner map[string]string) {
	at := func(path string) hcl.Range { return p.positions.position(path) }
	if len(p.From) == 0 && p.positions.attrs["from"] != nil && !p.positions.failed["from"] {
		l.report.errorf(
			at("from"), "Write from = [input.TYPE.NAME].", "pipeline.%s reads no input", p.Name,
		)
	}
	if len(p.Outputs()) == 0 && !p.positions.failed["to"] && !p.positions.failed["otherwise"] &&
		len(p.Routes) == 0 {
		l.report.errorf(
			p.Range, "Write to = [output.TYPE.NAME], or a route.", "pipeline.%s has no output",
			p.Name,
		)
	}
	l.checkSources(p, owner)
	l.checkOverflow(p)
	l.checkRemoval(p)
	l.checkTwice(p)
	l.checkRest(p)
}

// checkSources parts the inputs of p into logs, which are read where they are, and others, which go
// through a buffer. owner says which pipeline is the first that names an input.
func (l *loader) checkSources(p *Pipeline, owner map[string]string) {
	at := func(path string) hcl.Range { return p.positions.position(path) }
	var sources, others []string
	for i, id := range p.From {
		path := fmt.Sprintf("from[%d]", i)
		inst := l.cfg.Find(id)
		other, taken := owner[id]
		switch {
		case taken && other == p.Name:
			l.report.errorf(at(path), "Remove one.", "%s is listed twice", id)
			continue
		case taken && inst != nil && inst.Component.Source:
			hint := "It is a log already, which keeps one position for each group: declare another input, with a group of its own, for this pipeline. Or add the outputs there."
			l.report.errorf(at(path), hint, "%s is read by pipeline.%s already", id, other)
			continue
		case taken:
			if p.Feeds == nil {
				p.Feeds = map[string]string{}
			}
			p.Feeds[id] = other
		default:
			owner[id] = p.Name
		}
		if inst != nil && inst.Component.Source {
			sources = append(sources, id)
		} else if inst != nil {
			others = append(others, id)
		}
	}
	p.Source = len(sources) > 0
	if len(sources) > 0 && len(others) > 0 {
		l.report.errorf(
			at("from"),
			fmt.Sprintf(
				"%s is a log already and is read where it is; %s goes through a buffer. Write two pipelines.",
				list(sources), list(others),
			),
			"pipeline.%s mixes inputs that need a buffer with inputs that have none",
			p.Name,
		)
	}
	if outs := p.Outputs(); p.Source && len(outs) > 1 {
		hint := "Progress is kept with the source, one position for each. Declare another input, with a group of its own, and another pipeline for " + list(
			outs[1:],
		) + "."
		l.report.errorf(
			p.Range, hint, "pipeline.%s has %d outputs, but what reads %s can have only one",
			p.Name, len(outs), list(sources),
		)
	}
	if p.Source {
		l.checkSource(p, sources, len(others) == 0)
	}
}

// checkSource reports what has no meaning for logs that are read where they are: alone is whether
// the pipeline reads nothing else.
func (l *loader) checkSource(p *Pipeline, sources []string, alone bool) {
	for _, id := range p.Outputs() {
		inst := l.cfg.Find(id)
		if inst == nil {
			continue
		}
		if c, ok := inst.Config.(needsBuffer); ok {
			if err := c.NeedsBuffer(); err != nil {
				l.report.errorf(
					p.Range, "", "pipeline.%s reads %s, which is a log already, and %s: %v", p.Name,
					list(sources), id, err,
				)
			}
		}
	}
	if block, ok := p.positions.where["buffer"]; ok && alone {
		l.report.errorf(
			block, "Remove the block.",
			"pipeline.%s has no buffer: %s is a log already and is read where it is", p.Name,
			list(sources),
		)
	}
	if d := p.positions; alone && d.attrs["latency_budget"] != nil {
		l.report.errorf(
			d.position("latency_budget"), "Remove the attribute.",
			"latency_budget has no meaning in pipeline.%s: %s is a log already and is read in batches",
			p.Name, list(sources),
		)
	}
}

func (l *loader) checkTwice(p *Pipeline) {
	for path, ids := range map[string][]string{"to": p.To, "filter": p.named, "otherwise": p.Otherwise} {
		for i, id := range ids {
			if slices.Index(ids, id) < i && id != "" {
				l.report.errorf(
					p.positions.position(fmt.Sprintf("%s[%d]", path, i)),
					"Remove one.", "%s is listed twice", id,
				)
			}
		}
	}
}

// checkRest looks at what becomes of records that no route takes.
func (l *loader) checkRest(p *Pipeline) {
	if p.MayLeaveUnrouted() && len(p.positions.failed) == 0 {
		const hint = "Add otherwise = [output.TYPE.NAME] for the rest, or the same as to for all"
		switch p.Unrouted {
		case UnroutedCount:
			l.report.warnf(
				p.Range, hint+`, or unrouted = "dead_letter".`,
				"pipeline.%s discards records that no route takes", p.Name,
			)
		case UnroutedError:
			l.report.errorf(
				p.positions.position("unrouted"), hint+", or a route with match = [\"**\"] and no if.",
				"some records of pipeline.%s may have no output: each of its routes has a condition",
				p.Name,
			)
		}
	}
	if len(p.Otherwise) > 0 && len(p.Routes) == 0 {
		l.report.errorf(
			p.positions.position("otherwise"), "Write to for all records, in the place of otherwise.",
			"otherwise has no meaning without a route",
		)
	}
}

// overflows is the configuration of a buffer.
type overflows interface {
	// Overflows reports whether a full buffer relies on the failover of the outputs.
	Overflows() bool
}

// checkOverflow finds outputs that would keep a full buffer full.
func (l *loader) checkOverflow(p *Pipeline) {
	c, ok := p.Buffer.(overflows)
	if !ok || p.Source || !c.Overflows() {
		return
	}
	var without, able []string
	for _, id := range p.Outputs() {
		inst := l.cfg.Find(id)
		if inst == nil || inst.positions == nil || inst.positions.hasFailed("failover") {
			return
		}
		if !slices.ContainsFunc(inst.Refs, func(r Ref) bool { return r.Path == "failover.to" }) {
			without = append(without, id)
			if inst.Component.has("failover") {
				able = append(able, id)
			}
		}
	}
	at := p.positions.position("buffer.when_full")
	hint := `Write when_full = "block": ` + list(without) + " can have no failover."
	if able != nil {
		hint = "Add failover { to = output.TYPE.NAME } to " + list(able) +
			`, or write when_full = "block".`
	}
	switch {
	case len(without) == 0:
	case len(without) == len(p.Outputs()):
		l.report.errorf(
			at, hint,
			"buffer.when_full: nothing can overflow: no output of pipeline.%s has a failover",
			p.Name,
		)
	default:
		l.report.warnf(
			at, hint,
			"pipeline.%s: buffer.when_full: %s has no failover: while it is behind, the buffer stays full and inputs wait",
			p.Name, list(without),
		)
	}
}

// needsBuffer is implemented by the configurations of outputs that may not be able to drain a
// source.
type needsBuffer interface {
	// NeedsBuffer returns why it must be a buffer that is drained, and what to write instead; nil
	// if any log will do.
	NeedsBuffer() error
}

// warnUnused tells of components that no pipeline reaches.
func (l *loader) warnUnused() {
	used := map[string]bool{}
	var use func(id string)
	use = func(id string) {
		if used[id] {
			return
		}
		used[id] = true
		if inst := l.cfg.Find(id); inst != nil {
			for _, r := range inst.Refs {
				use(r.Target)
			}
		}
	}
	for _, p := range l.cfg.Pipelines {
		for _, ids := range [][]string{p.From, p.Outputs(), p.Filter} {
			for _, id := range ids {
				use(id)
			}
		}
	}
	if a := l.cfg.Agent.Audit; a != nil {
		use(a.To)
	}
	for _, inst := range l.cfg.Components {
		if !used[inst.ID()] {
			l.report.warnf(
				inst.Range, "Name it in a pipeline, or remove it.", "%s is not used", inst.ID(),
			)
		}
	}
}
