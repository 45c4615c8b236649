// Package graph draws a configuration: what goes from which inputs through which filters to which
// outputs.
//
// It owns the three forms of the drawing: text, Mermaid and DOT. It reads a checked configuration,
// and shows names, tag patterns and references alone: no value that might be a secret.
package graph
