package vector

import (
	"regexp"
	"strings"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/kit"
)

// leftOut is what cannot be carried over of a program. A block of which a statement cannot be is
// left out as a whole, and what a statement that is left out reads is not deleted: the rest alone
// would lose what it was to keep.
type leftOut struct {
	blocks map[string]string // why
	reads  map[string]bool
}

// program adds filters for a program. What has to be left out is found on drafts that nobody sees,
// until there is no more of it.
func (c *converter) program(id string, node *kit.Node, src, cond string) *program {
	left := leftOut{map[string]string{}, map[string]bool{}}
	run := func(c *converter) *program {
		g := &program{
			c: c, p: c.p, name: id, node: node, label: id, left: left,
			vars: map[string]string{}, outcomes: map[string]*outcome{},
			gone: map[string]string{}, strict: map[string]*draft.Block{},
		}
		g.run(src, cond)
		return g
	}
	for known := -1; known != len(left.blocks)+len(left.reads); {
		known = len(left.blocks) + len(left.reads)
		trial := *c
		trial.Conv = kit.New()
		trial.p = trial.Pipeline(id)
		run(&trial)
	}
	return run(c)
}

// lost tells of a statement that is left out.
func (g *program) lost(s, why string) {
	g.misses(s, why)
	g.c.D.Lost(g.p.Notes, g.node.At, g.label+": "+s, why)
}

// misses notes what a statement that is left out reads, and that its block lacks it.
func (g *program) misses(s, why string) {
	if g.within != "" && g.left.blocks[g.within] == "" {
		g.left.blocks[g.within] = s + ": " + why
	}
	if !strings.HasPrefix(s, "if ") && !strings.HasPrefix(s, "else ") {
		g.keep(s)
	}
}

var (
	readPath = regexp.MustCompile(`\.(?:[\w@]+|"[^"]*")(?:\.(?:[\w@]+|"[^"]*"))*`)
	readName = regexp.MustCompile(`[a-z_]\w*`)
	noPath   = regexp.MustCompile(`\bdel\([^()]*\)|r'(?:[^'\\]|\\.)*'`)
)

// keep notes the fields that statements read.
func (g *program) keep(src string) {
	for _, s := range statements(src) {
		g.keepOne(s)
	}
}

func (g *program) keepOne(s string) {
	if m := assigning.FindStringSubmatch(s); m != nil {
		s = m[2]
	}
	s = noPath.ReplaceAllString(s, "")
	for _, name := range readName.FindAllString(s, -1) {
		of := g.vars[name] + g.gone[name]
		for _, field := range kit.Asked([]string{of}) {
			g.left.reads[field] = true
		}
		if strings.HasPrefix(of, "\x00") {
			s += " " + of
		}
	}
	for _, p := range readPath.FindAllString(s, -1) {
		g.left.reads[plainPath(p)] = true
	}
}

// isKept reports whether something that is left out reads a field.
func (g *program) isKept(name string) bool {
	for read := range g.left.reads {
		if isPart(name, read) {
			return true
		}
	}
	return false
}

