package spool

import "testing"

// What is moved to disk together is as large as can be, and memory stays near what is allowed,
// whether the log that has the most goes on or not.
func TestWhoMovesRecordsToDisk(t *testing.T) {
	const most, logs, step = 64 << 20, 6, 100 << 10
	for _, silent := range []int64{0, most / 4, most / 2} {
		b := newBudget(most, 1<<40)
		b.join().take(silent, 0)
		reading := make([]*account, logs)
		for i := range reading {
			reading[i] = b.join()
		}
		var moved, times int64
		for range 5000 {
			for _, a := range reading {
				a.take(step, 0)
				if a.overMemory() {
					moved, times = moved+a.memory, times+1
					a.take(-a.memory, 0)
				}
				if b.memory > most+most/8+logs*step {
					t.Fatalf("%d bytes, of which a silent log has %d", b.memory, silent)
				}
			}
		}
		if times == 0 {
			t.Fatalf("nothing was moved beside %d bytes of a silent log", silent)
		}
		// As many that grow alike have half of what the largest has.
		if mean := moved / times; silent == 0 && mean < most/logs*3/2 {
			t.Errorf("%d bytes at a time", mean)
		}
	}
}
