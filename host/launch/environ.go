package launch

import (
	"slices"
	"strings"

	"github.com/proofline/proofline/host/account"
	"github.com/proofline/proofline/host/keeper"
)

// passed are the host's variables that every plugin sees. Everything else stays
// with the host, secrets above all; a stage asks for more in the pipeline file.
var passed = []string{
	"PATH", "HOME", "TMPDIR", "LANG", "LC_*", "TZ", "SSL_CERT_*",
	"http_proxy", "https_proxy", "no_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY",
	"CUDA_*", "NVIDIA_*", "XDG_*",
	"OTEL_*", // where traces go, see package tracing
	// What proving tools read: libraries, threads, MPI, their own directories and
	// logs.
	"LD_LIBRARY_PATH", "OMP_*", "RAYON_*", "OMPI_*", "ZISK_*", "RUST_LOG", "RUST_BACKTRACE",
}

// Passed lists the patterns of the variables that every plugin sees.
func Passed() []string { return slices.Clone(passed) }

// Environment returns what a plugin may see of an environment; allowed names
// further variables, where a trailing * stands for any ending.
func Environment(host, allowed []string) []string {
	patterns := append(slices.Clone(passed), allowed...)
	env := []string{}
	for _, entry := range host {
		name, _, _ := strings.Cut(entry, "=")
		if slices.ContainsFunc(patterns, func(pattern string) bool { return matches(pattern, name) }) {
			env = append(env, entry)
		}
	}
	return env
}

// ofUser are variables that say where the host's user keeps things.
var ofUser = []string{"HOME", "USER", "LOGNAME", "TMPDIR", "XDG_*"}

// EnvironmentOf is Environment for a plugin that runs as another user: what speaks of
// the host's user is left out unless allowed names it, and HOME, USER and LOGNAME are
// those of the plugin's. A nil user is the host's.
func EnvironmentOf(user *account.Account, host, allowed []string) []string {
	env := Environment(host, allowed)
	if user == nil {
		return env
	}
	env = slices.DeleteFunc(env, func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		matched := func(pattern string) bool { return matches(pattern, name) }
		return slices.ContainsFunc(ofUser, matched) && !slices.ContainsFunc(allowed, matched)
	})
	for _, own := range []struct{ name, value string }{{"HOME", user.Home}, {"USER", user.Name}, {"LOGNAME", user.Name}} {
		if !slices.ContainsFunc(env, func(entry string) bool { return strings.HasPrefix(entry, own.name+"=") }) {
			env = append(env, own.name+"="+own.value)
		}
	}
	return env
}

// environment is the whole environment of a plugin's tree: what is allowed of
// the host's, then go-plugin's own variables, then the marks.
func environment(user *account.Account, host, allowed, goPlugin []string, run *Run, stage string) []string {
	return append(append(EnvironmentOf(user, host, allowed), goPlugin...),
		keeper.EnvInstance+"="+run.Instance,
		keeper.EnvRunID+"="+run.ID,
		keeper.EnvStage+"="+stage,
	)
}

// matches compares a variable's name with a pattern, which may end in *.
func matches(pattern, name string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(name, prefix)
	}
	return pattern == name
}
