package record

import "time"

// AgeBuckets are those of histograms of ages, in seconds: from what goes straight through to what
// waited for a day.
var AgeBuckets = []float64{
	0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600, 6 * 3600, 24 * 3600,
}

// Age returns how long ago the newest event of the batch was, by the records' times; 0 if it is yet
// to come, as by another host's clock. It is not known where there is no record, or no time.
func (b *Batch) Age(now time.Time) (age time.Duration, known bool) {
	if b.count == 0 || b.maxTime <= 0 {
		return 0, false
	}
	return max(now.Sub(time.Unix(0, b.maxTime)), 0), true
}
