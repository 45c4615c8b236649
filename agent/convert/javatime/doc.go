// Package javatime turns the date patterns of Java into those of strftime.
//
// It knows patterns alone, and never a time. What has no counterpart is an error.
package javatime
