package launch

import (
	"time"

	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// StageState is the condition of a supervised stage.
type StageState struct {
	Name      string
	Kind      contract.Kind
	Plugin    string
	Version   string
	PID       int // of the plugin; 0 while none runs
	KeeperPID int // of its keeper; 0 while none runs
	State     status.StageState
	Since     time.Time // of State
	Restarts  int       // starts after the first
	LastError string    // why the state is not ready, or what a ready plugin remarks
	Note      string    // what the plugin says of its configuration
	// MakesProof is the trait of the last plugin that was configured.
	MakesProof bool
}

// usable reports whether the plugin takes work.
func (s StageState) usable() bool {
	return s.State == status.StageReady || s.State == status.StageDegraded
}
