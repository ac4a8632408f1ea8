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
	PID       int // process id of the plugin; 0 while none runs
	KeeperPID int // process id of its keeper; 0 while none runs
	State     status.StageState
	Since     time.Time // when State began
	Restarts  int       // number of starts after the first
	LastError string    // why the state is not ready, or the detail of a ready plugin's health
	Note      string    // the plugin's note on its configuration, from its traits
	// MakesProof is whether the last plugin that was configured makes proofs.
	MakesProof bool
}

// usable reports whether the plugin takes work.
func (s StageState) usable() bool {
	return s.State == status.StageReady || s.State == status.StageDegraded
}
