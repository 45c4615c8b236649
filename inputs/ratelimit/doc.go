// Package ratelimit holds back whoever reads faster than a configuration allows.
//
// It owns the arithmetic of bytes and lines a second. It never waits and never drops: it tells when
// to read on, and how much at a time.
package ratelimit
