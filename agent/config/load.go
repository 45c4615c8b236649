package config

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// Options are what a configuration depends on besides its files.
type Options struct {
	Vars map[string]string           // --var name=value
	Env  func(string) (string, bool) // os.LookupEnv unless set
	// DataDir is used instead of the one that is written, where nothing is to be run: it need not
	// be this machine's.
	DataDir string
	// Stdin is read for the path -, which is none without it.
	Stdin io.Reader
	// Elsewhere is where nothing is to be run: what this machine lacks of what the configuration
	// names is a warning, and components that need it are not whole.
	Elsewhere bool
	// Admin is where the admin server may be started: its certificates are looked at.
	Admin bool
	// Unconnected is where nobody is connected to: files that this machine lacks and that only
	// connections need are not told of, and components are made without them.
	Unconnected bool
	// Unset returns what env() stands for where a variable of the environment is not set and has no
	// default: a mistake, unless it is given.
	Unset func(name string) string
}

const stdin = "<stdin>"

// Load reads files, and directories of *.hcl files, as one configuration. The Config is nil if the
// report holds errors.
func Load(paths []string, cat *Catalogue, opts Options) (*Config, *Report) {
	if opts.Env == nil {
		opts.Env = os.LookupEnv
	}
	report := newReport()
	report.elsewhere = opts.Elsewhere
	report.unconnected = opts.Unconnected
	l := &loader{
		report: report,
		cat:    cat,
		opts:   opts,
		broken: map[string]bool{},
		wrong:  map[string]bool{},
		scope: &scope{
			report:    report,
			env:       opts.Env,
			unset:     opts.Unset,
			variables: map[string]cty.Value{},
			locals:    map[string]cty.Value{},
			contexts:  map[string]*hcl.EvalContext{},

			expression: cat.Expression,
		},
		cfg: &Config{Agent: DefaultAgent()},
	}
	for _, file := range l.files(paths) {
		l.parse(file)
	}
	l.names()
	before := report.Errors()
	if l.agent(); report.Errors() == before && len(l.scope.syntax) == 0 {
		report.agent = &l.cfg.Agent
	}
	for _, b := range l.blocks {
		switch Kind(b.Type) {
		case Input, Output, Filter:
			l.component(b)
		}
	}
	for _, b := range l.blocks {
		if b.Type == "pipeline" {
			l.pipeline(b)
		}
	}
	if len(l.scope.syntax) == 0 {
		l.checkRefs()
		l.checkPipelines()
	}
	if !l.memorySet &&
		slices.ContainsFunc(l.cfg.Pipelines, func(p *Pipeline) bool { return p.Source }) {
		l.cfg.Agent.MemoryLimit = sourceMemory
	}
	l.cfg.Secrets = slices.Clone(report.sealed)
	report.validSubset = &Config{Agent: DefaultAgent()}
	if len(l.scope.syntax) == 0 {
		l.checkMachine()
		report.validSubset = l.validSubset()
	}
	if report.Errors() > 0 {
		return nil, report
	}
	l.cfg.Files = l.shown()
	return l.cfg, report
}

type loader struct {
	report *Report
	cat    *Catalogue
	opts   Options
	scope  *scope
	parsed []parsedFile
	blocks []*hclsyntax.Block
	refs   []Ref
	broken map[string]bool // components that were declared, but not well enough to exist
	wrong  map[string]bool // components with mistakes of their own
	cfg    *Config

	pipelines []*decoder // of cfg.Pipelines

	memorySet bool // agent.memory_limit is written
}

type parsedFile struct {
	path string
	body *hclsyntax.Body
}

func (l *loader) files(paths []string) []string {
	var out []string
	add := func(file string) { // one that is named twice is read once
		clean := filepath.Clean(file)
		if !slices.ContainsFunc(out, func(s string) bool { return filepath.Clean(s) == clean }) {
			out = append(out, file)
		}
	}
	for _, p := range paths {
		if p == "-" {
			if l.opts.Stdin == nil {
				l.report.errorf(
					hcl.Range{}, "Name a file, or a directory.",
					"a configuration on standard input is read by validate and graph alone",
				)
				continue
			}
			add(stdin)
			continue
		}
		info, err := os.Stat(p)
		if err != nil {
			l.report.errorf(hcl.Range{}, "", "%v", err)
			continue
		}
		if !info.IsDir() {
			add(p)
			continue
		}
		found, err := filepath.Glob(filepath.Join(p, "*.hcl"))
		found = slices.DeleteFunc(found, IsTestFile)
		if err != nil || len(found) == 0 {
			l.report.errorf(
				hcl.Range{}, "Name a file, or a directory with at least one file *.hcl.",
				"no *.hcl files in %s", p,
			)
		}
		for _, f := range found {
			add(f)
		}
	}
	return out
}

