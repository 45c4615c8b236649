// Package dataformat is how what lies on disk and in stores tells the format it was written in, so
// that an earlier release refuses what it would misread.
//
// It owns the file that marks a directory, and the sentence of a refusal. Which formats there are,
// and when a number goes up, is decided by those who write them. A number goes up when a release
// writes what the one before it would misread, and then this release still reads all numbers below.
// It is a leaf.
package dataformat
