// Package dialect says what the names in templates mean for a record: one dialect for topics, keys,
// indices, fields and the paths of objects. It owns the names and their documentation; the syntax
// belongs to package template.
//
// It never looks at a clock, and never decides what becomes of a record that lacks a part.
package dialect
