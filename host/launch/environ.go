package launch

import (
	"slices"
	"strings"

	"github.com/proofline/proofline/host/account"
	"github.com/proofline/proofline/host/keeper"
)

// passedVariables are the patterns of the host's variables that every plugin gets. A
// plugin gets no others, above all no secrets, unless the pipeline file names them for
// its stage.
var passedVariables = []string{
	"PATH", "HOME", "TMPDIR", "LANG", "LC_*", "TZ", "SSL_CERT_*",
	"http_proxy", "https_proxy", "no_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY",
	"CUDA_*", "NVIDIA_*", "XDG_*",
	"OTEL_*", // for traces, see package tracing
	// For proving tools: libraries, threads, MPI, their own directories and logs.
	"LD_LIBRARY_PATH", "OMP_*", "RAYON_*", "OMPI_*", "ZISK_*", "RUST_LOG", "RUST_BACKTRACE",
}

// Passed returns the patterns of the variables that every plugin gets.
func Passed() []string { return slices.Clone(passedVariables) }

// Environment returns the part of the host's environment that a plugin gets. allowed
// are the patterns of further variables. A trailing * stands for any ending.
func Environment(host, allowed []string) []string {
	patterns := append(slices.Clone(passedVariables), allowed...)
	env := []string{}
	for _, entry := range host {
		name, _, _ := strings.Cut(entry, "=")
		if slices.ContainsFunc(patterns, func(pattern string) bool { return matches(pattern, name) }) {
			env = append(env, entry)
		}
	}
	return env
}

// userVariables are the patterns of variables that belong to the host's user.
var userVariables = []string{"HOME", "USER", "LOGNAME", "TMPDIR", "XDG_*"}

// EnvironmentOf is Environment for a plugin that runs as a user; nil is the user of the
// host. For another user it leaves out the variables of the host's user, unless allowed
// names them, and sets HOME, USER and LOGNAME to those of the plugin's user.
func EnvironmentOf(user *account.Account, host, allowed []string) []string {
	env := Environment(host, allowed)
	if user == nil {
		return env
	}
	env = slices.DeleteFunc(env, func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		matched := func(pattern string) bool { return matches(pattern, name) }
		return slices.ContainsFunc(userVariables, matched) && !slices.ContainsFunc(allowed, matched)
	})
	for _, variable := range []struct{ name, value string }{{"HOME", user.Home}, {"USER", user.Name}, {"LOGNAME", user.Name}} {
		if !slices.ContainsFunc(env, func(entry string) bool { return strings.HasPrefix(entry, variable.name+"=") }) {
			env = append(env, variable.name+"="+variable.value)
		}
	}
	return env
}

// environment returns the whole environment of a plugin's processes: the allowed part
// of the host's, go-plugin's own variables, and the marks of package keeper.
func environment(user *account.Account, host, allowed, goPlugin []string, run *Run, stage string) []string {
	return append(append(EnvironmentOf(user, host, allowed), goPlugin...),
		keeper.EnvInstance+"="+run.Instance,
		keeper.EnvRunID+"="+run.ID,
		keeper.EnvStage+"="+stage,
	)
}

// matches reports whether a variable's name fits a pattern, which may end in *.
func matches(pattern, name string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(name, prefix)
	}
	return pattern == name
}
