package prover

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/proofline/proofline/plugins/prover-ere/server"
)

// slot is a server and the state of its only slot for a proof. One call at a time uses it.
// The goroutine of watch runs at the same time.
type slot struct {
	server *server.Server
	note   string // path of the note file, which exists until a Prove request is answered

	mu    sync.Mutex
	state string // fault of the server; empty for none
	busy  bool   // a Prove request of this process is pending
}

// abandoned is the content of the note file, as JSON.
type abandoned struct {
	Job   string    `json:"job"`
	Since time.Time `json:"since"`
}

func newSlot(s *server.Server, stateDir string) *slot {
	name := fmt.Sprintf("slot-%x.json", sha256.Sum256([]byte(s.Endpoint())))
	return &slot{server: s, note: filepath.Join(stateDir, name[:len("slot-")+16]+".json")}
}

// begin writes the note of a Prove request.
func (s *slot) begin(job string) error {
	s.setBusy(true)
	data, err := json.Marshal(abandoned{job, time.Now().UTC()})
	if err != nil {
		return err
	}
	return os.WriteFile(s.note, data, 0o600)
}

// end records that the request has ended. It removes the note if the slot is free again.
func (s *slot) end(free bool) error {
	s.setBusy(false)
	if !free {
		return nil
	}
	if err := os.Remove(s.note); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (s *slot) setBusy(busy bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy = busy
}

// lost returns the abandoned proof that may hold the slot, and false where the slot is not
// lost. A note that cannot be read counts as one of an unknown proof.
func (s *slot) lost() (abandoned, bool) {
	data, err := os.ReadFile(s.note)
	if errors.Is(err, fs.ErrNotExist) {
		return abandoned{}, false
	}
	var a abandoned
	_ = json.Unmarshal(data, &a)
	return a, true
}

// condition returns the fault of the server. It is empty without a fault and while a Prove
// request is pending.
func (s *slot) condition() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy {
		return ""
	}
	return s.state
}

// stuck reports whether the latest probe returned server.ErrStuck.
func (s *slot) stuck() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state == server.ErrStuck.Error()
}

// watch probes the server's health until ctx ends.
func (s *slot) watch(ctx context.Context, interval time.Duration, log *slog.Logger) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		err := s.server.Health(ctx)
		if ctx.Err() != nil {
			return
		}
		s.observe(err, log)
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// observe records the result of a probe, and logs a change.
func (s *slot) observe(err error, log *slog.Logger) {
	state := ""
	switch {
	case server.Refused(err):
		state = "no server listens there: it is not started, or still generates its keys"
	case err != nil:
		state = server.Bare(err).Error()
	}
	s.mu.Lock()
	before := s.state
	s.state = state
	s.mu.Unlock()
	switch {
	case before == state:
	case state == "":
		log.Info("the server answers again", "server", s.server.Endpoint())
	default:
		log.Warn("the server's health", "server", s.server.Endpoint(), "state", state)
	}
}
