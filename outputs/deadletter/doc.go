// Package deadletter holds the places that refused records are kept in: a directory, an object
// store, another output.
//
// It returns nil only for what is durable. It never refuses a record, and never takes one back:
// that is replay's.
package deadletter