// IsTestFile tells files of test cases, which lie beside a configuration and are no part of it.
func IsTestFile(path string) bool { return strings.HasSuffix(path, ".test.hcl") }

func (l *loader) parse(file string) {
	var src []byte
	var err error
	if file == stdin {
		src, err = io.ReadAll(l.opts.Stdin)
	} else {
		src, err = os.ReadFile(file)
	}
	if err != nil {
		l.report.errorf(hcl.Range{}, "", "%v", err)
		return
	}
	l.report.sources[file] = src
	l.report.has = l.cat.has
	parsed, diags := hclsyntax.ParseConfig(src, file, hcl.InitialPos)
	l.report.addSyntax(file, src, diags)
	if diags.HasErrors() {
		l.scope.syntax = append(l.scope.syntax, file)
	}
	if parsed == nil {
		return
	}
	body, ok := parsed.Body.(*hclsyntax.Body)
	if !ok {
		return
	}
	l.parsed = append(l.parsed, parsedFile{file, body})
	for _, attr := range sortedAttributes(body) {
		hint := didYouMean(attr.Name, topLevel)
		if attr.Name == "agent" {
			hint = "Write it without the equals sign: " +
				l.report.blockOf("agent", reflect.TypeFor[Agent](), attr.Expr)
		} else if slices.Contains(topLevel, attr.Name) {
			hint = "It is a block: " + l.headed(&hclsyntax.Block{Type: attr.Name})
		} else if _, block := l.report.home(attr.Name, attr.Expr); block != "" {
			hint = "It belongs into a block: " + block
		} else if g := hintForName("agent", attr.Name); g != "" {
			hint = g + " It belongs into agent { }."
		}
		l.report.errorf(
			attr.NameRange, hint,
			"the attribute %q stands outside of any block", attr.Name,
		)
	}
	labels := map[string]int{
		"agent":    0,
		"variable": 1,
		"locals":   0,
		"input":    2,
		"output":   2,
		"filter":   2,
		"pipeline": 1,
	}
	for _, b := range body.Blocks {
		want, known := labels[b.Type]
		switch {
		case !known:
			hint := hintForBlock(b.Type)
			if hint == "" {
				hint = didYouMean(b.Type, topLevel)
			}
			l.report.errorf(b.TypeRange, hint, "unknown block %q", b.Type)
			continue
		case len(b.Labels) != want:
			l.report.errorf(
				b.DefRange(), "Write "+l.headed(b), "%s takes %d labels, not %d",
				b.Type, want, len(b.Labels),
			)
			continue
		}
		bad := false
		for i, label := range b.Labels {
			if !hclsyntax.ValidIdentifier(label) {
				bad = true
				l.report.errorf(
					b.LabelRanges[i], "Use letters, digits, _ and -, and begin with a letter.",
					"%q cannot be a name", label,
				)
			}
		}
		if !bad {
			l.blocks = append(l.blocks, b)
			if kind := Kind(b.Type); want == 2 && l.report.declared[kind] == "" {
				l.report.declared[kind] = strings.Join([]string{b.Type, b.Labels[0], b.Labels[1]}, ".")
			}
		}
	}
}

var topLevel = []string{"agent", "filter", "input", "locals", "output", "pipeline", "variable"}

