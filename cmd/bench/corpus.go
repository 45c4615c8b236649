package main

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"github.com/klauspost/compress/snappy"
	"github.com/penstock/penstock/cmd/penstock/demo"
)

// corpus is a file of lines of one kind, which differ in how well they compress.
type corpus struct {
	name   string
	file   string
	append func(dst []byte, r *rand.Rand, seq int64, t time.Time) []byte
}

var (
	// jsonLines are about 4 to 1 with snappy; what names no corpus is measured with them.
	jsonLines = corpus{"JSON", "corpus.log", func(dst []byte, _ *rand.Rand, seq int64, t time.Time) []byte {
		return demo.AppendLine(dst, "bench", seq, t)
	}}
	textLines   = corpus{"application log", "text.log", appendTextLine}
	randomLines = corpus{"random ids", "ids.log", appendRandomLine}
)

// messages are what applications say over and over.
var messages = []string{
	"INFO  [http-nio-8080-exec-%d] c.e.shop.web.OrderController       : Order accepted for customer, forwarding to payment service, attempt 1 of 3\n",
	"DEBUG [http-nio-8080-exec-%d] o.s.web.servlet.DispatcherServlet   : Completed 200 OK, headers={masked}, content type application/json;charset=UTF-8\n",
	"INFO  [scheduling-%d] c.e.shop.inventory.StockReconciler           : Stock reconciliation finished without differences, next run in 30 seconds\n",
	"WARN  [kafka-producer-%d] o.a.k.clients.producer.internals.Sender   : Got error produce response, retrying (2147483646 attempts left). Error: NOT_LEADER_OR_FOLLOWER\n",
	"DEBUG [HikariPool-%d housekeeper] com.zaxxer.hikari.pool.HikariPool : Pool stats (total=10, active=0, idle=10, waiting=0)\n",
}

// appendTextLine is about 6 to 1.
func appendTextLine(dst []byte, r *rand.Rand, _ int64, t time.Time) []byte {
	dst = t.AppendFormat(dst, "2006-01-02 15:04:05.000 ")
	dst = fmt.Appendf(dst, messages[r.IntN(len(messages))], r.IntN(16))
	return fmt.Appendf(dst[:len(dst)-1], " request=%08x took=%dms\n", r.Uint32(), r.IntN(900))
}

// appendRandomLine is what compresses worst of what is still text: identifiers, 1.5 to 1.
func appendRandomLine(dst []byte, r *rand.Rand, _ int64, t time.Time) []byte {
	dst = t.AppendFormat(dst, "2006-01-02T15:04:05.000Z")
	for range 3 {
		dst = fmt.Appendf(dst, " span=%016x parent=%016x", r.Uint64(), r.Uint64())
	}
	return append(dst, " sampled\n"...)
}

// ensure makes a file of n lines, or keeps the one that is there. ratio is what snappy makes of it,
// a batch at a time.
func (c corpus) ensure(path string, n int64) (size int64, ratio float64, err error) {
	mark := fmt.Sprintf("%s.%d", path, n)
	if text, err := os.ReadFile(mark); err == nil {
		if _, err := fmt.Sscan(string(text), &size, &ratio); err == nil {
			if st, err := os.Stat(path); err == nil && st.Size() == size {
				return size, ratio, nil
			}
		}
	}
	f, err := os.Create(path)
	if err != nil {
		return 0, 0, err
	}
	const batch = 256 << 10
	w := bufio.NewWriterSize(f, 1<<20)
	size, ratio = 0, 0
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	r := rand.New(rand.NewPCG(1, 2))
	var line, part, packed []byte
	squeezed := 0
	for i := range n {
		line = c.append(line[:0], r, i, start.Add(time.Duration(i)*time.Millisecond))
		if _, err := w.Write(line); err != nil {
			return 0, 0, err
		}
		size += int64(len(line))
		if part = append(part, line...); len(part) >= batch || i == n-1 {
			packed = snappy.Encode(packed[:cap(packed)], part)
			squeezed += len(packed)
			part = part[:0]
		}
	}
	ratio = float64(size) / float64(max(squeezed, 1))
	return size, ratio, errors.Join(
		w.Flush(), f.Close(), os.WriteFile(mark, fmt.Appendf(nil, "%d %g\n", size, ratio), 0o644),
	)
}
