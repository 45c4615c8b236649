package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

// row is one line of the report: a workload that was run several times.
type row struct {
	name     string
	baseline string // the row it is held against
	runs     []result
	before   []result // of the other binary, each beside the run of the same index
}

// result is one run of a workload.
type result struct {
	lines, bytes int64
	u            usage
}

func (r *row) add(one result) { r.runs = append(r.runs, one) }

func (r result) rate() float64 { return float64(r.lines) / r.u.wall.Seconds() }

func (r result) megabytes() float64 { return float64(r.bytes) / 1e6 / r.u.wall.Seconds() }

func (r result) cpuPerMillion() float64 { return r.u.cpu.Seconds() / (float64(r.lines) / 1e6) }

// spread is a median with what lies farthest from it.
type spread struct{ median, least, most float64 }

func spreadOf[T any](runs []T, get func(T) float64) spread {
	list := make([]float64, len(runs))
	for i, r := range runs {
		list[i] = get(r)
	}
	slices.Sort(list)
	return spread{list[len(list)/2], list[0], list[len(list)-1]}
}

// text shows the least and the most where there is more than one run.
func (s spread) text(format string, runs int) string {
	if runs == 1 {
		return fmt.Sprintf(format, s.median)
	}
	return fmt.Sprintf(format+" ("+format+"-"+format+")", s.median, s.least, s.most)
}

// pairs are the ratios of each run to the one of the other binary beside it.
func (r *row) pairs(get func(result) float64) spread {
	ratios := make([]float64, len(r.before))
	for i := range ratios {
		ratios[i] = get(r.runs[i]) / get(r.before[i])
	}
	return spreadOf(ratios, func(f float64) float64 { return f })
}

func median(runs []result, get func(result) float64) float64 {
	return spreadOf(runs, get).median
}

func printTable(w io.Writer, rows []row) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(
		tw,
		"workload\tk lines/s\tMB/s\tCPU-s/M lines\tpeak anon MB\tmapped MB\tdisk MB\tspeed\tCPU\tagainst\t",
	)
	paired := slices.ContainsFunc(rows, func(r row) bool { return len(r.before) > 0 })
	if paired {
		fmt.Fprint(tw, "speed, new:old\tCPU, new:old\t")
	}
	fmt.Fprintln(tw)
	byName := map[string]*row{}
	for i := range rows {
		byName[rows[i].name] = &rows[i]
	}
	for i := range rows {
		r := &rows[i]
		speed, cpu := "", ""
		if b := byName[r.baseline]; b != nil {
			speed = fmt.Sprintf("%.2fx", median(r.runs, result.rate)/median(b.runs, result.rate))
			cpu = fmt.Sprintf(
				"%.2fx", median(r.runs, result.cpuPerMillion)/median(b.runs, result.cpuPerMillion),
			)
		}
		fmt.Fprintf(
			tw,
			"%s\t%s\t%.0f\t%s\t%.0f\t%.0f\t%.0f\t%s\t%s\t%s\t",
			r.name,
			spreadOf(r.runs, func(c result) float64 { return c.rate() / 1e3 }).
				text("%.0f", len(r.runs)),
			median(r.runs, result.megabytes),
			spreadOf(r.runs, result.cpuPerMillion).text("%.2f", len(r.runs)),
			median(r.runs, func(c result) float64 { return float64(c.u.peakAnon >> 20) }),
			median(r.runs, func(c result) float64 { return float64(c.u.peakMapped >> 20) }),
			median(r.runs, func(c result) float64 { return float64(c.u.wroteDisk >> 20) }),
			speed,
			cpu,
			r.baseline,
		)
		if len(r.before) > 0 {
			fmt.Fprintf(
				tw, "%s\t%s\t", r.pairs(result.rate).text("%.3f", len(r.before)),
				r.pairs(result.cpuPerMillion).text("%.3f", len(r.before)),
			)
		} else if paired {
			fmt.Fprint(tw, "\t\t")
		}
		fmt.Fprintln(tw)
	}
	_ = tw.Flush()
}
