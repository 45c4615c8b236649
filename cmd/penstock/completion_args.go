package main

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/penstock/penstock/buffer"
	"github.com/spf13/cobra"
)

// names are what a shell completes an argument with, or a flag.
type names func(cmd *cobra.Command, args []string) []string

// patience is how long an agent is waited for.
const patience = time.Second

// usualConfig is where packages have the configuration.
const usualConfig = "/etc/penstock"

// argNames tells of commands what their arguments are, one after the other; what comes after the
// last is directories where it is nil. Commands that are not here take files, or nothing.
var argNames = map[string][]names{
	"pause":               {componentsOf("output.")},
	"resume":              {componentsOf("output.")},
	"tap":                 {componentsOf("pipeline.", "input.", "output.")},
	"dead-letters ls":     {nil},
	"dead-letters show":   {nil},
	"dead-letters replay": {componentsOf("output."), nil},
	"replay":              {nil},
	"buffer ls":           {nil},
	"buffer peek":         {nil},
	"buffer verify":       {nil},
	"buffer export":       {nil},
	"buffer forget":       {nil, cursorsOf},
	"archive verify":      {},
	"archive cat":         {},
	"archive restore":     {},
}

// flagValues tells of flags what they take.
var flagValues = map[string]names{
	"check --metric":    metricNames,
	"check --component": componentsOf("input.", "output."),
	"check --pipeline":  pipelinesOf,
	"replay --output":   componentsOf("output."),
	"replay --from":     componentsOf("output."),
	"archive --output":  componentsOf("output."),
	"restore --to":      componentsOf("output.kafka."),
}

// completeArgs has shells complete arguments and flags with what there is.
func completeArgs(root *cobra.Command) {
	var walk func(cmd *cobra.Command, path string)
	walk = func(cmd *cobra.Command, path string) {
		for _, sub := range cmd.Commands() {
			walk(sub, strings.TrimSpace(path+" "+sub.Name()))
		}
		if list, ok := argNames[path]; ok {
			cmd.ValidArgsFunction = completeOne(list)
		} else if tools := cmd.ValidArgs; tools != nil && cmd.ValidArgsFunction == nil {
			cmd.ValidArgs, cmd.ValidArgsFunction = nil, firstOf(tools)
		} else if cmd.ValidArgsFunction == nil && cmd.Args != nil &&
			cmd.Args(cmd, []string{"x"}) != nil && cmd.Args(cmd, []string{"x", "x"}) != nil {
			cmd.ValidArgsFunction = cobra.NoFileCompletions
		}
		for flag, of := range flagValues {
			if at, name, _ := strings.Cut(flag, " --"); at == cmd.Name() {
				_ = cmd.RegisterFlagCompletionFunc(name, completeFlag(of))
			}
		}
	}
	walk(root, "")
}

func completeOne(list []names) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		switch last := len(list) - 1; {
		case len(args) <= last && list[len(args)] != nil:
			return list[len(args)](cmd, args), cobra.ShellCompDirectiveNoFileComp
		case last >= 0 && list[min(len(args), last)] == nil:
			return nil, cobra.ShellCompDirectiveFilterDirs
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
}

// firstOf completes the first argument with one of a few words, and further ones with files.
func firstOf(words []string) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveDefault
		}
		return words, cobra.ShellCompDirectiveNoFileComp
	}
}

func completeFlag(of names) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		return of(cmd, args), cobra.ShellCompDirectiveNoFileComp
	}
}

// metricNames returns those that the agent has.
func metricNames(cmd *cobra.Command, _ []string) []string {
	admin, _ := cmd.Flags().GetString("admin")
	var all map[string]map[string]any
	_ = adminAddress(admin).get(context.Background(), patience, "/metrics.json", nil, &all)
	var list []string
	for _, m := range all {
		for name := range m {
			name, _, _ = strings.Cut(name, "{")
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func pipelinesOf(cmd *cobra.Command, _ []string) (list []string) {
	for _, id := range identities(cmd) {
		if name, ok := strings.CutPrefix(id, "pipeline."); ok {
			list = append(list, name)
		}
	}
	return list
}

// componentsOf returns the names that begin with one of prefixes.
func componentsOf(prefixes ...string) names {
	return func(cmd *cobra.Command, _ []string) []string {
		return slices.DeleteFunc(identities(cmd), func(id string) bool {
			return !slices.ContainsFunc(prefixes, func(p string) bool {
				return strings.HasPrefix(id, p)
			})
		})
	}
}

// identities returns the names of the components and pipelines of the configuration that a command
// is given, or of the agent that it asks; of one that does not answer, of its configuration, or the
// usual one.
func identities(cmd *cobra.Command) []string {
	if paths, err := cmd.Flags().GetStringArray("config"); err == nil && len(paths) > 0 {
		return configured(paths)
	}
	admin, _ := cmd.Flags().GetString("admin")
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s, err := askStatus(ctx, admin)
	if err != nil {
		at := cmp.Or(admin, os.Getenv(adminVar))
		if info, err := os.Stat(at); err != nil || info.Mode().Type() == os.ModeSocket {
			at = usualConfig
		}
		return configured([]string{at})
	}
	var list []string
	for _, p := range s.Pipelines {
		list = append(list, "pipeline."+p.Name)
		for _, c := range slices.Concat(p.Inputs, p.Outputs) {
			list = append(list, c.ID)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// configured returns the names in a configuration, as far as it can be read.
func configured(paths []string) (list []string) {
	for _, path := range paths {
		if _, err := os.Stat(path); err != nil {
			return nil
		}
	}
	cfg, _, err := loadConfig(paths, nil)
	if err != nil || cfg == nil {
		return nil
	}
	for _, c := range cfg.Components {
		list = append(list, c.ID())
	}
	for _, p := range cfg.Pipelines {
		list = append(list, "pipeline."+p.Name)
	}
	slices.Sort(list)
	return list
}

// cursorsOf returns the cursors of a buffer.
func cursorsOf(cmd *cobra.Command, args []string) (list []string) {
	dir, _ := cmd.Flags().GetString("dir")
	if dir == "" && len(args) > 0 {
		dir = args[0]
	}
	in, err := buffer.Inspect(filepath.Clean(dir))
	if err != nil {
		return nil
	}
	defer in.Close()
	for _, c := range in.Cursors() {
		list = append(list, c.Name)
	}
	return list
}
