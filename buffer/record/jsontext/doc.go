// Package jsontext says what is JSON, where a text may be of any depth. It reads no values, and
// imports no other package of this module.
package jsontext