// isPart reports whether one of two fields stands in the other, or is it.
func isPart(a, b string) bool {
	a, b = strings.ReplaceAll(a, `\`, ""), strings.ReplaceAll(b, `\`, "")
	return a == b || strings.HasPrefix(a, b+".") || strings.HasPrefix(b, a+".")
}

// block adds what a block of a statement does, or leaves it out.
func (g *program) block(head, body string, run func()) {
	whole := head + " {" + body + "}"
	if why := g.left.blocks[whole]; why != "" {
		g.lost(whole, why)
		g.keep(body)
		return
	}
	outer := g.within
	g.within = whole
	run()
	g.within = outer
}

// remove adds what deletes a field. What has just parsed it takes it away itself, if it could.
func (g *program) remove(s, name, cond string) {
	b := g.last
	isRead := b != nil && b.Get("keep") == draft.Text(name) && g.after == len(g.p.Filters()) &&
		(cond == g.lastCond || cond == kit.And(g.lastCond, succeeded))
	switch {
	case g.isKept(name):
		g.lost(s, "what is left out reads it: delete it behind that")
		return
	case isRead:
		b.Unset("keep")
	default:
		if b := g.strict[name]; b != nil {
			b.Set("on_failure", draft.Text("mark"))
			cond = kit.And(cond, succeeded)
		}
		g.p.Filter("remove_fields", g.name, cond).Set("fields", draft.Texts(name))
	}
	g.carried(s)
	g.forget(name)
}

// outcome is what is known of a statement whose error a variable has.
type outcome struct {
	variable string       // that has what it gives, "" where a field has
	parses   *draft.Block // nil before it is there, and where nothing parses
}

const (
	succeeded = "header.parse_error == nil"
	failed    = "header.parse_error != nil"
)

var (
	catching = regexp.MustCompile(`^(\.(?:[\w.@]|"[^"]*")*|[a-z]\w*)\s*,\s*(\w+)\s*=[^=]`)
	// failing asks whether a statement before has failed.
	failing = regexp.MustCompile(`^([a-z]\w*)\s*(==|!=)\s*null$`)
	given   = regexp.MustCompile(`^(?:object!?\()?\s*([a-z]\w*)\s*\)?$`)
)

// isCall returns the call that a variable stands for, if it does.
func (g *program) isCall(variable string) (string, bool) {
	return strings.CutPrefix(g.vars[variable], "\x00")
}

// place adds what parses for a variable, where that is used.
func (g *program) place(variable, s, cond string) {
	before := g.last
	g.parse(s, cond)
	for _, o := range g.outcomes {
		if o.variable == variable && g.last != before {
			o.parses = g.last
		}
	}
}

// failure adds what is done where a statement has failed, and where it has not: what parses leaves
// a mark.
func (g *program) failure(test, err string, worksFirst bool, body, after, cond string) {
	otherwise := ""
	if rest, ok := strings.CutPrefix(after, "else"); ok {
		rest = strings.TrimSpace(rest)
		if !strings.HasPrefix(rest, "{") || !strings.HasSuffix(rest, "}") {
			g.lost("if "+test, "write filters with if = \""+failed+"\"")
			g.keep(body + "\n" + after)
			return
		}
		otherwise = rest[1 : len(rest)-1]
	}
	of := g.outcomes[err]
	works, fails := "if "+test+" ... else", "if "+test
	if worksFirst {
		works, fails = fails, works
		g.block(works, body, func() { g.works(of, body, cond) })
		body, otherwise = otherwise, body
	} else {
		g.block(works, otherwise, func() { g.works(of, otherwise, cond) })
	}
	if strings.TrimSpace(body) == "" {
		return
	}
	g.block(fails, body, func() {
		if of.parses == nil {
			g.misses(strings.TrimSpace(body), "nothing is known of what fails here")
			return
		}
		of.parses.Set("on_failure", draft.Text("mark"))
		outer := g.vars[err]
		g.vars[err] = "header.parse_error"
		g.run(body, kit.And(cond, failed))
		g.vars[err] = outer
	})
}

// works adds what is done where a statement has not failed. What takes over what it gives needs no
// condition.
func (g *program) works(of *outcome, body, cond string) {
	for _, s := range statements(body) {
		b, here, before := of.parses, cond, len(g.p.Filters())
		if b != nil {
			here = kit.And(cond, succeeded)
		}
		g.statement(s, here)
		isGiven := of.parses != nil
		if m := assigning.FindStringSubmatch(s); m != nil {
			isGiven = isGiven || strings.TrimSpace(m[2]) == of.variable
		}
		switch {
		case len(g.p.Filters()) == before:
		case b != nil:
			b.Set("on_failure", draft.Text("mark"))
		case !isGiven:
			g.misses(s, "nothing is known of what fails here")
		}
	}
}
