package main

import (
	"fmt"

	"github.com/urfave/cli/v2"
)

// The scripts call the program with --generate-bash-completion as its last argument. The
// command line parser then prints the possible next arguments.
const (
	bashCompletion = `_proofline() {
  local current=${COMP_WORDS[COMP_CWORD]}
  local words=("${COMP_WORDS[@]:0:COMP_CWORD}")
  [[ $current == -* ]] && words+=("$current")
  COMPREPLY=($(compgen -W "$("${words[@]}" --generate-bash-completion 2>/dev/null)" -- "$current"))
}
complete -o bashdefault -o default -F _proofline proofline
`
	zshCompletion = `#compdef proofline
_proofline() {
  local -a found
  local current=${words[CURRENT]}
  local -a asked=(${words[1,CURRENT-1]})
  [[ $current == -* ]] && asked+=($current)
  found=(${(f)"$(_CLI_ZSH_AUTOCOMPLETE_HACK=1 ${asked} --generate-bash-completion 2>/dev/null)"})
  if (( ${#found} )); then
    _describe 'values' found
  else
    _files
  fi
}
compdef _proofline proofline
`
)

func (c commands) completion() *cli.Command {
	return &cli.Command{
		Name:      "completion",
		Usage:     "print the script that completes commands and flags in a shell",
		ArgsUsage: "bash|zsh|fish",
		Description: "  proofline completion bash > /etc/bash_completion.d/proofline\n" +
			"  proofline completion zsh > \"${fpath[1]}/_proofline\"\n" +
			"  proofline completion fish > ~/.config/fish/completions/proofline.fish",
		Action: func(ctx *cli.Context) error {
			if ctx.NArg() != 1 {
				return usage("name one shell: bash, zsh or fish")
			}
			text := ""
			switch shell := ctx.Args().First(); shell {
			case "bash":
				text = bashCompletion
			case "zsh":
				text = zshCompletion
			case "fish":
				script, err := App(c.Options).ToFishCompletion()
				if err != nil {
					return err
				}
				text = script
			default:
				return usage("nothing is known of the shell %q; there are bash, zsh and fish", shell)
			}
			_, err := fmt.Fprint(c.Stdout, text)
			return err
		},
	}
}
