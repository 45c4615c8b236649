// Package demo runs the whole of penstock on one machine with nothing installed. It has an embedded
// broker that can be taken away, an app that writes and rotates logs, the real binary between them,
// and a ledger that counts every line.
//
// It owns the parts that a demonstration and the end-to-end tests share. It is never used by an
// agent.
package demo
