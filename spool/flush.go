package spool

// Flush has each log's cut made and archived as soon as the one before is, whatever the roll
// policies say. It does not wait. Safe for concurrent use.
func (a *Archiver) Flush() { a.flushes.Add(1) }
