package config

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// SyntaxReport returns what keeps src from being read as HCL.
func SyntaxReport(name string, src []byte) *Report {
	report := newReport()
	report.sources[name] = src
	_, diags := hclsyntax.ParseConfig(src, name, hcl.InitialPos)
	report.add(diags)
	return report
}
