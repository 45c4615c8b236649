package e2e

import (
	"time"

	"github.com/penstock/penstock/buffer/record/runtest"
)

// Through a kill, a rotation and an outage, each line is there once.
func exampleEdgeExactlyOnce(w *world) {
	b := w.broker()
	s3, store := w.s3("acme-overflow")
	ledger := w.read(b.Addr())
	w.write(500)
	ag := w.start(
		"edge.hcl",
		"edge",
		append(
			store, "kafka-1:9092", b.Addr(), "kafka-2:9092", b.Addr(), `recover = "30s"`,
			"recover = \"30s\"\n    object_age = \"1s\"",
		)...)
	w.complete(ledger)
	w.rotate(500)
	ag.kill()
	ag.start()
	w.complete(ledger)
	if err := b.Stop(); err != nil {
		w.Fatal(err)
	}
	w.rotate(500)
	runtest.Within(
		w.T, 30*time.Second, func() bool { return len(s3.keys(w.T, "acme-overflow")) > 0 },
		func() string { return "nothing overflows into S3" },
	)
	if err := b.Start(); err != nil {
		w.Fatal(err)
	}
	w.complete(ledger)
	runtest.Within(
		w.T, 30*time.Second, func() bool { return len(s3.keys(w.T, "acme-overflow")) == 0 },
		func() string { return "the overflow is not emptied" },
	)
	w.complete(ledger)
}
