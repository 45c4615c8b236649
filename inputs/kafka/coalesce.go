package kafka

import (
	"context"
	"time"
)

// coalescer answers questions that are asked at about the same time with one request for all of
// them: a member that is given thousands of partitions would otherwise ask as often about the whole
// topic. Its fields are set before run, which answers until its context ends.
type coalescer[Q comparable, A any] struct {
	// every question has an answer, if there is no error
	ask       func(ctx context.Context, all []Q) (map[Q]A, error)
	questions chan question[Q, A]
}

type question[Q comparable, A any] struct {
	q      Q
	answer chan answer[A] // capacity 1
}

type answer[A any] struct {
	a   A
	err error
}

func newCoalescer[Q comparable, A any](
	ask func(context.Context, []Q) (map[Q]A, error),
) *coalescer[Q, A] {
	return &coalescer[Q, A]{ask: ask, questions: make(chan question[Q, A])}
}

// gather is how long the first question waits for others. Those that come while a request is under
// way travel together with the next one.
const gather = 5 * time.Millisecond

func (t *coalescer[Q, A]) run(ctx context.Context) {
	for {
		var asked []question[Q, A]
		select {
		case <-ctx.Done():
			return
		case q := <-t.questions:
			asked = append(asked, q)
		}
		timer := time.NewTimer(gather)
		for open := true; open; {
			select {
			case q := <-t.questions:
				asked = append(asked, q)
			case <-timer.C:
				open = false
			}
		}
		t.answer(ctx, asked)
	}
}

func (t *coalescer[Q, A]) answer(ctx context.Context, asked []question[Q, A]) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	all := make([]Q, 0, len(asked))
	seen := make(map[Q]bool, len(asked))
	for _, q := range asked {
		if !seen[q.q] {
			seen[q.q] = true
			all = append(all, q.q)
		}
	}
	answers, err := t.ask(ctx, all)
	for _, q := range asked {
		q.answer <- answer[A]{answers[q.q], err}
	}
}

// get returns the answer to q.
func (t *coalescer[Q, A]) get(ctx context.Context, q Q) (A, error) {
	own := question[Q, A]{q, make(chan answer[A], 1)}
	var none A
	select {
	case t.questions <- own:
	case <-ctx.Done():
		return none, ctx.Err()
	}
	select {
	case got := <-own.answer:
		return got.a, got.err
	case <-ctx.Done():
		return none, ctx.Err()
	}
}
