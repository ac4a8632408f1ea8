package keeper

import "fmt"

// Confinement is what a plugin's tree may reach; everything else is forbidden to it as
// far as the kernel can. Paths are absolute; what does not exist is passed over.
type Confinement struct {
	Read    []string `json:"read"`    // files and folders that are read and executed
	Write   []string `json:"write"`   // folders in which everything is allowed
	Network bool     `json:"network"` // the machine's network
}

// Support is what the kernel can enforce here and now.
type Support struct {
	// Landlock is the version of Landlock's interface, 0 for none. From 4 on it
	// forbids TCP, though not its multipath kind, and UDP from 10 on.
	Landlock int
	// Namespace: a network namespace of its own can be made for a plugin. It holds
	// no device but a loopback, so that nothing at all is reached.
	Namespace bool
}

// FilesEnforced reports whether the paths of a Confinement are enforced.
func (s Support) FilesEnforced() bool { return s.Landlock > 0 }

// NetworkEnforced reports whether a plugin without network is kept from it.
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

// confined is the first argument of the process that confines itself and then becomes
// the plugin.
const confined = "confined"

// limits are what that process puts on itself.
type limits struct {
	Confine *Confinement `json:"confine,omitempty"` // nil for no limits on paths and network
	User    *User        `json:"user,omitempty"`    // nil for the keeper's; it is started as this one
}

// isolated reports whether the plugin is to have no network.
func (l limits) isolated() bool { return l.Confine != nil && !l.Confine.Network }

// args is the command line behind "keeper" of that process.
func (l limits) args(plugin []string) []string {
	return append([]string{confined, mustJSON(l), "--"}, plugin...)
}
