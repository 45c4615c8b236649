// Package e2e holds penstock's promises against the real binary: it is built, run, killed with
// SIGKILL at random moments, deprived of its broker, its store and its disk, and every record is
// counted.
//
// The short forms run with `make test` against embedded servers; with PENSTOCK_INTEGRATION set
// (`make integration`) the long forms run too, and the same tests run against real servers. Random
// tests print their seed; PENSTOCK_SEED repeats one. PENSTOCK_KILLS, PENSTOCK_TIME,
// PENSTOCK_FAULTS and PENSTOCK_BACKLOG make some of them longer (buffer/record/runtest).
package e2e
