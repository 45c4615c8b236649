// Package local keeps objects as files of a directory: the output "local", and a store for failover
// and archives.
//
// It owns everything below its directory's ".penstock", where files are written before they are
// renamed into place. Each object is a plain file named by its key, whole or absent, and synced to
// disk before Put returns. It never follows a key or a symbolic link out of the directory.
package local
