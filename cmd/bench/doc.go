// Command bench measures penstock against its building blocks on the same work in the same run: lines and MB per second, CPU
// seconds per million lines, peak memory. Each measured program is a process of its own, as is the broker.
//
// It is a program to look at, never a test: the figures of a small, shared machine are noisy, the ratios less so.
package main
