//go:build !linux

package agent

// dropProgramPages is for Linux alone.
func dropProgramPages() {}
