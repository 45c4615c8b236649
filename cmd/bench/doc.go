// Command bench measures penstock against its building blocks on the same work in the same run:
// lines and MB per second, CPU seconds per million lines, peak memory. Each measured program is a
// process of its own, as is the broker.
//
// A second table shows what an agent costs while lines come at a steady rate: CPU, resident memory,
// what goes to disk, latency from the write of a line to its consumer. Any other agent can be put
// beside penstock there:
//
//	bin/bench -only steady -agent 'fluent-bit=fluent-bit -c cmd/bench/agents/fluent-bit.conf' \
//	    -agent 'Vector=vector --dangerously-allow-env-var-interpolation \
//	    --config cmd/bench/agents/vector.yaml'
//
// The folder agents has the configurations that were measured.
//
// A third says what an agent costs to which nothing comes, a fourth how long one needs from its
// start until the consumer has the first record: -only quiet, -only '^start'.
//
// A fifth says what filters cost, -only '^filters', beside any other agent that reads the lines of
// the file LOGS to its end through what it has for FILTER (untouched, drop, cri, json, nginx,
// regex; none: the lines alone), throws them away and ends.
//
// It is a program to look at, never a test: the figures of a small, shared machine are noisy, the
// ratios less so.
package main
