// Package joining makes one record of several, in front of a buffer.
//
// A Joiner stands between one input and the buffer, and does what filters of type multiline say:
// which lines belong together is told by package inputs/join, and what is a line of a record by
// package filter. What it holds back is stored in the buffer, among the input's positions, in the
// same transaction as the records that are appended and the position after the parts that are held.
// So the position may move beyond parts that nobody has delivered, whoever sends may be answered
// at once, and a crash between two parts neither loses nor repeats any: the next Joiner begins with
// what is stored. What outputs read is joined; they know nothing of it.
//
// It holds no record that is complete, and what it holds has bounds. It waits for
// nothing but the buffer.
//
// Where things are:
//
//   - the Joiner, who may call it when, and time: joiner.go
//   - one batch, from what came to what is appended and stored: transaction.go
//   - what is held of one key: slot.go
//   - the form of what is stored, and what becomes of it without a Joiner: stored.go
package joining
