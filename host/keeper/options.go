package keeper

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"
)

// Exit codes of the keeper itself. Any other code is the plugin's.
const (
	ExitLockBusy = 124 // another process tree holds the instance lock
	ExitBroken   = 125 // the keeper could not do its work
	ExitNoStart  = 126 // the plugin could not be executed
)

// LifelineFD is the file descriptor of the keeper's end of the lifeline.
const LifelineFD = 3

// Variables in the environment of every process of a plugin's tree. Sweep
// finds remaining processes by them.
const (
	EnvInstance = "PROOFLINE_INSTANCE" // identifies the data directory
	EnvRunID    = "PROOFLINE_RUN_ID"   // identifies the run of the host
	EnvStage    = "PROOFLINE_STAGE"    // name of the stage
)

// Options are the settings of a keeper for its plugin.
type Options struct {
	Lock     string        // the instance lock's file, created when missing; empty for no lock
	LockWait time.Duration // how long to wait while the lock is busy
	Grace    time.Duration // from SIGTERM to SIGKILL
	Confine  *Confinement  // nil for no limits
	User     *User         // nil for the keeper's own user
}

// User is the system user that a plugin runs as. The plugin has one group and no
// capabilities, and cannot get more rights (no_new_privs). The keeper keeps the host's
// user. It needs the capabilities to switch to the plugin's user and to signal processes
// of that user.
type User struct {
	UID uint32 `json:"uid"`
	GID uint32 `json:"gid"`
}

// Args returns the keeper's arguments: the options, then the plugin's command line. The
// first element of plugin is the path of the executable.
func (o Options) Args(plugin ...string) []string {
	args := []string{"-lock", o.Lock, "-lock-wait", o.LockWait.String(), "-grace", o.Grace.String()}
	if o.Confine != nil {
		args = append(args, "-confine", mustJSON(o.Confine))
	}
	if o.User != nil {
		args = append(args, "-user", mustJSON(o.User))
	}
	return append(append(args, "--"), plugin...)
}

// mustJSON encodes a value of texts, numbers and booleans, for which encoding cannot
// fail.
func mustJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// parse is the inverse of Args.
func parse(args []string) (Options, []string, error) {
	var o Options
	flags := flag.NewFlagSet("keeper", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.Lock, "lock", "", "")
	flags.DurationVar(&o.LockWait, "lock-wait", 10*time.Second, "")
	flags.DurationVar(&o.Grace, "grace", 5*time.Second, "")
	flags.Func("confine", "", func(text string) error { return json.Unmarshal([]byte(text), &o.Confine) })
	flags.Func("user", "", func(text string) error { return json.Unmarshal([]byte(text), &o.User) })
	if err := flags.Parse(args); err != nil {
		return o, nil, fmt.Errorf("read the arguments: %w", err)
	}
	if flags.NArg() == 0 {
		return o, nil, errors.New("no plugin to start: the command line is \"proofline keeper [options] -- PLUGIN\"")
	}
	return o, flags.Args(), nil
}
