package kit

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/agent/convert/draft"
)

// Conv writes a draft out of nodes.
type Conv struct {
	D     *draft.Draft
	Agent *draft.Block

	prefixes []string // tags that are the first part of others
}

// New returns a draft that has an agent block.
func New() *Conv {
	c := &Conv{D: draft.New()}
	c.Agent = c.D.Add("agent")
	c.Agent.Set("data_dir", draft.Text("/var/lib/penstock"))
	return c
}

// Add adds a component, and says what it is made of.
func (c *Conv) Add(kind, typ, name string, of *Node) *draft.Block {
	b := c.D.Add(kind, typ, c.D.Name(kind, typ, name))
	if of != nil {
		c.D.Carried(of.At, of.Name)
		b.From(of.At)
	}
	return b
}

var variable = regexp.MustCompile(
	`\$\{(?:env:|ENV:)?([A-Za-z_][A-Za-z0-9_]*)(?::?-([^}]*)|:?\?[^}]*|:([^?}-][^}]*)|:)?\}`,
)

// Parts divides a text at references to the environment: ${X}, ${X:default}, ${X:-default},
// ${X-default}; ${X:?message} has no default.
func Parts(value string) []draft.Part {
	var out []draft.Part
	for {
		m := variable.FindStringSubmatchIndex(value)
		if m == nil {
			break
		}
		if m[0] > 0 {
			out = append(out, draft.Lit(value[:m[0]]))
		}
		otherwise := ""
		for _, i := range []int{4, 6} {
			if m[i] >= 0 {
				otherwise = value[m[i]:m[i+1]]
			}
		}
		out = append(out, draft.EnvPart(value[m[2]:m[3]], otherwise))
		value = value[m[1]:]
	}
	if value != "" || out == nil {
		out = append(out, draft.Lit(value))
	}
	return out
}

// Text is a text with references to the environment.
func Text(value string) draft.Value { return draft.Join(Parts(value)...) }

// Texts is a list of such texts.
func Texts(values []string) draft.Value {
	var out []draft.Value
	for _, v := range values {
		out = append(out, Text(v))
	}
	return draft.List(out...)
}

// Carry notes that a node was carried over.
func (c *Conv) Carry(n *Node) { c.D.Carried(n.At, n.Shown()) }

// User has an input ask for a user, as the settings with name and password say.
func (c *Conv) User(b *draft.Block, n *Node, name, password string) {
	user := n.Take(name)
	in, named := b.Add("auth").User(Parts(user.Value))
	c.Set(in, "password", n, password)
	if !named {
		c.Lost(in, user, draft.NoUser)
		return
	}
	c.Carry(user)
}

// Left notes that a setting is not in the draft.
func (c *Conv) Left(b *draft.Block, n *Node, why string) {
	n.Done()
	c.D.Left(b, n.At, n.Shown(), why)
}

// Lost is Left for what decides where data goes.
func (c *Conv) Lost(b *draft.Block, n *Node, why string) {
	n.Done()
	c.D.Lost(b, n.At, n.Shown(), why)
}

// Changed notes that a setting has another meaning now.
func (c *Conv) Changed(b *draft.Block, n *Node, why string) {
	n.Done()
	c.D.Changed(b, n.At, n.Shown(), why)
}

// Set sets an attribute to the text of a setting, if there is one.
func (c *Conv) Set(b *draft.Block, attr string, n *Node, names ...string) bool {
	x := n.Take(names...)
	if x == nil || x.Value == "" {
		return false
	}
	b.Set(attr, Text(x.Value))
	c.Carry(x)
	return true
}

// SetAlike is Set for what is the same for all records of an output: a setting in which varies
// stands, that each event has its own, is left out.
func (c *Conv) SetAlike(b *draft.Block, attr string, n *Node, varies *regexp.Regexp, name string) {
	if x := n.Take(name); x != nil && varies.MatchString(x.Value) {
		c.Lost(b, x, "there is one "+attr+" for all records of an output: "+routes)
		return
	}
	c.Set(b, attr, n, name)
}

// HeadersAlike sets the headers of requests in the same way.
func (c *Conv) HeadersAlike(b *draft.Block, h *Node, varies *regexp.Regexp) {
	var pairs []draft.Value
	for _, k := range h.Kids {
		if varies.MatchString(k.Value) {
			c.Lost(b, k, "headers are the same for all records of an output: "+routes)
			continue
		}
		pairs = append(pairs, Key(k.Key), Text(k.Value))
	}
	if pairs != nil {
		b.Set("headers", draft.Map(pairs...))
	}
	h.Done()
}

const routes = "write a route with an output for each"

// Flag sets an attribute to true if a setting is.
func (c *Conv) Flag(b *draft.Block, attr string, n *Node, names ...string) {
	if x := n.Take(names...); x != nil {
		if n.On(names...) {
			b.Set(attr, draft.Bool(true))
		}
		c.Carry(x)
	}
}

// Number sets an attribute to a whole number.
func (c *Conv) Number(b *draft.Block, attr string, n *Node, names ...string) {
	x := n.Take(names...)
	if x == nil {
		return
	}
	v, err := strconv.ParseInt(x.Value, 10, 64)
	if err != nil {
		c.Left(b, x, "it is no number that is known now")
		return
	}
	b.Set(attr, draft.Int(v))
	c.Carry(x)
}

