// Package stdout prints records on standard output. It keeps no state: a record counts as delivered
// once it is written to the pipe or terminal, which does not mean that anybody has read it.
package stdout
