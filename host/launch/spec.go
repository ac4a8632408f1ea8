package launch

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/proofline/proofline/host/account"
	"github.com/proofline/proofline/host/catalog"
	"github.com/proofline/proofline/host/keeper"
)

// Defaults for the times in a Spec.
const (
	DefaultStartTimeout     = 30 * time.Second
	DefaultConfigureTimeout = 10 * time.Minute
	DefaultHeartbeatTimeout = time.Minute
	DefaultGrace            = 10 * time.Second
	terminateGrace          = 5 * time.Second
)

// Spec says how to start a stage's plugin.
type Spec struct {
	Run      *Run
	Pipeline string
	Stage    string // must be one path element, because it names the instance lock, too
	Binary   catalog.Binary
	Config   json.RawMessage // may contain secrets; never logged
	Secrets  []string        // values in Config that are hidden in the plugin's texts
	StateDir string          // absolute; the plugin makes it unless Confine or User is set
	// Dir is the working directory, to which relative paths in Config are relative.
	// Empty for the host's.
	Dir      string
	LogLevel string // debug, info, warn or error
	// Env are the names of further variables of the host's environment that the plugin
	// gets. A trailing * stands for any ending.
	Env []string
	// Confine limits what the plugin's processes may reach; nil for no limits. Launch
	// adds what every plugin needs: its own file, its state directory, the directory of
	// sockets, the system's programs and libraries.
	Confine *keeper.Confinement
	// User is the user that the plugin runs as; nil for the host's own user. Launch makes
	// that user the owner of the plugin's state directory and makes the directories above
	// it passable.
	User *account.Account
	// ScriptReads lets a confined plugin whose file is a script read and execute every
	// file that the host's user may. The places of a script's programs and modules are
	// not known.
	ScriptReads bool

	StartTimeout     time.Duration // from the start of the process to its handshake
	ConfigureTimeout time.Duration
	// HeartbeatTimeout is how long a running call, or the whole process, may be silent
	// before the plugin counts as hung.
	HeartbeatTimeout time.Duration
	// Grace is the time that handlers have to end after a cancellation. After SIGTERM
	// the process has the same time, but at most five seconds.
	Grace time.Duration

	Log *slog.Logger // the logger of the stage

	tail     *tail           // of the stage; nil if no lines are kept
	adapters map[int]adapter // by version of the protocol; nil for the usual ones
}

// withDefaults returns the spec with its defaults filled. It fails if the stage's name
// cannot be the name of a file.
func (s Spec) withDefaults() (Spec, error) {
	for _, d := range []struct {
		value    *time.Duration
		fallback time.Duration
	}{
		{&s.StartTimeout, DefaultStartTimeout},
		{&s.ConfigureTimeout, DefaultConfigureTimeout},
		{&s.HeartbeatTimeout, DefaultHeartbeatTimeout},
		{&s.Grace, DefaultGrace},
	} {
		if *d.value <= 0 {
			*d.value = d.fallback
		}
	}
	if s.Stage == "" || filepath.Base(s.Stage) != s.Stage || !filepath.IsLocal(s.Stage) {
		return s, fmt.Errorf("stage name %q cannot name a file", s.Stage)
	}
	if len(s.Config) == 0 {
		s.Config = json.RawMessage("{}")
	}
	s.Secrets = s.secrets()
	if s.adapters == nil {
		s.adapters = adapters
	}
	if s.Log == nil {
		s.Log = slog.New(slog.DiscardHandler)
	}
	return s, nil
}
