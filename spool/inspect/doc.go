// Package inspect looks at an archive from the outside: it lists, verifies and reads the objects
// that package spool has stored.
//
// It changes nothing, and takes nothing for granted that it could check: names, metadata and, when
// asked, contents.
package inspect
