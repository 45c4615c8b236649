// Command release makes what is published, below bin/release: static binaries in archives,
// packages, an image, software bills of materials and checksums. The same commit makes the same
// bytes: each binary is built twice, the second time from another directory, with an empty cache.
//
//	release                            everything, of a commit without changes
//	release image -binary FILE         an image of one binary, for "make image"
//	release notice [-check]            NOTICE, from what is linked
//
// It is run by "make release", "make image", "make notice" and, for the check, by "make lint".
package main
