package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/penstock/penstock/agent/state"
)

// metricCheck is what check looks at instead of the state: one metric, with its thresholds.
type metricCheck struct {
	name, component string
	warn, crit      string // "" is none
	below           bool
}

// look returns a line for Nagios. Of several values the worst decides.
func (m *metricCheck) look(ctx context.Context, addr string) (state.Level, string, error) {
	if m.name == "" {
		return 0, "", errors.New("--component, --warning, --critical and --below go with --metric")
	}
	warn, err := m.threshold("--warning", m.warn)
	if err != nil {
		return 0, "", err
	}
	crit, err := m.threshold("--critical", m.crit)
	if err != nil {
		return 0, "", err
	}
	var all map[string]map[string]any
	if err := adminAddress(addr).get(ctx, askFor, "/metrics.json", nil, &all); err != nil {
		return 0, "", err
	}
	var worst string // its name
	var value float64
	var figures []string
	for _, component := range slices.Sorted(maps.Keys(all)) {
		if m.component != "" && component != m.component {
			continue
		}
		for _, key := range slices.Sorted(maps.Keys(all[component])) {
			name, _, _ := strings.Cut(key, "{")
			v, ok := all[component][key].(float64)
			if !ok || key != m.name && name != m.name {
				continue
			}
			if worst == "" || m.isBeyond(v, value) && v != value {
				worst, value = component+" "+key, v
			}
			label := strings.NewReplacer("'", "", "=", ":").Replace(component + " " + key)
			figures = append(
				figures, fmt.Sprintf("'%s'=%s;%s;%s", oneLine(label), number(v), m.warn, m.crit),
			)
		}
	}
	if worst == "" {
		return 0, "", fmt.Errorf(
			"no metric %s is there: penstock help metrics tells of all, /metrics.json has this agent's",
			strings.TrimSpace(m.component+" "+m.name),
		)
	}
	level := state.OK
	switch {
	case crit != nil && m.isBeyond(value, *crit):
		level = state.Critical
	case warn != nil && m.isBeyond(value, *warn):
		level = state.Warning
	}
	return level, fmt.Sprintf(
		"%s is %s | %s", oneLine(worst), number(value), strings.Join(figures, " "),
	), nil
}

// isBeyond reports whether v is at a threshold or on its bad side.
func (m *metricCheck) isBeyond(v, threshold float64) bool {
	if m.below {
		return v <= threshold
	}
	return v >= threshold
}

func number(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

func (m *metricCheck) threshold(flag, text string) (*float64, error) {
	if text == "" {
		return nil, nil
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil, fmt.Errorf("%s: must be a number, not %q", flag, text)
	}
	return &v, nil
}
