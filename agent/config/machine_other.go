//go:build !linux

package config

func holdsFiles(string) bool { return true }
