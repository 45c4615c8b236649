// Package cases tests a configuration by cases that stand beside it: lines that come in, and what
// is expected to become of them.
//
// It owns the files *.test.hcl, the comparison and the report. What becomes of a record is told by
// the agent's own input, filters, routes and templates; nothing is started and nobody is reached.
package cases
