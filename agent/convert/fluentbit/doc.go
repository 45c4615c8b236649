// Package fluentbit turns fluent-bit's configurations, classic and YAML, with their parsers, into a
// pipeline.
//
// It owns the syntax of fluent-bit's files and what its plugins are in penstock.
package fluentbit
