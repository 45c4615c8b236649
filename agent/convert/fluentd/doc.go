// Package fluentd turns fluentd's configurations, of v0.12 and v1, into pipelines.
//
// It owns the syntax of fluentd's files and what its plugins are in penstock. It evaluates no Ruby.
package fluentd
