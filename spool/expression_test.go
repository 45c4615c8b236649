package spool

import (
	"testing"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/template"
)

// fakeExpression is one that looks at what its text says.
type fakeExpression string

func (e fakeExpression) Uses(name string) bool { return string(e) == name }

func (e fakeExpression) Append(
	dst []byte, _ *record.Batch, _ *record.Record, agent string,
) ([]byte, error) {
	return append(dst, e...), nil
}

// A changed expression makes other paths, and one that names the agent names made by each agent.
func TestAnExpressionIsPartOfTheFingerprint(t *testing.T) {
	compile := func(text string) (template.Expression, error) { return fakeExpression(text), nil }
	hash := func(text, agent string) string {
		c := Default()
		var err error
		if c.Path, err = template.Parse("a/${expr(\""+text+"\")}", compile); err != nil {
			t.Fatal(err)
		}
		return c.hash(agent, "", "")
	}
	if hash("tag", "a") == hash("origin", "a") {
		t.Error("two expressions have one fingerprint")
	}
	if hash("tag", "a") != hash("tag", "b") {
		t.Error("members of a group have two fingerprints for an expression without the agent")
	}
	if hash("agent", "a") == hash("agent", "b") {
		t.Error("two agents have one fingerprint for an expression with the agent in it")
	}
}
