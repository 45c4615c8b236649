// Package deadletter holds the places that refused records are kept in: a directory, an object
// store, another output.
//
//	refused --Keep--> durable --"penstock dead-letters replay"--> its output again
//
// It returns nil only for what is durable. It never refuses a record, and never takes one back:
// that is replay's.
package deadletter
