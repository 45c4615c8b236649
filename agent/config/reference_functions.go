package config

import "github.com/penstock/penstock/agent/reference"

// functions is the page that explains what a configuration may call.
const functions = "functions"

// described is a function as the help has it. The example is an expression without names of the
// configuration, and Result what it gives; where there is none it depends on the machine.
type described struct {
	name, form, doc string
	example, result string
}

// machineFunctions look at what is around the agent.
var machineFunctions = []described{
	{"env", `env("NAME"), env("NAME", "default")`,
		"The environment variable. Without a default it is a mistake if it is not set. Its value is kept out of all messages.",
		"", ""},
	{"file", `file("PATH")`,
		"The text of a file of at most 1 MiB, such as a secret, without a newline at its end. A relative path starts at the configuration file.",
		"", ""},
	{"hostname", "hostname()", "The name of this host.", "", ""},
}

// pureDocs describes the functions of pureFunctions.
var pureDocs = []described{
	{"abs", "abs(NUMBER)", "The number without its sign.", `abs(-3)`, `3`},
	{"ceil", "ceil(NUMBER)", "The next whole number that is not below it.", `ceil(1.2)`, `2`},
	{"chomp", "chomp(TEXT)", "The text without newlines at its end.", `chomp("a\n")`, `"a"`},
	{"coalesce", "coalesce(VALUE, ...)", "The first value that is not null.",
		`coalesce(null, "a")`, `"a"`},
	{"compact", "compact(LIST)", "The list without empty texts.", `compact(["a", "", "b"])`,
		`["a", "b"]`},
	{"concat", "concat(LIST, ...)", "One list of all.", `concat(["a"], ["b"])`, `["a", "b"]`},
	{"contains", "contains(LIST, VALUE)", "Whether the list holds the value.",
		`contains(["a", "b"], "b")`, `true`},
	{"distinct", "distinct(LIST)", "The list with each value once.", `distinct(["a", "b", "a"])`,
		`["a", "b"]`},
	{"element", "element(LIST, N)",
		"Element N, counted from 0; behind the end the list begins again.",
		`element(["a", "b"], 3)`, `"b"`},
	{"flatten", "flatten(LIST)", "The list with lists in it dissolved.",
		`flatten([["a"], ["b", "c"]])`, `["a", "b", "c"]`},
	{"floor", "floor(NUMBER)", "The next whole number that is not above it.", `floor(1.8)`, `1`},
	{"format", `format("FORMAT", VALUE, ...)`,
		"A text made by a format as C's printf has it, with %% for a percent sign.",
		`format("app-%02d", 7)`, `"app-07"`},
	{"formatlist", `formatlist("FORMAT", LIST)`, "A text for each element.",
		`formatlist("%s:9092", ["a", "b"])`, `["a:9092", "b:9092"]`},
	{"indent", "indent(N, TEXT)", "The text with N spaces before all its lines but the first.",
		`indent(2, "a\nb")`, `"a\n  b"`},
	{"join", `join("SEPARATOR", LIST)`, "A text of all elements.", `join("|", ["a", "b"])`,
		`"a|b"`},
	{"jsondecode", "jsondecode(TEXT)", "What a JSON text holds.", `jsondecode("[1,2]")[1]`, `2`},
	{"jsonencode", "jsonencode(VALUE)", "The value as JSON.", `jsonencode({a = 1})`, `"{\"a\":1}"`},
	{"keys", "keys(MAP)", "The names in a map, sorted.", `keys({b = 1, a = 2})`, `["a", "b"]`},
	{"length", "length(LIST)", "How many elements a list or a map has; of a text see strlen.",
		`length(["a", "b"])`, `2`},
	{"lookup", "lookup(MAP, KEY, DEFAULT)", "What the map has for the key, or the default.",
		`lookup({a = "x"}, "b", "y")`, `"y"`},
	{"lower", "lower(TEXT)", "The text in lower case.", `lower("ABC")`, `"abc"`},
	{"max", "max(NUMBER, ...)", "The greatest.", `max(1, 3, 2)`, `3`},
	{"merge", "merge(MAP, ...)", "One map of all; of what stands twice the later holds.",
		`merge({a = 1}, {a = 2, b = 3})`, `{a = 2, b = 3}`},
	{"min", "min(NUMBER, ...)", "The smallest.", `min(1, 3, 2)`, `1`},
	{"range", "range(FROM, TO)", "The numbers from FROM up to, and without, TO.", `range(1, 4)`,
		`[1, 2, 3]`},
	{"regex", `regex("PATTERN", TEXT)`,
		"What the regular expression (RE2) finds first: the text; or with groups, a list or a map of them. It is a mistake if it finds nothing.",
		`regex("[0-9]+", "web-12")`, `"12"`},
	{"regexall", `regexall("PATTERN", TEXT)`, "All that the regular expression finds.",
		`regexall("[a-z]", "a1b2")`, `["a", "b"]`},
	{"replace", "replace(TEXT, OLD, NEW)", "The text with all that is OLD replaced.",
		`replace("a.b.c", ".", "-")`, `"a-b-c"`},
	{"reverse", "reverse(LIST)", "The list from its end to its start.", `reverse(["a", "b"])`,
		`["b", "a"]`},
	{"slice", "slice(LIST, FROM, TO)", "The elements from FROM up to, and without, TO.",
		`slice(["a", "b", "c"], 1, 3)`, `["b", "c"]`},
	{"sort", "sort(LIST)", "The texts sorted.", `sort(["b", "a"])`, `["a", "b"]`},
	{"split", `split("SEPARATOR", TEXT)`, "The parts of a text.", `split(",", "a,b")`,
		`["a", "b"]`},
	{"strlen", "strlen(TEXT)", "How many characters a text has.", `strlen("äb")`, `2`},
	{"substr", "substr(TEXT, FROM, N)", "N characters from FROM on, which -1 takes to the end.",
		`substr("abcd", 1, 2)`, `"bc"`},
	{"title", "title(TEXT)", "The text with each word's first letter in upper case.",
		`title("a log")`, `"A Log"`},
	{"trim", "trim(TEXT, CHARACTERS)", "The text without those characters at its ends.",
		`trim("--a-b-", "-")`, `"a-b"`},
	{"trimprefix", "trimprefix(TEXT, PREFIX)", "The text without that start.",
		`trimprefix("web-1", "web-")`, `"1"`},
	{"trimspace", "trimspace(TEXT)", "The text without white space at its ends.",
		`trimspace(" a ")`, `"a"`},
	{"trimsuffix", "trimsuffix(TEXT, SUFFIX)", "The text without that end.",
		`trimsuffix("a.log", ".log")`, `"a"`},
	{"upper", "upper(TEXT)", "The text in upper case.", `upper("abc")`, `"ABC"`},
	{"values", "values(MAP)", "The values of a map, in the order of their names.",
		`values({b = 1, a = 2})`, `[2, 1]`},
}

