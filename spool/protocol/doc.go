// Package protocol is the heart of the archiver: which commit, upload or read-back comes next, and
// which may not. It is a state machine without I/O, clocks or goroutines, so that the archiver and
// the simulation that checks it run the same code.
//
// With C the committed position of a log, a cut [C, E) is archived in three steps:
//
//  1. commit (C, intent{start: C, end: E, config, files, records, digest}): the position does not
//     move;
//  2. upload every file of the cut, under names that are a function of the log, the partition
//     path, C and E;
//  3. commit (E, no intent).
//
// A log that is deleted and made again has the same name, and its positions repeat. So names are
// also a function of its life, which the note holds from the first intent on.
//
// Whoever finds an intent makes exactly that cut again from the log and goes on with step 2.
// Commits are fenced by the log. A commit of unknown outcome is read back, and sent again until it
// is known to hold: nothing is uploaded before.
//
// Clock and Frontier tell which time partitions are complete, from event times of which no single
// one is believed.
//
// If records of [C, E) are gone (retention) when an intent is made good, what remains is uploaded
// under names that are not taken yet. An object that is there came from the whole cut and is never
// overwritten with less. The loss is reported.
package protocol
