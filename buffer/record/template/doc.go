// Package template compiles config strings such as "${topic}/dt=${strftime("%Y-%m-%d")}" once, so
// that nothing is parsed per record. It owns the syntax; what a name means is the business of the
// component that renders the template.
//
// It never looks into a record and evaluates nothing by itself: who compiles a template hands in
// what compiles the expressions in it.
package template
