package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock/penstock/network/wire"
	"github.com/tinylib/msgp/msgp"
)

const (
	chunkEvents = 5000
	chunks      = 8 // different ones, sent in turn
	onTheWay    = 4 // unacknowledged chunks per client
	eventSize   = 200
)

// forwardClients is the workload "forward-client": it prepares its chunks, waits for a line, sends
// n records over the given number of connections and ends when all are acknowledged.
func forwardClients(addr string, clients int, n int64) error {
	var payloads [chunks][]byte
	for i := range payloads {
		payloads[i] = packedEvents(int64(i) * chunkEvents)
	}
	conns := make([]net.Conn, clients)
	for i := range conns {
		var err error
		if conns[i], err = net.Dial("tcp", addr); err != nil {
			return err
		}
		defer conns[i].Close()
	}
	fmt.Println("ready")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return err
	}
	var left atomic.Int64
	left.Store(n)
	var wg sync.WaitGroup
	errc := make(chan error, clients)
	for i, c := range conns {
		wg.Go(func() { errc <- sendChunks(c, i, &payloads, &left) })
	}
	wg.Wait()
	close(errc)
	for err := range errc {
		if err != nil {
			return err
		}
	}
	fmt.Println("done")
	_, _ = io.Copy(io.Discard, os.Stdin) // until the parent has seen it
	return nil
}

func sendChunks(c net.Conn, client int, payloads *[chunks][]byte, left *atomic.Int64) error {
	sent := make(chan string, onTheWay)
	acked := make(chan error, 1)
	go func() {
		acks := wire.NewAckReader(c)
		for chunk := range sent {
			if got, err := acks.Next(); err != nil || got != chunk {
				_ = c.Close()
				for range sent {
				}
				acked <- fmt.Errorf("ack %q for chunk %q: %w", got, chunk, err)
				return
			}
		}
		acked <- nil
	}()
	var err error
	for i := 0; err == nil; i++ {
		rest := left.Add(-chunkEvents) + chunkEvents
		if rest <= 0 {
			break
		}
		payload := payloads[(client+i)%chunks]
		if rest < chunkEvents {
			payload = packedEventsN(0, int(rest))
		}
		id := fmt.Sprintf("%d-%d", client, i)
		head := msgp.AppendString(
			msgp.AppendArrayHeader(nil, 3), fmt.Sprintf("app.client-%d", client),
		)
		head = append(
			head, 0xc6, byte(len(payload)>>24), byte(len(payload)>>16), byte(len(payload)>>8),
			byte(len(payload)),
		)
		tail := msgp.AppendString(msgp.AppendString(msgp.AppendMapHeader(nil, 1), "chunk"), id)
		bufs := net.Buffers{head, payload, tail}
		if _, err = bufs.WriteTo(c); err == nil {
			sent <- id
		}
	}
	close(sent)
	if aerr := <-acked; aerr != nil {
		return aerr
	}
	return err
}

func packedEvents(from int64) []byte { return packedEventsN(from, chunkEvents) }

// packedEventsN returns n events of 200 bytes, as a shipper of container logs sends them.
func packedEventsN(from int64, n int) []byte {
	var b []byte
	for seq := from; seq < from+int64(n); seq++ {
		start := len(b)
		b = msgp.AppendArrayHeader(b, 2)
		b, _ = wire.AppendEventTime(b, time.Now().UnixNano())
		b = msgp.AppendMapHeader(b, 5)
		b = msgp.AppendInt64(msgp.AppendString(b, "seq"), seq)
		b = msgp.AppendString(msgp.AppendString(b, "stream"), "stdout")
		b = msgp.AppendString(msgp.AppendString(b, "pod"), fmt.Sprintf("items-%05x", seq%31))
		b = msgp.AppendFloat64(msgp.AppendString(b, "ms"), float64(seq%97)+0.5)
		text := fmt.Sprintf(
			"GET /api/v1/items/%d 200 user=u-%d trace=%016x%016x ", seq%1000, seq%10007,
			uint64(seq)*0x9e3779b97f4a7c15, uint64(seq),
		)
		for len(text) < eventSize-6-(len(b)-start) {
			text += "agent=Mozilla/5.0 (X11; Linux x86_64) "
		}
		text = text[:eventSize-6-(len(b)-start)]
		b = msgp.AppendString(msgp.AppendString(b, "log"), text)
	}
	return b
}

// forwardSink is the workload "forward-sink": it takes chunks without a look at their events,
// acknowledges them, and says so when it has taken n records.
func forwardSink(n int64) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer l.Close()
	fmt.Println(l.Addr())
	var left atomic.Int64
	left.Store(n)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				r := msgp.NewReaderSize(c, 256<<10)
				for {
					size, err := takeChunk(r, c)
					if err != nil {
						return
					}
					if after := left.Add(-size); after <= 0 && after+size > 0 {
						fmt.Println("done")
					}
				}
			}()
		}
	}()
	_, _ = io.Copy(io.Discard, os.Stdin)
	return nil
}

func takeChunk(r *msgp.Reader, w io.Writer) (size int64, err error) {
	if _, err := r.ReadArrayHeader(); err != nil {
		return 0, err
	}
	if err := r.Skip(); err != nil { // the tag
		return 0, err
	}
	length, err := r.ReadBytesHeader()
	if err != nil {
		return 0, err
	}
	if _, err := io.CopyN(io.Discard, r, int64(length)); err != nil {
		return 0, err
	}
	options := map[string]any{}
	if err := r.ReadMapStrIntf(options); err != nil {
		return 0, err
	}
	size, _ = options["size"].(int64)
	if chunk, ok := options["chunk"].(string); ok {
		_, err = w.Write(
			msgp.AppendString(msgp.AppendString(msgp.AppendMapHeader(nil, 1), "ack"), chunk),
		)
	}
	return size, err
}
