// Package fluentd turns fluentd's configurations, of v0.12 and v1, into pipelines.
//
// It owns the syntax of fluentd's files and what its plugins are in penstock. It evaluates no Ruby.
//
// Where things are: parse.go (the files), convert.go; source.go and tail.go; filter.go, retag.go,
// concat.go; parser.go, multiformat.go; output.go, archive.go. match.go says which events come to
// which output, kubernetes.go what is asked of pods.
package fluentd
