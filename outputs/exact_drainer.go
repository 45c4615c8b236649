package outputs

// ExactlyOnce tells whether the Drainer asks its destination what it has committed of a log before it delivers.
func (d *Drainer) ExactlyOnce() bool { return d.to.transactor != nil }
