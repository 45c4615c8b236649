// Package timepattern turns the patterns of times of Ruby, C, Rust, Go and the like into those that
// penstock takes.
//
// It owns what they differ in. Patterns of Java are those of package javatime.
package timepattern
