package filter

import (
	"bytes"
	"strings"
	"testing"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/costtest"
)

// userAgents are headers as programs' own documentation and servers' logs show them.
var userAgents = []struct{ in, want string }{
	{"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36",
		`{"name":"Chrome","version":"120.0.0.0","os":{"name":"Windows","version":"10.0"},"device":{"type":"Desktop"}}`},
	{"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/119.0.0.0 Safari/537.36 Edg/119.0.2151.97",
		`{"name":"Edge","version":"119.0.2151.97","os":{"name":"Windows","version":"10.0"},"device":{"type":"Desktop"}}`},
	{"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/117.0.0.0 Safari/537.36 OPR/103.0.0.0",
		`{"name":"Opera","version":"103.0.0.0","os":{"name":"Windows","version":"10.0"},"device":{"type":"Desktop"}}`},
	{"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.1 Safari/605.1.15",
		`{"name":"Safari","version":"17.1","os":{"name":"macOS","version":"10.15.7"},"device":{"type":"Desktop"}}`},
	{"Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/121.0",
		`{"name":"Firefox","version":"121.0","os":{"name":"Linux"},"device":{"type":"Desktop"}}`},
	{"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/118.0.0.0 Safari/537.36",
		`{"name":"Chrome","version":"118.0.0.0","os":{"name":"ChromeOS"},"device":{"type":"Desktop"}}`},
	{"Mozilla/5.0 (iPhone; CPU iPhone OS 17_1_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.1.2 Mobile/15E148 Safari/604.1",
		`{"name":"Safari","version":"17.1.2","os":{"name":"iOS","version":"17.1.2"},"device":{"name":"iPhone","type":"Phone"}}`},
	{"Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/119.0.6045.169 Mobile/15E148 Safari/604.1",
		`{"name":"Chrome","version":"119.0.6045.169","os":{"name":"iOS","version":"16.6"},"device":{"name":"iPad","type":"Tablet"}}`},
	{"Mozilla/5.0 (Linux; Android 13; SM-S901B) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/112.0.0.0 Mobile Safari/537.36",
		`{"name":"Chrome","version":"112.0.0.0","os":{"name":"Android","version":"13"},"device":{"name":"SM-S901B","type":"Phone"}}`},
	{"Mozilla/5.0 (Windows NT 6.3; WOW64; Trident/7.0; rv:11.0) like Gecko",
		`{"name":"Internet Explorer","version":"11.0","os":{"name":"Windows","version":"6.3"},"device":{"type":"Desktop"}}`},
	{"Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 5.1; Trident/4.0; .NET CLR 1.1.4322)",
		`{"name":"Internet Explorer","version":"7.0","os":{"name":"Windows","version":"5.1"},"device":{"type":"Desktop"}}`},
	{"Opera/9.80 (Windows NT 6.1; WOW64) Presto/2.12.388 Version/12.18",
		`{"name":"Opera","version":"12.18","os":{"name":"Windows","version":"6.1"},"device":{"type":"Desktop"}}`},
	{"Mozilla/5.0 (compatible; Konqueror/4.5; FreeBSD) KHTML/4.5.4 (like Gecko)",
		`{"name":"Konqueror","version":"4.5","os":{"name":"FreeBSD"},"device":{"type":"Desktop"}}`},
	{"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
		`{"name":"Googlebot","version":"2.1","device":{"type":"Robot"}}`},
	{"Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm) Chrome/112.0.0.0 Safari/537.36",
		`{"name":"Bingbot","version":"2.0","device":{"type":"Robot"}}`},
	{"Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.0; +https://openai.com/gptbot)",
		`{"name":"GPTBot","version":"1.0","device":{"type":"Robot"}}`},
	{"facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
		`{"name":"facebookexternalhit","version":"1.1","device":{"type":"Robot"}}`},
	{"curl/8.4.0", `{"name":"curl","version":"8.4.0"}`},
	{"Wget/1.21.3", `{"name":"Wget","version":"1.21.3"}`},
	{"Go-http-client/1.1", `{"name":"Go-http-client","version":"1.1"}`},
	{"python-requests/2.31.0", `{"name":"python-requests","version":"2.31.0"}`},
	{"kube-probe/1.27", `{"name":"kube-probe","version":"1.27"}`},
	{"ELB-HealthChecker/2.0", `{"name":"ELB-HealthChecker","version":"2.0"}`},
}

func TestParseUserAgents(t *testing.T) {
	f := newParse(t, func(p *ParseConfig) { p.Format = "user_agent" })
	for _, c := range userAgents {
		if got := string(lines(t, f, near, c.in)[0].Value); got != c.want {
			t.Errorf("%s\ngot  %s\nwant %s", c.in, got, c.want)
		}
	}
	for _, text := range []string{
		"", "-", "garbage", "()", ";;;", "\xff\xfe", strings.Repeat("a/1 ", 200), "a/1 " + strings.Repeat("x", 9<<10),
	} {
		if got := string(lines(t, f, near, text)[0].Value); got != text {
			t.Errorf("%.40q became %s", text, got)
		}
	}
}

// The field that an access log has becomes an object, as the Elastic Common Schema has it.
func TestAUserAgentInPlaceOfItsText(t *testing.T) {
	f := newParse(t, func(p *ParseConfig) {
		p.Format, p.Field, p.Into, p.Keep = "user_agent", "user_agent", "user_agent", "user_agent.original"
	})
	got := string(lines(t, f, near, `{"status":200,"user_agent":"curl/8.4.0","z":1}`)[0].Value)
	want := `{"status":200,"z":1,"user_agent":{"name":"curl","version":"8.4.0","original":"curl/8.4.0"}}`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	same := `{"user_agent":"-"}`
	if got := string(lines(t, f, near, same)[0].Value); got != same {
		t.Error(got)
	}
}

// Headers made to cost much cost no more than four times what they are long.
func TestTheMemoryOfHostileUserAgents(t *testing.T) {
	for name, unit := range map[string]string{
		"parts":    strings.Repeat("a;", 100) + "b/1",
		"long":     "a/" + strings.Repeat("x", 8000),
		"ANDROID":  "Android 1; " + strings.Repeat("B", 7900) + " Build",
		"digits":   "iPhone; OS " + strings.Repeat("1_", 4000),
		"versions": "a/" + strings.Repeat("1.", 4000),
		"urls":     strings.Repeat("http://a ", 60),
		"refused":  "a;",
	} {
		t.Run(name, func(t *testing.T) {
			costtest.Measure(t, 1<<20, func(n int) func() {
				f := newParse(t, func(p *ParseConfig) { p.Format = "user_agent" })
				var b record.Builder
				b.Reset("app", "o", n)
				if name == "refused" {
					b.Append(0, nil, bytes.Repeat([]byte(unit), n/len(unit)), nil)
				}
				for b.Len() == 0 || b.Size() < n {
					b.Append(0, nil, []byte(unit), nil)
				}
				in := b.Build()
				return func() { Chain{f}.Apply(in) }
			})
		})
	}
}
