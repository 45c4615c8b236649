// Package msgpacktest makes msgpack of all kinds for tests, in all the forms that a sender may
// write, those that are longer than need be included.
//
// It owns no fixed cases, and is never linked into the program.
package msgpacktest
