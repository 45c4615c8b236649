package main

import "testing"

// Lines end at a space where they are too long for a terminal, and go on indented; words are whole.
func TestStatusIsWrapped(t *testing.T) {
	const text = "web-1: All safe. output.kafka.events does not answer\n\n  to do: see that the network is there\n" +
		"  0123456789012345678901234567890123456789012345678901234567890123456789 x\n"
	if got := wrapAll(text, 0); got != text {
		t.Errorf("without a width:\n%s", got)
	}
	const want = `web-1: All safe. output.kafka.events does
    not answer

  to do: see that the network is there
  0123456789012345678901234567890123456789012345678901234567890123456789 x
`
	if got := wrapAll(text, 42); got != want {
		t.Errorf("\n%s\nwant\n%s", got, want)
	}
}
