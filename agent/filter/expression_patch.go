package filter

import (
	"fmt"
	"reflect"
	"strconv"

	"github.com/expr-lang/expr/ast"
)

// patcher turns field.a.b, header.x and tag[0] into calls, and notes what an expression looks at.
type patcher struct {
	paths  []*Path
	names  map[*ast.CallNode][]string
	record bool            // it looks at more than tag, origin and agent
	seen   map[string]bool // the names it looks at, such as origin
	value  bool            // it looks at the value as text
	err    error
}

func (p *patcher) sees(name string) {
	if p.seen == nil {
		p.seen = map[string]bool{}
	}
	p.seen[name] = true
}

func (p *patcher) fail(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf(format, args...)
	}
}

// Visit implements ast.Visitor. The inner nodes come first.
func (p *patcher) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		switch n.Value {
		case "$env":
			p.fail("$env cannot be used")
		case "tag", "origin", "agent":
			p.sees(n.Value)
		case "key", "time", "field", "header":
			p.sees(n.Value)
			p.record = true
		case "value":
			p.sees(n.Value)
			p.record, p.value = true, true
		}
	case *ast.MemberNode:
		p.member(node, n)
	case *ast.BinaryNode:
		if n.Operator == "matches" {
			if _, ok := n.Right.(*ast.StringNode); !ok {
				p.fail("the right side of matches must be a text in quotes")
			}
		}
	case *ast.CallNode:
		p.headers(node, n)
	case *ast.BuiltinNode:
		if n.Name == "reduce" {
			p.fail("unknown name reduce: it could make much of little")
		}
	case *ast.PredicateNode:
		ast.Walk(&n.Node, nested{p})
	}
}

// headers turns headers('labels.') into a call.
func (p *patcher) headers(node *ast.Node, n *ast.CallNode) {
	if of, ok := n.Callee.(*ast.IdentifierNode); !ok || of.Value != "headers" {
		return
	}
	if len(n.Arguments) == 1 {
		if prefix, ok := n.Arguments[0].(*ast.StringNode); ok {
			p.sees("header")
			p.record = true
			ast.Patch(node, call(getPrefix, &ast.StringNode{Value: prefix.Value}))
			return
		}
	}
	p.fail("write headers('labels.') for all whose names begin so")
}

// nested refuses what would make the time that a loop takes the product of two lengths.
type nested struct{ *patcher }

func (p nested) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.PredicateNode:
		p.fail("all, any, filter, map and the like cannot stand within one another")
	case *ast.CallNode:
		if id, ok := n.Callee.(*ast.IdentifierNode); ok && id.Value == getPrefix {
			p.fail("headers cannot be looked up again and again: write let x = headers('labels.'); before, and x here")
		}
		if p.names[n] != nil {
			p.fail(
				"a field cannot be looked up again and again: write let x = field.NAME; before, and x here",
			)
		}
	case *ast.IdentifierNode:
		if n.Value == "value" || n.Value == "field" {
			p.fail(
				"%s cannot be used again and again: write let x = %s; before, and x here", n.Value,
				n.Value,
			)
		}
	case *ast.BinaryNode:
		if n.Operator == "+" || n.Operator == ".." {
			p.fail("%s cannot be used again and again, for each element of a list", n.Operator)
		}
	}
}

func (p *patcher) member(node *ast.Node, n *ast.MemberNode) {
	inner := n.Node
	if chain, ok := inner.(*ast.ChainNode); ok {
		inner = chain.Node
	}
	var names []string
	switch of := inner.(type) {
	case *ast.IdentifierNode:
		switch of.Value {
		case "tag":
			if i, ok := wholeNumber(n.Property); ok {
				ast.Patch(node, call(getPart, &ast.IntegerNode{Value: i}))
				return
			}
			p.fail("write tag[0] for the first part of the tag, tag[-1] for the last")
			return
		case "header":
			name, ok := n.Property.(*ast.StringNode)
			if !ok {
				p.fail(`write header.NAME or header["NAME"]`)
				return
			}
			ast.Patch(node, call(getHeader, &ast.StringNode{Value: name.Value}))
			return
		case "field":
		default:
			return
		}
	case *ast.CallNode:
		if names = p.names[of]; names == nil {
			return
		}
	default:
		return
	}
	switch property := n.Property.(type) {
	case *ast.StringNode:
		names = append(names[:len(names):len(names)], property.Value)
	case *ast.IntegerNode:
		if property.Value < 0 {
			return // of a list, from its end
		}
		names = append(names[:len(names):len(names)], strconv.Itoa(property.Value))
	default:
		if len(names) == 0 {
			p.fail(`write field.NAME or field["NAME"]`)
		}
		return // an index that is worked out
	}
	if names[len(names)-1] == "" {
		p.fail("a field name must not be empty")
		return
	}
	c := call(getField, &ast.IntegerNode{Value: len(p.paths)})
	if p.names == nil {
		p.names = map[*ast.CallNode][]string{}
	}
	p.names[c] = names
	p.paths = append(p.paths, PathOf(names))
	ast.Patch(node, c)
}

