package demo

import (
	"context"
	"fmt"
	"io"
	"net"
	"strconv"

	"github.com/twmb/franz-go/pkg/kfake"
)

// Serve runs a broker alone at host:port until ctx is done, for trying: topics are made when they
// are asked for and are gone with it.
func Serve(ctx context.Context, address string, out io.Writer) error {
	host, portText, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("address of the broker: %w", err)
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil || host != "127.0.0.1" && host != "localhost" {
		return fmt.Errorf("address of the broker: %q is not 127.0.0.1:PORT", address)
	}
	b, err := StartBroker(3, nil, kfake.Ports(int(port)), kfake.AllowAutoTopicCreation())
	if err != nil {
		return err
	}
	defer b.Close()
	if _, err := fmt.Fprintln(out, "a Kafka broker for trying, in memory, at", b.Addr()); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}
