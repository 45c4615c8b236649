package outputs

import "context"

type overflow struct{}

func (r *drain) runFailover(ctx context.Context) error { return r.flyLog(ctx, r.out.send, nil) }
func validPrefix(string) error { return nil }
