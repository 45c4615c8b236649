// Package stdin is the input that reads lines from the standard input, until it ends.
//
// It owns nothing but the reading: it never closes the standard input, nor changes its mode.
package stdin
