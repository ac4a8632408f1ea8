package keeper

import "fmt"

// Confinement lists what the processes of a plugin may reach. Everything else is
// forbidden, as far as the kernel can enforce it. Paths are absolute. Paths that do not
// exist are skipped.
type Confinement struct {
	Read    []string `json:"read"`    // files and folders that may be read and executed
	Write   []string `json:"write"`   // folders in which everything is allowed
	Network bool     `json:"network"` // whether the machine's network may be used
}

// Support is what the kernel can enforce for this process.
type Support struct {
	// Landlock is the version of Landlock's interface; 0 for none. It can forbid TCP
	// from version 4 on, but not multipath TCP, and UDP from version 10 on.
	Landlock int
	// Namespace is whether a network namespace can be made for a plugin. Such a
	// namespace has only a loopback device, so that no other machine can be reached.
	Namespace bool
}

// FilesEnforced reports whether the paths of a Confinement are enforced.
func (s Support) FilesEnforced() bool { return s.Landlock > 0 }

// NetworkEnforced reports whether a Confinement without network is enforced.
func (s Support) NetworkEnforced() bool { return s.Namespace }

func (s Support) String() string {
	switch {
	case s.Landlock == 0 && !s.Namespace:
		return "this kernel has neither Landlock nor network namespaces that this user may make"
	case s.Landlock == 0:
		return "this kernel has no Landlock; network namespaces can be made"
	case !s.Namespace && s.Landlock >= 4:
		return fmt.Sprintf("Landlock %d; network namespaces cannot be made here, so that only TCP is forbidden", s.Landlock)
	case !s.Namespace:
		return fmt.Sprintf("Landlock %d; network namespaces cannot be made here", s.Landlock)
	}
	return fmt.Sprintf("Landlock %d and network namespaces", s.Landlock)
}

// confineCommand is the first argument of the process that confines itself and then
// executes the plugin.
const confineCommand = "confined"

// limits are the restrictions that this process sets for itself.
type limits struct {
	Confine *Confinement `json:"confine,omitempty"` // nil for no limits on paths and network
	User    *User        `json:"user,omitempty"`    // nil for the keeper's; the process is started as this user
}

// isolated reports whether the plugin must have no network.
func (l limits) isolated() bool { return l.Confine != nil && !l.Confine.Network }

// args returns the command line of the process after "keeper".
func (l limits) args(plugin []string) []string {
	return append([]string{confineCommand, mustJSON(l), "--"}, plugin...)
}
