// Package formats reads log lines of the usual formats: it takes a text apart into named values.
//
// It owns no record and no JSON text: what is found are slices of the text wherever possible, and
// the caller writes them where they belong. Parsers are pure, safe for concurrent use, and linear
// in the length of the text. A text of another format is an *Error with a reason from a short list,
// for people and for metrics.
//
// Where things are:
//
//   - the contract, and what is found: fields.go, alias.go (bytes as strings, uncopied)
//   - of programs: http.go (access logs), httperror.go, useragent.go, klog.go, postgres.go,
//     syslog.go, w3c.go, container.go (CRI and Docker)
//   - of their own making: csv.go, json.go, logfmt.go, pairs.go, query.go, regex.go, grok.go,
//     matcher.go (most expressions, without package regexp)
package formats
