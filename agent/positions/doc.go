// Package positions reads how far other programs have read their files, out of what they keep it
// in.
//
// It owns the formats of those files. What they tell becomes positions of input "tail" there, which
// knows how to find the files again. It writes nothing, and reads no log but to tell it from others
// by its first bytes.
package positions
