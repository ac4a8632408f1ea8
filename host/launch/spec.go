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
	Stage    string // also names the instance lock: one path element
	Binary   catalog.Binary
	Config   json.RawMessage // with secrets; never logged
	Secrets  []string        // values in Config that are hidden in what the plugin logs
	StateDir string          // absolute; made by the plugin side
	// Dir is the working directory: where relative paths in Config begin. Empty
	// for the host's.
	Dir      string
	LogLevel string // debug, info, warn or error
	// Env names further variables of the host's environment that the plugin
	// sees; a trailing * stands for any ending.
	Env []string
	// Confine limits what the plugin's processes may reach; nil for whatever the
	// host's user may. Launch adds what every plugin needs: its own file, its state
	// directory, the directory of sockets, the system's programs and libraries.
	Confine *keeper.Confinement
	// User is whom the plugin runs as; nil for the host's own user. Launch gives the
	// plugin's state directory to that user and lets it through the directories above.
	User *account.Account
	// ScriptReads lets a confined plugin whose file is a script read and start all that
	// the host's user may: where the programs and modules lie that it starts is not known.
	ScriptReads bool

	StartTimeout     time.Duration // from the start of the process to its handshake
	ConfigureTimeout time.Duration
	// HeartbeatTimeout is the longest silence of a running call, or of the whole
	// process, before it counts as hung.
	HeartbeatTimeout time.Duration
	// Grace is what handlers get to end after a cancellation. The process gets
	// the same, but at most five seconds, after SIGTERM.
	Grace time.Duration

	Log *slog.Logger // of the stage

	tail     *tail           // of the stage; nil where no lines are kept
	dialects map[int]dialect // by version of the protocol; nil for all that there are
}

// filled returns the spec with defaults, or what is wrong with it.
func (s Spec) filled() (Spec, error) {
	for _, d := range []struct {
		value   *time.Duration
		instead time.Duration
	}{
		{&s.StartTimeout, DefaultStartTimeout},
		{&s.ConfigureTimeout, DefaultConfigureTimeout},
		{&s.HeartbeatTimeout, DefaultHeartbeatTimeout},
		{&s.Grace, DefaultGrace},
	} {
		if *d.value <= 0 {
			*d.value = d.instead
		}
	}
	if s.Stage == "" || filepath.Base(s.Stage) != s.Stage || !filepath.IsLocal(s.Stage) {
		return s, fmt.Errorf("stage name %q cannot name a file", s.Stage)
	}
	if len(s.Config) == 0 {
		s.Config = json.RawMessage("{}")
	}
	s.Secrets = s.secrets()
	if s.dialects == nil {
		s.dialects = dialects
	}
	if s.Log == nil {
		s.Log = slog.New(slog.DiscardHandler)
	}
	return s, nil
}
