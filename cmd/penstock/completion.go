package main

import "github.com/spf13/cobra"

// completionHelp says for each shell, of the systems that penstock is made for, how to use it.
var completionHelp = map[string]string{
	"bash": `Print the completion for bash, which wants the package bash-completion. For this shell alone:

    source <(penstock completion bash)

and for all to come:

    penstock completion bash > /etc/bash_completion.d/penstock`,
	"zsh": `Print the completion for zsh, which wants "autoload -U compinit; compinit" in ~/.zshrc. For this
shell alone:

    source <(penstock completion zsh)

and for all to come:

    penstock completion zsh > "${fpath[1]}/_penstock"`,
	"fish": `Print the completion for fish. For this shell alone:

    penstock completion fish | source

and for all to come:

    penstock completion fish > ~/.config/fish/completions/penstock.fish`,
}

func addCompletion(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	cmd, _, err := root.Find([]string{"completion"})
	if err != nil {
		return
	}
	cmd.Short = "Print the completion of commands for a shell: bash, zsh or fish"
	cmd.Long = cmd.Short + "."
	for _, shell := range cmd.Commands() {
		long, ok := completionHelp[shell.Name()]
		if !ok {
			cmd.RemoveCommand(shell)
			continue
		}
		shell.Short, shell.Long = "Print the completion for "+shell.Name(), long
	}
}
