// Package starter makes a first configuration from a few answers, for "penstock init".
//
// It owns the questions, which answers are needed for which, and the text with its comments. It
// reads and writes no file, asks nobody, and checks no answer: validating what it makes is the
// business of package config.
package starter
