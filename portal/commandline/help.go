package commandline

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const usageTemplate = `Usage: {{if .HasAvailableSubCommands}}{{.CommandPath}} COMMAND [OPTIONS]{{else}}{{.UseLine}}{{end}}
{{if .HasAvailableSubCommands}}
{{range .Commands}}{{if .IsAvailableCommand}}  {{rpad .Name .NamePadding}} {{.Short}}
{{end}}{{end}}
"{{.CommandPath}} COMMAND --help" says more of a command.
{{end}}{{if .HasAvailableLocalFlags}}
{{options .LocalFlags}}{{end}}`

func init() {
	cobra.AddTemplateFunc("options", func(set *pflag.FlagSet) string {
		// pflag writes what a switch may be set to, which nobody needs.
		const values = "[=true|false]"
		text := strings.ReplaceAll(set.FlagUsages(), values, strings.Repeat(" ", len(values)))
		return strings.TrimRight(text, " \n") + "\n"
	})
}
