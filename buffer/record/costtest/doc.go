// Package costtest measures what a message costs: N bytes of it at most four times N of memory, and
// time in proportion to N, whatever is in it.
//
// It owns the measures, of a process too, and the bounds; the packages that decode own the
// messages. It never knows what is decoded.
package costtest
