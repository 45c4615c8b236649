// Package durable is how files come to be on disk: as a whole or not at all.
//
// It owns the order in which that is done, and never says where files lie, what is in them or who
// may read them. It is a leaf, which imports no other package of this module.
package durable
