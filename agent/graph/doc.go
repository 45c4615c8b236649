// Package graph draws a configuration: what goes from which inputs through which filters to which
// outputs.
//
// It owns the forms of the drawing: text, Mermaid, DOT and SVG, and for the last where everything
// stands. It reads a checked configuration,
// and shows names, tag patterns and references alone: no value that might be a secret.
package graph
