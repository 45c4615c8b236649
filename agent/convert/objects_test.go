package convert_test

import (
	"regexp"
	"strings"
	"testing"
)

var objectAttr = regexp.MustCompile(`(?m)^\s*(?:prefix|path)\s+= "(.*)"$`)

// Objects go into the directories that the tool made for them.
func TestObjectsStandWhereTheyStood(t *testing.T) {
	t.Parallel()
	fluentd := func(settings string) string {
		return "<source>\n @type forward\n</source>\n<match **>\n @type s3\n s3_bucket b\n" + settings +
			"\n</match>\n"
	}
	buffer := func(timekey string) string {
		return "\n<buffer tag,time>\n timekey " + timekey + "\n timekey_use_utc true\n</buffer>"
	}
	fluentBit := func(format string) string {
		return "[INPUT]\n name forward\n[OUTPUT]\n name s3\n match *\n bucket b\n region r\n" + format
	}
	vector := func(settings string) string {
		return "sources:\n in: {type: stdin}\nsinks:\n out:\n  type: aws_s3\n  inputs: [in]\n" +
			"  bucket: b\n  region: r\n  encoding: {codec: json}\n" + settings
	}
	for _, c := range []struct{ tool, ext, text, want string }{
		{"fluentd", ".conf", fluentd("path logs/" + buffer("1h")), `logs ${strftime("%Y%m%d%H")}`},
		{"fluentd", ".conf", fluentd("path logs/" + buffer("1d")), `logs ${strftime("%Y%m%d")}`},
		{"fluentd", ".conf", fluentd("path logs/"), `logs ${strftime("%Y%m%d")}`},
		{"fluentd", ".conf", fluentd("path logs/app-" + buffer("1d")), `logs app-${strftime("%Y%m%d")}`},
		{"fluentd", ".conf", fluentd(buffer("10m")), `${strftime("%Y%m%d%H%M")}`},
		{
			"fluentd", ".conf", fluentd("path logs/${tag}/%Y/%m/" + buffer("1h")),
			`logs ${tag}/${strftime("%Y/%m")}`,
		},
		{
			"fluentd", ".conf", fluentd("path logs/\ntime_slice_format %Y/%m/%d/%H" + buffer("1h")),
			`logs ${strftime("%Y/%m/%d/%H")}`,
		},
		{
			"fluentd", ".conf", fluentd(
				"path logs/${tag}/\n" +
					"s3_object_key_format %{path}dt=%{time_slice}/h_%{index}_%{uuid_flush}.gz" + buffer("1d"),
			),
			`logs ${tag}/dt=${strftime("%Y%m%d")}`,
		},
		{
			"fluentd", ".conf", fluentd(
				"path logs\ns3_object_key_format %{path}/%{hostname}/%{time_slice}/${tag}_%{index}.gz" +
					buffer("1h"),
			),
			`logs ${strftime("%Y%m%d%H")}/${tag}`,
		},
		{
			"fluent-bit", ".conf", fluentBit(" s3_key_format /$TAG[0]/%Y/%m/%d/$UUID.gz\n"),
			`${tag[0]}/${strftime("%Y/%m/%d")}`,
		},
		{
			"fluent-bit", ".conf", fluentBit(" s3_key_format /web/%Y/%m/%d/%H_$UUID.gz\n"),
			`web/${strftime("%Y/%m/%d")}`,
		},
		{
			"fluent-bit", ".conf", fluentBit(""),
			`fluent-bit-logs/${tag}/${strftime("%Y/%m/%d/%H")}`,
		},
		{
			"vector", ".yaml", vector("  key_prefix: \"{{ host }}{{ file }}/{{ app }}/\"\n"),
			`${expr("field.host ?? agent")}${expr("field.file ?? origin")}/${field.app}`,
		},
		{"vector", ".yaml", vector(""), `date=${strftime("%Y-%m-%d")}`},
		{
			"vector", ".yaml", vector("  key_prefix: \"logs/%Y/app-\"\n"),
			`logs/${strftime("%Y")}`,
		},
		{
			"vector", ".yaml", vector("  key_prefix: \"logs/%Y/app-%m-\"\n"),
			`logs/${strftime("%Y")}/app-${strftime("%m")}`,
		},
		{
			"vector", ".yaml",
			vector("  key_prefix: \"x/\"\n  filename_time_format: \"%Y/%m/%H-%M\"\n"),
			`x/${strftime("%Y/%m")}`,
		},
	} {
		var got []string
		r := converted(t, c.tool, c.ext, c.text)
		for _, m := range objectAttr.FindAllStringSubmatch(string(r.HCL), -1) {
			got = append(got, m[1])
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s\nof\n%s\nwant %s in\n%s", s, c.text, c.want, r.HCL)
		}
		for _, problem := range newValidator(t).problems(r.HCL) {
			t.Error(problem)
		}
	}
}