// headed writes a block with the labels that it takes, as many of its own as there are.
func (l *loader) headed(b *hclsyntax.Block) string {
	name := "main"
	typ := map[string]string{"input": "tail", "output": "kafka", "filter": "parse"}[b.Type]
	for _, label := range b.Labels {
		if typ != "" && l.cat.find(Kind(b.Type), label) != nil {
			typ = label
		} else if hclsyntax.ValidIdentifier(label) {
			name = label
		}
	}
	switch b.Type {
	case "agent":
		return `agent { data_dir = "/var/lib/penstock" }`
	case "locals":
		return `locals { team = "shop" }`
	case "variable":
		return fmt.Sprintf("variable %q { default = \"shop\" }", name)
	case "pipeline":
		return braced(fmt.Sprintf("pipeline %q", name), []string{
			"from = [input.tail.app]", "to   = [output.kafka.events]",
		})
	}
	return declaration(Kind(b.Type), typ, name)
}

// names evaluates variables and locals.
func (l *loader) names() {
	var locals []*hclsyntax.Attribute
	first := map[string]hcl.Range{}
	for _, b := range l.blocks {
		switch b.Type {
		case "variable":
			if l.duplicate(first, "variable."+b.Labels[0], b) {
				continue
			}
			l.scope.addVariable(b, l.opts.Vars)
			clear(l.scope.contexts)
		case "locals":
			locals = append(locals, sortedAttributes(b.Body)...)
			for _, inner := range b.Body.Blocks {
				l.report.errorf(inner.DefRange(), "Write "+inner.Type+" = {}, without a block", "locals have no blocks")
			}
		}
	}
	l.scope.addLocals(locals)
	for _, name := range slices.Sorted(maps.Keys(l.opts.Vars)) {
		if _, ok := l.scope.variables[name]; !ok && len(l.scope.syntax) == 0 {
			l.report.errorf(
				hcl.Range{}, didYouMean(name, keys(l.scope.variables)),
				"--var %s: there is no variable of this name", name,
			)
		}
	}
}

func (l *loader) duplicate(first map[string]hcl.Range, name string, b *hclsyntax.Block) bool {
	at, dup := first[name]
	if !dup {
		first[name] = b.DefRange()
		return false
	}
	l.report.errorf(
		b.DefRange(), "Give it another name, or remove one.", "%s is declared already, at %s:%d",
		name, at.Filename, at.Start.Line,
	)
	return true
}

func (l *loader) agent() {
	first := map[string]hcl.Range{}
	a := &l.cfg.Agent
	d := newDecoder(l.scope, "agent", hcl.Range{})
	for _, b := range l.blocks {
		if b.Type == "agent" && !l.duplicate(first, "agent", b) {
			d.where[""] = b.DefRange()
			d.body(b.Body, b.DefRange(), "agent", "", reflect.ValueOf(a).Elem())
		}
	}
	if l.opts.DataDir != "" {
		a.DataDir = l.opts.DataDir
	}
	if a.Name == "" {
		name, err := hostname()
		if err != nil {
			l.report.errorf(d.where[""], `Write agent { name = "web-1" }`, "%v", err)
		}
		a.Name = name
	}
	l.memorySet = d.attrs["memory_limit"] != nil
	d.validate(a)
	if l.opts.Admin {
		d.place(a.Admin.checkTLS(), "", false, false)
	}
	l.refs = append(l.refs, d.refs...)
}

func (l *loader) component(b *hclsyntax.Block) { l.instance(b, b.Labels[0], b.Labels[1]) }

// instance decodes the component that a block declares.
func (l *loader) instance(b *hclsyntax.Block, typ, name string) {
	kind := Kind(b.Type)
	id := b.Type + "." + typ + "." + name
	comp := l.cat.find(kind, typ)
	if comp == nil {
		l.broken[id] = true
		l.report.errorf(
			b.LabelRanges[0], unknownType(l.cat, kind, typ), "there is no %s of type %q", kind, typ,
		)
		return
	}
	for _, other := range l.cfg.Components {
		if other.ID() == id {
			l.report.errorf(
				b.DefRange(), "Give it another name, or remove one.",
				"%s is declared already, at %s:%d", id, other.Range.Filename,
				other.Range.Start.Line,
			)
			return
		}
	}
	inst := &Instance{Component: comp, Name: name, Config: comp.Default(), Range: b.DefRange()}
	before := l.report.amiss()
	structs := []reflect.Value{reflect.ValueOf(inst.Config).Elem()}
	if comp.Common != nil {
		inst.Common = comp.Common()
		structs = append(structs, reflect.ValueOf(inst.Common).Elem())
	}
	d := newDecoder(l.scope, id, b.DefRange())
	d.body(b.Body, b.DefRange(), id, "", structs...)
	d.validate(inst.Config)
	if inst.Common != nil {
		d.validate(inst.Common)
		if w, ok := inst.Config.(commonWarner); ok && l.report.amiss() == before &&
			len(d.failed) == 0 {
			d.place(w.WarningsWith(inst.Common), "", true, false)
		}
	}
	inst.Refs, inst.positions = d.refs, d
	l.wrong[id] = l.report.amiss() > before || len(d.failed) > 0
	l.refs = append(l.refs, d.refs...)
	l.cfg.Components = append(l.cfg.Components, inst)
}

