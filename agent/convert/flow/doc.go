// Package flow puts a pipeline together out of configurations in which events find their way by
// tag. The first output that matches takes an event, and a filter sees what no output before it has
// taken.
//
// It owns that translation into filters with conditions and routes, and what the dialects of such
// tools have in common: regular expressions of Ruby, patterns of tags. It knows no tool's syntax.
package flow
