package main

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// row is one line of the report.
type row struct {
	name     string
	lines    int64
	bytes    int64
	u        usage
	baseline string // the row it is held against
}

func (r *row) rate() float64 { return float64(r.lines) / r.u.wall.Seconds() }

func (r *row) cpuPerMillion() float64 { return r.u.cpu.Seconds() / (float64(r.lines) / 1e6) }

func printTable(w io.Writer, rows []row) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(
		tw,
		"workload\tk lines/s\tMB/s\tCPU-s/M lines\tpeak anon MB\tmapped MB\tdisk MB\tspeed\tCPU\tagainst\t",
	)
	byName := map[string]*row{}
	for i := range rows {
		byName[rows[i].name] = &rows[i]
	}
	for i := range rows {
		r := &rows[i]
		speed, cpu := "", ""
		if b := byName[r.baseline]; b != nil {
			speed = fmt.Sprintf("%.2fx", r.rate()/b.rate())
			cpu = fmt.Sprintf("%.2fx", r.cpuPerMillion()/b.cpuPerMillion())
		}
		fmt.Fprintf(
			tw,
			"%s\t%.0f\t%.0f\t%.2f\t%d\t%d\t%d\t%s\t%s\t%s\t\n",
			r.name,
			r.rate()/1e3,
			float64(
				r.bytes,
			)/1e6/r.u.wall.Seconds(),
			r.cpuPerMillion(),
			r.u.peakAnon>>20,
			r.u.peakMapped>>20,
			r.u.wroteDisk>>20,
			speed,
			cpu,
			r.baseline,
		)
	}
	_ = tw.Flush()
}
