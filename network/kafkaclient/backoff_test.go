package kafkaclient

import (
	"testing"
	"time"
)

// Of a thousand agents that lose Kafka at once no more than a few come back in the same tenth of
// the wait.
func TestAgentsThatLoseKafkaAtOnceDoNotComeBackAtOnce(t *testing.T) {
	wait := RetryBackoff(time.Second)
	for _, n := range []int{1, 5, 50, 1000} {
		about := min(100*time.Millisecond<<min(n, 10), time.Second)
		tenths := map[time.Duration]int{}
		for range 1000 {
			d := wait(n)
			if d < about/2 || d > about*3/2 {
				t.Fatalf("after %d failures %v, about %v was to be waited", n, d, about)
			}
			tenths[d*10/about]++
		}
		for at, agents := range tenths {
			if agents > 400 {
				t.Errorf("after %d failures %d of 1000 agents wait %d tenths", n, agents, at)
			}
		}
	}
}
