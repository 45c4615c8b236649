// Package tlsconf holds the TLS blocks that components share, and turns them into tls.Configs that
// take up changed certificate files at the next handshake.
//
// It owns no connection and starts no goroutine: files are looked at when a handshake needs them.
//
// The blocks are in tlsconf.go; files.go watches certificates and keys.
package tlsconf
