package launch

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/proofline/proofline/host/keeper"
	"github.com/proofline/proofline/sdk/contract"
)

// systemPaths are the paths that every confined plugin may read: programs, libraries,
// and files that the C library and language runtimes need. In /proc a confined process
// sees only that processes outside of its confinement exist.
var systemPaths = []string{
	"/bin", "/sbin", "/lib", "/lib64", "/usr", "/proc", "/sys",
	"/etc/alternatives", "/etc/group", "/etc/hosts", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/localtime",
	"/etc/nsswitch.conf", "/etc/passwd", "/etc/protocols", "/etc/resolv.conf", "/etc/services", "/etc/ssl", "/etc/ca-certificates",
	"/nix/store", "/run/current-system/sw",
}

// confinement returns the limits of a plugin's processes; nil for no limits.
func (s Spec) confinement(program, sockets string) *keeper.Confinement {
	if s.Confine == nil {
		return nil
	}
	own := []string{program}
	if script, err := isScript(program); err == nil && script {
		if s.ScriptReads {
			own = append(own, "/")
		} else {
			own = append(own, filepath.Dir(program)) // its modules
		}
	}
	return &keeper.Confinement{
		Read:    slices.Concat(s.Confine.Read, own, systemPaths),
		Write:   append(slices.Clone(s.Confine.Write), s.StateDir, sockets),
		Network: s.Confine.Network,
	}
}

// explainDenied adds class and remedy to an error of a sandboxed plugin if its text says
// that something is not permitted. It returns other errors unchanged.
func (s Spec) explainDenied(err error) error {
	if s.Confine == nil && s.User == nil || err == nil || contract.ClassOf(err) == contract.ClassInterrupted {
		return err
	}
	text := strings.ToLower(err.Error())
	denied := strings.Contains(text, "permission denied") || strings.Contains(text, "operation not permitted")
	unreachable := s.Confine != nil && !s.Confine.Network && (strings.Contains(text, "network is unreachable") || strings.Contains(text, "temporary failure in name resolution"))
	switch {
	case denied && s.Confine == nil:
		return contract.Environment(&sandboxError{err}, fmt.Sprintf("the stage's plugin runs as user %s (sandbox: {user: …}): give that user what it needs", s.User.Name))
	case denied && s.User != nil:
		return contract.Environment(&sandboxError{err}, fmt.Sprintf("if the plugin needs that, let user %s have it, whom it runs as, and name it in the stage: sandbox: {read: […]}, or {write: […]}", s.User.Name))
	case denied:
		return contract.Environment(&sandboxError{err}, "if the plugin needs that, name it in the stage: sandbox: {read: […]}, or {write: […]}; sandbox: {use: never} ends the confinement")
	case unreachable:
		return contract.Environment(&sandboxError{err}, "if the plugin needs the network, set sandbox: {network: true} in the stage")
	}
	return err
}

// sandboxError is an error that was caused by the stage's sandbox.
type sandboxError struct{ err error }

func (e *sandboxError) Error() string { return "outside of the stage's sandbox: " + e.err.Error() }
func (e *sandboxError) Unwrap() error { return e.err }
