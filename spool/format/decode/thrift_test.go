package decode

import (
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"
)

// What Apache Thrift 0.25 for Python writes of one struct, with each type in it.
const (
	thriftBinaryHex  = "0a00010000019b7ca98f2e0b0002000000056122c3bc0a0200030102000400030005f9060006fed4080007800000000a000880000000000000000400093ff80000000000000b000a0000000200ff0f000b02000000030100010e000c0800000010000000000000000100000002000000030000000400000005000000060000000700000008000000090000000a0000000b0000000c0000000d0000000e0000000f0d000d0b0a00000002000000016b0000000000000001000000016cfffffffffffffffe0d000e080b000000000d000f080b000000010000002a00000001760c00c80b000100000002696e02fffd01000f00c90c000000020b00010000000178000b000100000001790000"
	thriftCompactHex = "16dcbccccaef6618056122c3bc0a111213f914d70415ffffffff0f16ffffffffffffffffff0117000000000000f83f180200ff19310102011af51000020406080a0c0e10121416181a1c1e1b0286016b02016c031b001b01585401760c90031802696e010500192c180178001801790000"
	thriftJSON       = `{"time":1767323045678,"2":"a\"ü\n","3":true,"4":false,"5":-7,"6":-300,"7":-2147483648,"8":-9223372036854775808,"9":1.5,"raw":"AP8=","11":[true,false,true],"12":[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15],"13":{"k":1,"l":-2},"14":{},"15":{"42":"v"},"200":{"city":"in","-3":true},"201":[{"name":"x"},{"name":"y"}]}`
)

func thriftConfig(protocol string) Config {
	c := Default()
	c.Type, c.Protocol = "thrift", protocol
	c.Names = map[string]string{"1": "time", "200.1": "city", "201.1": "name", "10": "raw"}
	c.Binary = []string{"10"}
	return c
}

func TestThriftToJSON(t *testing.T) {
	for protocol, text := range map[string]string{"binary": thriftBinaryHex, "compact": thriftCompactHex} {
		value, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		d, err := New(thriftConfig(protocol))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := d.AppendJSON(nil, value, nil); err != nil || string(got) != thriftJSON {
			t.Errorf("%s: %s, %v; want %s", protocol, got, err, thriftJSON)
		}
		for i := range value {
			if got, err := d.AppendJSON([]byte("x"), value[:i], nil); err == nil || string(got) != "x" {
				t.Errorf("%s: %q, %v for %d of %d bytes", protocol, got, err, i, len(value))
			}
		}
		if _, err := d.AppendJSON(nil, append(value, 0), nil); err == nil {
			t.Errorf("%s: no error for what follows the end", protocol)
		}
	}
}

// A value that is no struct of this kind says what is wrong with it.
func TestThriftRefuses(t *testing.T) {
	for _, c := range []struct{ protocol, value, want string }{
		{"binary", "\x0b\x00\x0a\x00\x00\x00\x01\xff\x00", "thrift: field 10: no text: if it is binary, name the field in binary"},
		{"binary", "\x0b\x00\x0a\xff\xff\xff\xff", "a negative length"},
		{"binary", "\x07\x00\x0a\x00", "no type 7"},
		{"compact", "\x1e\x00", "no type 14"},
		{"compact", "\x14\x80\x80\x80\x01\x00", "does not fit into 2 bytes"},
		{"compact", strings.Repeat("\x1c", 1000), "nested too deeply"},
		{"compact", "\x1b" + strings.Repeat("\x01\xbb", 30), "nested too deeply in keys"},
	} {
		conf := Default()
		conf.Type, conf.Protocol = "thrift", c.protocol
		d, err := New(conf)
		if err != nil {
			t.Fatal(err)
		}
		value := c.value
		if strings.HasSuffix(c.want, "in keys") {
			value += strings.Repeat("\x00", 200)
		}
		if _, err := d.AppendJSON(nil, []byte(value), nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%x: %v, want %s", c.value, err, c.want)
		}
	}
}

func FuzzThrift(f *testing.F) {
	for _, text := range []string{thriftBinaryHex, thriftCompactHex} {
		value, err := hex.DecodeString(text)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(value)
	}
	var decoders []Decoder
	for _, protocol := range []string{"binary", "compact"} {
		d, err := New(thriftConfig(protocol))
		if err != nil {
			f.Fatal(err)
		}
		decoders = append(decoders, d)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, d := range decoders {
			out, err := d.AppendJSON([]byte("before"), b, nil)
			if !strings.HasPrefix(string(out), "before") {
				t.Fatalf("%q", out)
			}
			if err == nil && !json.Valid(out[len("before"):]) {
				t.Fatalf("not JSON: %q", out)
			}
		}
	})
}
