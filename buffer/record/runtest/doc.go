// Package runtest is what a run of the tests is told from outside: its seed, its length, and where
// its logs go. It owns the names of the variables, which are the same for all packages:
//
//   - PENSTOCK_SEED=7 repeats what a random test did that printed this seed.
//   - PENSTOCK_INTEGRATION=1 runs the long forms, as `make integration` does.
//   - PENSTOCK_LOG=1 shows on stderr what the parts under test log.
//   - PENSTOCK_KEEP=/tmp/it keeps configuration and log of an agent whose test failed.
//   - PENSTOCK_KILLS, PENSTOCK_HISTORIES, PENSTOCK_STEPS and PENSTOCK_FAULTS say how often an
//     agent is killed, how many histories of files are written, how many steps a model takes, and
//     how many kinds of faults each request to a store meets.
//   - PENSTOCK_TIME=10m is how long a cluster, a broker or an outage goes on.
//   - PENSTOCK_BACKLOG=5000 is how many MiB of backlog are on disk.
//
// Golden files are written anew with the flag -update. Servers that tests run against have
// variables of their own, and tests are skipped without them: PENSTOCK_KAFKA_BROKERS,
// PENSTOCK_S3_ENDPOINT, PENSTOCK_GCS_ENDPOINT, and what .ci/integration installs and names.
//
// It starts and cleans up nothing, and knows nothing of what is tested.
package runtest