func functionsPage() reference.Page {
	return reference.Page{
		Name: functions, Group: blocks,
		Brief: "What a configuration may call where a value stands, and variables and locals.",
		Blocks: []reference.Block{
			{Code: "brokers  = formatlist(\"%s:9092\", split(\",\", env(\"BROKERS\", \"localhost\")))\n" +
				"password = file(\"/etc/penstock/password\")\n" +
				"topic    = \"${local.team}-${tag}\"\n"},
			{Text: `A size is text such as "128MiB", "100MB" or "1.5GiB": MiB count in 1024, MB in 1000. A
duration is text such as "30s", "1h30m" or "7d".`},
			{Text: `Wherever a value stands, an expression of HCL may stand. It is evaluated once, when the
configuration is read: numbers and texts, true, false, null, lists [1, 2], maps { a = 1 },
a == b ? x : y, && || !, + - * / %, for as in [for x in list : upper(x)], and ${...} in text. What looks
at records is something else: penstock help templates, penstock help expressions.`},
			{Text: `A locals block gives names to values: locals { team = "shop" } makes local.team. A variable
block is set from outside, variable "team" { default = "shop" } by --var team=web or the environment's
PENSTOCK_VAR_team, and is var.team.`},
			{Heading: "Functions that look around"},
			{Entries: functionEntries(machineFunctions)},
			{Heading: "Functions of their arguments alone"},
			{Entries: functionEntries(pureDocs)},
		},
	}
}

func functionEntries(all []described) []reference.Entry {
	var out []reference.Entry
	for _, f := range all {
		e := reference.Entry{Term: f.form, Text: f.doc}
		if f.example != "" {
			e.Text += " Example: `" + f.example + "` is `" + f.result + "`."
		}
		out = append(out, e)
	}
	return out
}
