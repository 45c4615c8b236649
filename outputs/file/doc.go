// Package file appends records to a local file and rotates it. A record counts as delivered once it
// is synced to disk.
//
// It owns the file and its rotated predecessors. It is for people and for other programs that
// follow a file; partitioned files that are written exactly once are the output "local".
package file