func unknownType(cat *Catalogue, kind Kind, typ string) string {
	all := cat.types(kind)
	hint := fmt.Sprintf("The types of %s are %s.", kind, list(all))
	if g := hintForType(kind, typ); g != "" {
		return g + "\n" + hint
	}
	if s := nearest(typ, all); s != "" {
		return fmt.Sprintf("Did you mean %q? ", s) + hint
	}
	for _, other := range []Kind{Input, Output, Filter} {
		if other != kind && cat.find(other, typ) != nil {
			return fmt.Sprintf("%q is %s. ", typ, article(string(other))) + hint
		}
	}
	return hint
}

func (l *loader) pipeline(b *hclsyntax.Block) {
	for _, other := range l.cfg.Pipelines {
		if strings.EqualFold(other.Name, b.Labels[0]) {
			l.report.errorf(
				b.DefRange(), "Give it another name, or remove one.",
				"pipeline.%s is declared already, at %s:%d", other.Name, other.Range.Filename,
				other.Range.Start.Line,
			)
			return
		}
	}
	p := &Pipeline{
		Name:          b.Labels[0],
		Range:         b.DefRange(),
		Buffer:        l.cat.Buffer(),
		Unrouted:      UnroutedCount,
		LatencyBudget: DefaultLatencyBudget,
	}
	d := newDecoder(l.scope, "pipeline."+p.Name, b.DefRange())
	body, inline := l.inlineFilters(b)
	d.body(body, b.DefRange(), "pipeline."+p.Name, "", reflect.ValueOf(p).Elem())
	p.named = p.Filter
	p.Filter = d.inOrder(p, inline)
	d.validateAt(p, "")
	d.validateAt(p.Buffer, "buffer")
	for i, r := range p.Routes {
		for j, pattern := range r.Match {
			if _, err := CompileTags([]string{pattern}); err != nil {
				d.report.errorf(
					d.position(fmt.Sprintf("route[%d].match[%d]", i, j)),
					`Write "app.*" for one part, "app.**" for all below, "{a,b}" for either.`, "%v",
					err,
				)
			}
		}
		l.checkRoute(d, r, fmt.Sprintf("route[%d]", i))
	}
	l.refs = append(l.refs, d.refs...)
	l.cfg.Pipelines = append(l.cfg.Pipelines, p)
	p.positions = d
	l.pipelines = append(l.pipelines, d)
}

func (l *loader) checkRoute(d *decoder, r Route, path string) {
	if len(r.Match) == 0 && d.attrs[path+".match"] != nil {
		d.report.errorf(
			d.position(path+".match"), `Write "**" for all tags.`, "match lists no pattern",
		)
	}
	if len(r.Match) == 0 && r.If == "" && d.attrs[path+".match"] == nil && !d.failed[path+".if"] {
		d.report.errorf(
			d.where[path],
			`Write match = ["app.**"] for tags, if = "field.level == 'error'" for records, or both.`,
			"the route says neither match nor if",
		)
	}
	if r.If != "" && l.cat.Condition != nil {
		if err := l.cat.Condition(r.If); err != nil {
			d.report.errorf(
				d.position(path+".if"), `For example: if = "field.level == 'error'"`, "if %v", err,
			)
		}
	}
}

func (l *loader) componentNames() []string {
	var out []string
	for _, c := range l.cfg.Components {
		out = append(out, c.ID())
	}
	slices.Sort(out)
	return out
}