// ParseDuration reads 10s, 5m, 1h, 2d or a number of units.
func ParseDuration(v string, unit time.Duration) (time.Duration, bool) {
	v = strings.ToLower(strings.TrimSpace(v))
	if d, err := time.ParseDuration(v); err == nil && v != "0" {
		return d, true
	}
	if days, ok := strings.CutSuffix(v, "d"); ok {
		v, unit = days, 24*time.Hour
	}
	n, err := strconv.ParseFloat(v, 64)
	return time.Duration(n * float64(unit)), err == nil
}

// Duration sets an attribute to a duration; 0 is left out.
func (c *Conv) Duration(
	b *draft.Block, attr string, n *Node, unit time.Duration, names ...string,
) {
	x := n.Take(names...)
	if x == nil {
		return
	}
	d, ok := ParseDuration(x.Value, unit)
	if !ok || d <= 0 {
		c.Left(b, x, "it is no time that is known now")
		return
	}
	b.Set(attr, draft.Duration(d))
	c.Carry(x)
}

// ParseSize reads 10, 10k, 10kb, 10MiB.
func ParseSize(v string) (int64, bool) {
	v = strings.TrimSuffix(strings.ToLower(strings.ReplaceAll(v, " ", "")), "b")
	v = strings.TrimSuffix(v, "i")
	unit := int64(1)
	for suffix, n := range map[string]int64{"k": 1 << 10, "m": 1 << 20, "g": 1 << 30} {
		if rest, ok := strings.CutSuffix(v, suffix); ok {
			v, unit = rest, n
			break
		}
	}
	n, err := strconv.ParseInt(v, 10, 64)
	return n * unit, err == nil && n > 0
}

// Size sets an attribute to a size.
func (c *Conv) Size(b *draft.Block, attr string, n *Node, names ...string) {
	x := n.Take(names...)
	if x == nil {
		return
	}
	size, ok := ParseSize(x.Value)
	if !ok {
		c.Left(b, x, "it is no size that is known now")
		return
	}
	b.Set(attr, draft.Size(size))
	c.Carry(x)
}

// Rest notes all settings below n that nothing was made of. harmless tells why some have no meaning
// any more, by their keys or by their names' ends.
func (c *Conv) Rest(b *draft.Block, n *Node, harmless map[string]string) {
	n.Unused(func(x *Node) {
		why := ""
		for name := x.Name; why == "" && name != ""; {
			if why = harmless[name]; why == "" {
				why = harmless[strings.ToLower(name)]
			}
			_, rest, ok := strings.Cut(name, ".")
			if !ok {
				break
			}
			name = rest
		}
		if why == "" {
			c.D.Unknown(b, x.At, x.Key, x.Shown())
			return
		}
		c.D.Left(b, x.At, x.Shown(), why)
	})
}

// Sweep notes all settings of files that no code has looked at.
func (c *Conv) Sweep(harmless map[string]string, roots ...*Node) {
	for _, root := range roots {
		var unused []*Node
		c.gather(root, &unused)
		for _, x := range unused {
			c.Rest(c.D.Nearest(x.At), &Node{Kids: []*Node{x}}, harmless)
		}
	}
}

// gather finds what no code has looked at, but for what is in sections that were left out.
func (c *Conv) gather(n *Node, unused *[]*Node) {
	for _, k := range n.Kids {
		switch {
		case k.Scalar && !k.used:
			*unused = append(*unused, k)
		case k.Scalar || !c.D.IsLeftAs(k.At, k.Name):
			c.gather(k, unused)
		}
	}
}

// SASL writes how to authenticate to Kafka.
func SASL(b *draft.Block, mechanism, user, password string) {
	s := b.In("sasl")
	s.Set("mechanism", draft.Text(strings.ToUpper(mechanism)))
	s.Set("username", Text(user))
	s.Set("password", Text(password))
}

// Brokers writes the brokers, or notes that there are none.
func (c *Conv) Brokers(b *draft.Block, at *Node, hosts []string) {
	var out []string
	for _, h := range hosts {
		for one := range strings.SplitSeq(h, ",") {
			if one = strings.TrimSpace(one); one != "" {
				out = append(out, one)
			}
		}
	}
	if out == nil {
		out = []string{"localhost:9092"}
		c.D.Lost(b, at.At, at.Name, "it names no brokers")
	}
	b.Set("brokers", Texts(out))
}

var jaas = regexp.MustCompile(`(username|password)\s*=\s*["']?([^"';\s]+)["']?`)

// JAAS returns user and password of a line of Java's.
func JAAS(line string) (user, password string) {
	for _, m := range jaas.FindAllStringSubmatch(line, -1) {
		if m[1] == "username" {
			user = m[2]
		} else {
			password = m[2]
		}
	}
	return user, password
}

// Delimiter sets what ends lines of input "tail", unless that is a newline.
func (c *Conv) Delimiter(b *draft.Block, n *Node, name string) {
	x := n.Take(name)
	if x == nil {
		return
	}
	switch end := strings.NewReplacer(`\n`, "\n", `\r`, "\r", `\t`, "\t").Replace(x.Value); end {
	case "", "\n":
	case "\x00", `\0`, `\u0000`:
		b.Set("line_end", draft.Text("nul"))
	default:
		b.Set("delimiter", draft.Text(end))
	}
	c.Carry(x)
}
