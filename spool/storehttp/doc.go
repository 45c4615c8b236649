// Package storehttp owns the HTTP transport of object stores: one that turns a server which hangs
// into an error, and a connection that is closed into one that cannot pass for the end of anything.
//
// It owns what both clients of stores need beside it: request bodies that are not read any more
// once they are closed, and how often and when a request is made again. It also owns what must be
// true of the attributes that both have (config.go), and, for every other client, how a connection
// of HTTP/2 is seen to be dead (pings.go). Which failure passes, and all else of a store's
// protocol, it does not know.
package storehttp
