package forward

import (
	"fmt"
	"net"
	"testing"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/inputs"
	"github.com/penstock/penstock/inputs/inputstest"
	"github.com/penstock/penstock/network/wire"
)

func TestConformance(t *testing.T) {
	inputstest.Conformance(t, inputstest.Acknowledged, func(t testing.TB) inputstest.Driver {
		return &inputstest.Socket{
			New: func(env inputs.Env) (inputstest.Listener, error) {
				cfg := Default()
				cfg.Listen = "127.0.0.1:0"
				return New(cfg, env)
			},
			Write: writeChunk,
		}
	})
}

// writeChunk sends values as one chunk and waits for its ack.
func writeChunk(nc net.Conn, values []string) error {
	p := wire.Packer{}
	p.Reset("t", "")
	for _, v := range values {
		p.Append(&record.Record{Time: 1e18, Value: fmt.Appendf(nil, `{"message":%q}`, v)})
	}
	message, err := p.Message("c")
	if err != nil {
		return err
	}
	if _, err := nc.Write(message); err != nil {
		return err
	}
	_, err = wire.NewAckReader(nc).Next()
	return err
}
