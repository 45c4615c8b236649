package tail

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// lines returns n numbered lines, and what is expected of them.
func lines(from, n, width int) (text string, want []string) {
	for i := from; i < from+n; i++ {
		line := fmt.Sprintf("%04d %s", i, strings.Repeat("x", width))
		text, want = text+line+"\n", append(want, line)
	}
	return text, want
}

// Generations that came into being while nothing could be read, or while nobody looked, are read in
// the order in which they were written: the copies of copytruncate too.
func TestCopyTruncatedAgainAndAgain(t *testing.T) {
	t.Parallel()
	for _, down := range []bool{false, true} {
		for _, dated := range []bool{false, true} {
			for _, width := range []int{0, 300} {
				t.Run(
					fmt.Sprintf("down %v, dated %v, width %d", down, dated, width),
					func(t *testing.T) {
						t.Parallel()
						r := newRig(t, nil)
						r.cfg.Paths = []string{r.path("app.log*")}
						text, want := lines(0, 3, width)
						r.write("app.log", text)
						r.start()
						r.wants(want...)
						if down {
							r.halt()
						} else {
							r.sink.Block()
						}
						for n := 1; n <= 4; n++ {
							text, more := lines(n*10, 1+n%3, width)
							r.write("app.log", text)
							want = append(want, more...)
							if dated {
								r.copyTruncate("app.log", fmt.Sprintf("app.log-2026112%d", n))
								continue
							}
							for i := n - 1; i > 0; i-- {
								r.rename(
									fmt.Sprintf("app.log.%d", i), fmt.Sprintf("app.log.%d", i+1),
								)
							}
							r.copyTruncate("app.log", "app.log.1")
						}
						text, more := lines(90, 2, width)
						r.write("app.log", text)
						want = append(want, more...)
						if down {
							r.start()
						} else {
							r.sink.Unblock()
						}
						r.wants(want...)
						r.wantsNoMore(quiet, want...)
					},
				)
			}
		}
	}
}

// Rotation by ln and rm: for a moment the file has two names, and then only the new one.
func TestRotatedByLinkAndRemove(t *testing.T) {
	t.Parallel()
	for _, down := range []bool{false, true} {
		t.Run(fmt.Sprintf("down %v", down), func(t *testing.T) {
			eachGlob(t, func(t *testing.T, r *rig) {
				text, want := lines(0, 2, 10)
				r.write("app.log", text)
				r.start()
				r.wants(want...)
				if down {
					r.halt()
				}
				rounds := 3
				if down && !strings.HasSuffix(r.cfg.Paths[0], "*") {
					rounds = 1 // what lies between two that nobody saw is found by a glob alone
				}
				for n := 1; n <= rounds; n++ {
					text, more := lines(n*10, 2, 10)
					r.write("app.log", text)
					want = append(want, more...)
					if !down {
						// or, where no glob leads to it afterwards, nobody would know of it
						r.wants(want...)
					}
					for i := n - 1; i > 0; i-- {
						if _, err := os.Stat(r.path(fmt.Sprintf("app.log.%d", i))); err == nil {
							r.rename(fmt.Sprintf("app.log.%d", i), fmt.Sprintf("app.log.%d", i+1))
						}
					}
					if err := os.Link(r.path("app.log"), r.path("app.log.1")); err != nil {
						t.Fatal(err)
					}
					r.remove("app.log")
				}
				text, more := lines(90, 1, 10)
				r.write("app.log", text)
				want = append(want, more...)
				if down {
					r.start()
				}
				r.wants(want...)
				r.wantsNoMore(quiet, want...)
			})
		})
	}
}
