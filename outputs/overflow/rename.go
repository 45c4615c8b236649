package overflow

import (
	"context"
	"log/slog"
	"slices"
)

const replayHint = "bring them back with penstock replay --from and the store's output,"

// logBase says where the overflow is if that is not where today's names have it.
func (f *Controller) logBase() {
	n := f.note()
	if where := n.Stranded(f.Config.To); where != "" {
		LogStranded(f.slog, where, "failover.to is "+f.Config.To+" now")
	}
	switch {
	case !n.Stored() || n.Base == "" || f.moving == nil || n.To != f.Config.To:
	case f.base != f.own:
		f.slog.Warn(
			"the agent, the output or the prefix was renamed while records wait in the overflow: they are replayed from where they are, and what is moved before that is done goes there too",
			"prefix", f.base, "then", f.own,
			"do", "nothing; the new names are used once nothing waits",
		)
	}
}

// leaveStore remembers where objects are when failover.to has come to name another store.
func (f *Controller) leaveStore(ctx context.Context) error {
	n := f.note()
	if !n.isStranded(f.Config.To) && !slices.Contains(n.Left, place{f.base, f.Config.To}) {
		return nil
	}
	if err := f.moving.annotate(ctx, func(n *Note) { n.move(f.base, f.Config.To) }); err != nil {
		return err
	}
	kept := f.note().Left
	for _, p := range n.Left {
		if p != (place{f.base, f.Config.To}) && !slices.Contains(kept, p) {
			LogStranded(f.slog, p.String(), "too many stores were left: this one is not told again")
		}
	}
	return nil
}

// LogStranded says that records wait where this output does not look.
func LogStranded(log *slog.Logger, where, why string) {
	log.Error(
		"records of this log wait in an overflow that this output does not use any more: they are not replayed",
		"where", where, "reason", why,
		"do", "restore the failover block as it was, or "+replayHint+" --prefix and --agent as the first parts of the prefix have them, and then penstock buffer forget --overflow",
	)
}

// rebase goes over to today's names once nothing is under those of then, and nobody is at work
// there.
func (f *Controller) rebase(ctx context.Context) {
	if f.base == f.own || f.moving == nil || f.note().Stored() || f.onReconcile != nil ||
		f.onObjects != nil ||
		f.onLog != nil && f.onLog.kind == StateOverflow {
		return
	}
	f.slog.Info("nothing waits under the names of before any more", "prefix", f.base, "now", f.own)
	f.base, f.moving.base, f.replay.Base = f.own, f.own, f.own
	f.failing.Advise(f.advice())
	f.startReconciling(ctx) // an earlier life may have left something there
}

func (f *Controller) advice() string {
	return "check that it is reachable, and that this agent may list, read, write and delete under " + f.base
}
