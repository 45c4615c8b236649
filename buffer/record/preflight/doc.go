// Package preflight is how components tell, before anything is started, whether what they would
// talk to will serve them. It holds the contract (Checker), what they find (Report), and what to do
// about the failures of networks and TLS that all of them meet.
//
// It never says what is worth looking at: each component does, beside its code, and brings its own
// client but for the plainest looks, at a directory (directory.go) or a port (connect.go). It is a
// leaf, which imports no other package of this module.
package preflight
