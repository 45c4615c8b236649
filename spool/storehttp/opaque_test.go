package storehttp

import (
	"errors"
	"fmt"
	"net/url"
	"testing"
)

func TestPlainLeavesOutTheRequest(t *testing.T) {
	cause := errors.New("connection refused")
	if got := Plain(&url.Error{Op: "Put", URL: "http://store/bucket/key", Err: cause}); got != cause {
		t.Errorf("%v", got)
	}
	whole := fmt.Errorf("after 3 attempts: %w", cause)
	if got := Plain(whole); got != whole {
		t.Errorf("%v", got)
	}
	if Plain(nil) != nil {
		t.Error("an error out of none")
	}
}
