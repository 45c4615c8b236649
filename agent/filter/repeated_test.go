package filter

import (
	"fmt"
	"testing"
)

// Of a name that stands twice in an object some readers take the first, and some the last: what has
// to be changed is changed in all, and none goes.
func TestNamesThatStandTwice(t *testing.T) {
	email := RedactConfig{
		Presets: []string{"email"}, Replace: "***", Fields: []string{"m", "user.mail", "list.1.m"},
	}
	rewrites(t, redact(email), [][2]string{
		{`{"m":"none","n":1,"m":"a@b.org"}`, `{"m":"none","n":1,"m":"***"}`},
		{`{"m":"a@b.org","m":1,"\u006d":"a@b.org"}`, `{"m":"***","m":1,"\u006d":"***"}`},
		{
			`{"user":{"id":1},"user":{"mail":7,"mail":"a@b.org"},"user":"a@b.org"}`,
			`{"user":{"id":1},"user":{"mail":7,"mail":"***"},"user":"a@b.org"}`,
		},
		{
			`{"list":[0],"list":[ 0, {"m":0,"m":"a@b.org"} , "a@b.org"]}`,
			`{"list":[0],"list":[ 0, {"m":0,"m":"***"} , "a@b.org"]}`,
		},
		{`{"m":"a@b.org","m":"none"}`, `{"m":"***","m":"none"}`},
	}...)
	rewrites(t, with(ReplaceConfig{Field: "o.m", Pattern: "a", With: "b"}, NewReplace), [][2]string{
		{`{"o":{"m":1},"o":{"m":"x","m":"a"}}`, `{"o":{"m":1},"o":{"m":"x","m":"b"}}`},
		{`{"o":{"m":"a","m":"x"}}`, `{"o":{"m":"b","m":"x"}}`},
	}...)
	rewrites(t, with(TruncateConfig{Fields: []string{"m"}, Size: 3}, NewTruncate), [][2]string{
		{`{"m":"abc","m":"abcd","m":12345}`, `{"m":"abc","m":"abc","m":12345}`},
	}...)
	types := map[string]string{"a": "int", "o.b": "string"}
	rewrites(t, with(ConvertConfig{Types: types}, NewConvert), [][2]string{
		{
			`{"a":"x","a":"1","o":{"b":"y","b":2},"a":null}`,
			`{"a":"x","a":1,"o":{"b":"y","b":"2"},"a":null}`,
		},
	}...)
	fields := map[string]string{"a": "b"}
	rewrites(t, with(RenameFieldsConfig{Fields: fields, Overwrite: true}, NewRenameFields),
		[2]string{`{"a":1,"b":2,"n":3,"a":4}`, `{"b":1,"n":3,"b":4}`},
	)
	rewrites(t, with(RemoveFieldsConfig{Fields: []string{"user.pw"}}, NewRemoveFields), [][2]string{
		{
			`{"user":{"n":1,"pw":"x"},"user":{"pw":"x","n":2,"pw":"y"},"user":3}`,
			`{"user":{"n":1},"user":{"n":2},"user":3}`,
		},
	}...)
}

// What is set takes the place of all that has the name: none of it is left for who takes the last.
func TestMergedFieldsStandOnce(t *testing.T) {
	many := ""
	for i := range 2000 {
		many += fmt.Sprintf(`,"n%d":0`, i)
	}
	for _, more := range []string{"", many} {
		parse := ParseConfig{Format: "logfmt", Field: "m"}
		rewrites(t, with(parse, NewParse), [2]string{
			`{"a":1,"m":"a=x b=y c=z","b":2,"a":3,"o":4,"a":5,"o":6` + more + `}`,
			`{"a":"x","b":"y","o":4,"o":6` + more + `,"c":"z"}`,
		})
	}
}

// A field that cannot move stays where it is, byte for byte.
func TestRenamedFieldsStay(t *testing.T) {
	const in = `{"a": 1, "x":5, "n":{ "b":2,"c":3 }, "a":2}`
	fields := map[string]string{"a": "x.y", "n.b": "x.z"}
	rewrites(t, with(RenameFieldsConfig{Fields: fields, Overwrite: true}, NewRenameFields),
		[2]string{in, in},
	)
}
