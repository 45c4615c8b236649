// Package certtest makes certificates for tests: an authority, and what it issues, as PEM files in
// a directory.
//
// It is for tests alone; nothing in it is fit for a real server.
package certtest
