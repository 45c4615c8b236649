// Package filebeat turns Filebeat's configuration into one of penstock.
//
// It owns what inputs, parsers, processors with their conditions, and the output mean. Events are
// objects with the line as message, as Filebeat sends them, unless its output takes the message out
// again.
package filebeat
