package tail

import (
	"path/filepath"
	"slices"
	"testing"
)

func TestSortByAge(t *testing.T) {
	t.Parallel()
	type seen struct {
		name  string
		mtime int64
		size  int64
	}
	for _, tc := range []struct {
		what string
		in   []seen
		want []string
	}{
		{
			"logrotate: numbers grow with age, whoever compresses keeps the time",
			[]seen{{"app.log", 40, 1}, {"app.log.1", 30, 1}, {"app.log.2.gz", 20, 1}, {"app.log.3.gz", 10, 1}},
			[]string{"app.log.3.gz", "app.log.2.gz", "app.log.1", "app.log"},
		}, {
			"compressed later than the next file was written",
			[]seen{{"app.log", 40, 1}, {"app.log.1", 30, 1}, {"app.log.2.gz", 35, 1}, {"app.log.3.gz", 21, 1}},
			[]string{"app.log.3.gz", "app.log.2.gz", "app.log.1", "app.log"},
		}, {
			"numbers that count up, some compressed",
			[]seen{{"app.log", 60, 1}, {"app.log.4", 50, 1}, {"app.log.3.gz", 51, 1}, {"app.log.2", 30, 1}, {"app.log.1.gz", 31, 1}},
			[]string{"app.log.1.gz", "app.log.2", "app.log.3.gz", "app.log.4", "app.log"},
		}, {
			"dates",
			[]seen{{"app.log", 40, 1}, {"app.log-20260102.gz", 39, 1}, {"app.log-20260103", 30, 1}, {"app.log-20260101.gz", 38, 1}},
			[]string{"app.log-20260101.gz", "app.log-20260102.gz", "app.log-20260103", "app.log"},
		}, {
			"dates with numbers",
			[]seen{{"app-2026-01-02.10.log.gz", 9, 1}, {"app-2026-01-02.9.log.gz", 9, 1}, {"app-2026-01-01.11.log.gz", 9, 1}, {"app.log", 9, 1}},
			[]string{"app-2026-01-01.11.log.gz", "app-2026-01-02.9.log.gz", "app-2026-01-02.10.log.gz", "app.log"},
		}, {
			"within one tick of the clock",
			[]seen{{"app.log", 7, 1}, {"app.log.1", 7, 1}, {"app.log.2", 7, 1}, {"app.log.3.gz", 7, 1}},
			[]string{"app.log.3.gz", "app.log.2", "app.log.1", "app.log"},
		}, {
			"written to a little after it was renamed",
			[]seen{{"app.log", 10, 1}, {"app.log.1", 20, 1}},
			[]string{"app.log.1", "app.log"},
		}, {
			"words",
			[]seen{{"app.log", 10, 1}, {"app.log.old", 5, 1}},
			[]string{"app.log.old", "app.log"},
		}, {
			"empty ones made while an older one was written to",
			[]seen{
				{"app.log", 50, 1}, {"app.log.1", 30, 0}, {"app.log.2", 30, 0}, {"app.log.3", 40, 1},
				{"app.log.4", 30, 1},
			},
			[]string{"app.log.4", "app.log.3", "app.log.2", "app.log.1", "app.log"},
		},
	} {
		for range 5 {
			m := &manager{sources: newSources()}
			var list []observation
			for _, s := range tc.in {
				fi := fileInfo{mtime: s.mtime, size: s.size}
				list = append(list, observation{path: "/logs/" + s.name, fi: fi})
			}
			m.sortByAge(list)
			var got []string
			for _, s := range list {
				got = append(got, filepath.Base(s.path))
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("%s: %v, want %v", tc.what, got, tc.want)
			}
			slices.Reverse(tc.in)
			tc.in = append(tc.in[1:], tc.in[0])
		}
	}
}