func wholeNumber(n ast.Node) (int, bool) {
	if minus, ok := n.(*ast.UnaryNode); ok && minus.Operator == "-" {
		i, ok := wholeNumber(minus.Node)
		return -i, ok
	}
	i, ok := n.(*ast.IntegerNode)
	if !ok {
		return 0, false
	}
	return i.Value, true
}

func call(function string, args ...ast.Node) *ast.CallNode {
	return &ast.CallNode{
		Callee:    &ast.IdentifierNode{Value: function},
		Arguments: append([]ast.Node{&ast.IdentifierNode{Value: "$env"}}, args...),
	}
}

// alone returns the path of a node that is one field.
func (p *patcher) alone(node ast.Node) *Path {
	c, ok := node.(*ast.CallNode)
	if !ok || p.names[c] == nil {
		return nil
	}
	return PathOf(p.names[c])
}

// wholeObject turns field, where it is the whole object, into a call.
type wholeObject struct{ *patcher }

func (p wholeObject) Visit(node *ast.Node) {
	if n, ok := (*node).(*ast.IdentifierNode); ok {
		switch n.Value {
		case "field":
			ast.Patch(node, call(getAll))
		case "header":
			p.fail(`write header.NAME or header["NAME"]`)
		}
	}
}

// tolerant makes operators take what a record may lack: a comparison with it is false, and for the
// operators on text it is an empty one.
type tolerant struct{ *patcher }

func (p *tolerant) Visit(node *ast.Node) {
	n, ok := (*node).(*ast.BinaryNode)
	if !ok {
		return
	}
	switch n.Operator {
	case "<", "<=", ">", ">=":
		if !isDynamic(n.Left) && !isDynamic(n.Right) {
			return
		}
		left, right := n.Left, n.Right
		if n.Operator[0] == '>' {
			left, right = right, left
		}
		name := less
		if len(n.Operator) == 2 {
			name = lessEqual
		}
		ast.Patch(
			node,
			&ast.CallNode{
				Callee:    &ast.IdentifierNode{Value: name},
				Arguments: []ast.Node{left, right},
			},
		)
	case "contains", "startsWith", "endsWith", "matches":
		n.Left = asText(n.Left)
		if n.Operator != "matches" {
			n.Right = asText(n.Right)
		}
	}
}

func asText(n ast.Node) ast.Node {
	if !isDynamic(n) {
		return n
	}
	return &ast.CallNode{Callee: &ast.IdentifierNode{Value: textually}, Arguments: []ast.Node{n}}
}

// isDynamic reports whether the type of a node is known only when it is evaluated.
func isDynamic(n ast.Node) bool {
	if c, ok := n.(*ast.CallNode); ok {
		if id, ok := c.Callee.(*ast.IdentifierNode); ok {
			switch id.Value {
			case getField, getHeader:
				return true
			case textually, getPart:
				return false
			}
		}
	}
	t := n.Type()
	return t == nil || t.Kind() == reflect.Interface
}

// forget takes their types from calls once all is patched. The checker has run between the
// patchers, and looks into no call that has a type: nobody would find what is wrong there.
type forget struct{}

// Visit implements ast.Visitor.
func (forget) Visit(node *ast.Node) {
	if c, ok := (*node).(*ast.CallNode); ok {
		c.SetType(nil)
	}
}

// Reset and ShouldRepeat put it behind all patchers that do not have them.
func (forget) Reset() {}

func (forget) ShouldRepeat() bool { return false }
