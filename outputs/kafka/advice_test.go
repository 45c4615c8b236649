package kafka

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
)

// Who is told that brokers refuse is not sent to look at addresses, which they have answered at.
func TestAdviceAboutBrokersThatAnswer(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{fmt.Errorf("partition 3: %w", kerr.OutOfOrderSequenceNumber), "look into the brokers' logs"},
		{kerr.NotEnoughReplicas, "bring the topic's replicas back"},
		{syscall.ECONNREFUSED, "see that the server runs"},
	} {
		if got := advice(c.err); !strings.HasPrefix(got, c.want) {
			t.Errorf("%v: %q, want %q", c.err, got, c.want)
		}
	}
}
