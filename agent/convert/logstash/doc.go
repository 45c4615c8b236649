// Package logstash turns Logstash's pipelines into a configuration of penstock.
//
// It owns the grammar of those files, what their inputs, filters and outputs mean, and their
// conditions, which become those of filters and routes. Events are objects with the line as
// message.
package logstash
