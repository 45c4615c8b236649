// Package lines is how the outputs stdout and file print records: it owns the three line formats
// and nothing else.
package lines
