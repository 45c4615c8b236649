package e2e

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/cmd/penstock/e2e/servers"
	"github.com/twmb/franz-go/pkg/kadm"
)

// TestClusterHoldsThePromises runs edges in all modes before Apache Kafka with three brokers. These
// are killed, frozen and rolled; topics get partitions, other replicas, and second lives; rights
// are taken away, quotas bite, and the edges are killed. A reader of committed records, another
// client's, finds each line, once and in order, but for what README says of duplicates.
//
// It goes on for $PENSTOCK_TIME; what it does is given by the seed, though not to the
// millisecond.
func TestClusterHoldsThePromises(t *testing.T) {
	parallel(t)
	needs(t, "PENSTOCK_PYTHON", "Python with confluent-kafka")
	rng := runtest.Rand(t)
	lasting := runtest.Span(t, 150*time.Second)
	w := newClusterWorld(t)
	exact, exactBuffer := `delivery = "exactly_once"`, ""
	if rng.IntN(2) == 0 {
		exactBuffer = "buffer { spill = true }"
	}
	if rng.IntN(2) == 0 { // otherwise the position goes with the topic, when that is deleted
		exact += "\n  position_topic = \"positions\""
	}
	t.Logf("edge-exact: %s\n%s", exact, exactBuffer)
	hasty := "\n  request_timeout = \"3s\"\n  delivery_timeout = \"5s\""
	modes := []struct{ name, output, pipeline string }{
		{"default", "", ""},
		{"keyed", "key = \"${field.ms}\" # of 97" + hasty, ""},
		{"exact", exact, exactBuffer},
		{"spill", hasty, "buffer { spill = true }"},
	}
	for _, m := range modes {
		config := replaceAll(
			clusterConfig, "MODE", m.output, "BUFFER", m.pipeline,
			"BROKERS", strings.Join(w.c.SecuredAddrs(), `", "`), "USER", servers.ClusterUser,
			"PASSWORD", servers.ClusterPassword,
		)
		e := newClusterEdge(t, rng, "edge-"+m.name, config, w.c.Addrs())
		if e.exact = m.name == "exact"; m.name == "keyed" {
			e.key = "ms"
		}
		w.edges = append(w.edges, e)
	}
	w.prepare(rng)
	worst := slowest(t)

	ctx, cancel := context.WithTimeout(t.Context(), lasting)
	defer cancel()
	lanes := []func(context.Context, *rand.Rand) error{w.brokers, w.admin}
	for _, e := range w.edges {
		lanes = append(lanes, e.killing)
	}
	ended := make(chan error, len(lanes))
	for i, lane := range lanes {
		rng := rand.New(rand.NewPCG(rng.Uint64(), uint64(i)))
		go func() { ended <- lane(ctx, rng) }()
	}
	var err error
	for range lanes {
		one := <-ended
		if one != nil {
			cancel()
		}
		err = errors.Join(err, one)
	}
	if err != nil {
		t.Fatal(err)
	}
	w.finish()
	// A position that waits is stored within a second; on a busy machine its turn comes late.
	margin := 3*time.Second + 3*worst()
	t.Logf(
		"what was appended up to %v before a kill may not have been known to be",
		margin.Round(time.Millisecond),
	)
	for _, e := range w.edges {
		w.check(e, margin)
	}
}

// prepare makes the topics, gives the edges' user its rights and lets everything run.
func (w *clusterWorld) prepare(rng *rand.Rand) {
	w.t.Helper()
	user := "User:" + servers.ClusterUser
	allow := kadm.NewACLs().
		Allow(user).
		AllowHosts("*").
		Operations(kadm.OpAll).
		ResourcePatternType(kadm.ACLPatternPrefixed)
	for _, acl := range []*kadm.ACLBuilder{
		kadm.NewACLs().Allow(user).AllowHosts("*").Operations(kadm.OpRead).ResourcePatternType(kadm.ACLPatternLiteral).Topics("positions"),
		allow.Topics("edge-").Groups("penstock.").TransactionalIDs("penstock."),
	} {
		err := w.insist("allow", func(ctx context.Context) error {
			_, err := w.adm.CreateACLs(ctx, acl)
			return err
		})
		if err != nil {
			w.t.Fatal(err)
		}
	}
	if err := w.create("positions", 1); err != nil {
		w.t.Fatal(err)
	}
	for _, e := range w.edges {
		partitions := 1 + rng.IntN(4)
		w.t.Logf("%s has %d partitions", e.name, partitions)
		if err := errors.Join(w.create(e.name, partitions), e.follow()); err != nil {
			w.t.Fatal(err)
		}
		e.agent.start()
		e.write()
	}
}

// finish lets everything arrive in a cluster that is whole, and ends the edges and the readers.
func (w *clusterWorld) finish() {
	w.t.Helper()
	pause(w.t.Context(), time.Second)
	var err error
	for _, e := range w.edges {
		err = errors.Join(err, e.rest())
	}
	for _, e := range w.edges {
		err = errors.Join(err, e.settled(w.t.Context(), 2*time.Minute))
	}
	for _, e := range w.edges {
		if code := e.agent.terminate(30 * time.Second); code != 0 {
			w.t.Errorf("%s: exit code %d after SIGTERM", e.name, code)
		}
	}
	for _, e := range w.edges {
		err = errors.Join(err, e.reader.end(time.Minute))
	}
	if err != nil {
		w.t.Error(err)
	}
}

// check counts what an edge's topic holds against what its apps wrote.
func (w *clusterWorld) check(e *clusterEdge, margin time.Duration) {
	w.t.Helper()
	var x excuse
	if !e.exact {
		x = excuse{kills: e.kills, margin: margin}
		for _, f := range w.faults {
			if f.edge == nil || f.edge == e {
				x.faults = append(x.faults, f.span)
			}
		}
	}
	calm := 0 // kills that no fault makes an excuse of more for
	for _, k := range e.kills {
		alone := true
		for _, f := range w.faults {
			alone = alone && !((f.edge == nil || f.edge == e) && f.meets(k, margin))
		}
		if alone {
			calm++
		}
	}
	bySource, total := e.written()
	b, v := e.ledger.Check(bySource), judge(e.arrivals, x)
	unkilled := 0 // faults in which nothing may come again
	for _, f := range w.faults {
		if f.edge == nil || f.edge == e {
			unkilled++
			for _, k := range e.kills {
				if f.meets(k, margin) {
					unkilled--
					break
				}
			}
		}
	}
	w.t.Logf(
		"%s: %d lines, %d kills (%d without a fault), %d faults without a kill, %d lives: %d lost, %d repeated, %d out of order; %d repeated as the README says",
		e.name, total, len(e.kills), calm, unkilled, e.life, b.Lost, v.repeated, v.disordered,
		v.excused,
	)
	if b.Lost != 0 || e.ledger.Strange() != 0 {
		w.t.Errorf("%s: %d lost, %d strange: %v", e.name, b.Lost, e.ledger.Strange(), b.Notes)
	}
	if v.repeated != 0 || v.disordered != 0 {
		w.t.Errorf(
			"%s: %d repeated, %d out of order:\n%s", e.name, v.repeated, v.disordered,
			strings.Join(v.notes, "\n"),
		)
	}
	if len(e.kills) == 0 || total < 1000 {
		w.t.Errorf("%s: %d lines and %d kills show nothing", e.name, total, len(e.kills))
	}
}
