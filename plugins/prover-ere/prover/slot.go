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

// slot is a server with what is known of its only place for a proof. One call at a
// time uses it; watch runs beside.
type slot struct {
	server *server.Server
	note   string // path of the file that exists while a proof is not answered

	mu    sync.Mutex
	state string // what is wrong with the server; empty for nothing
	busy  bool   // a request of this process is on its way
}

// abandoned is the content of the note.
type abandoned struct {
	Job   string    `json:"job"`
	Since time.Time `json:"since"`
}

func newSlot(s *server.Server, stateDir string) *slot {
	name := fmt.Sprintf("slot-%x.json", sha256.Sum256([]byte(s.Endpoint())))
	return &slot{server: s, note: filepath.Join(stateDir, name[:len("slot-")+16]+".json")}
}

// begin notes that a proof is asked for.
func (s *slot) begin(job string) error {
	s.setBusy(true)
	data, err := json.Marshal(abandoned{job, time.Now().UTC()})
	if err != nil {
		return err
	}
	return os.WriteFile(s.note, data, 0o600)
}

// end notes that the request is over; answered tells whether the place is free again.
func (s *slot) end(answered bool) error {
	s.setBusy(false)
	if !answered {
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

// lost returns the proof that nobody waits for any more and that may hold the place.
// A note that cannot be read counts.
func (s *slot) lost() (abandoned, bool) {
	data, err := os.ReadFile(s.note)
	if errors.Is(err, fs.ErrNotExist) {
		return abandoned{}, false
	}
	var a abandoned
	_ = json.Unmarshal(data, &a)
	return a, true
}

// condition says what is wrong with the server; empty for nothing, and while a proof
// is on its way.
func (s *slot) condition() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy {
		return ""
	}
	return s.state
}

// stuck reports whether the server said so at the last look.
func (s *slot) stuck() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state == server.ErrStuck.Error()
}

// watch looks at the server's health until ctx ends.
func (s *slot) watch(ctx context.Context, interval time.Duration, log *slog.Logger) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		err := s.server.Health(ctx)
		if ctx.Err() != nil {
			return
		}
		s.observe(err, log)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (s *slot) observe(err error, log *slog.Logger) {
	state := ""
	switch {
	case server.Refused(err):
		state = "nobody listens there: not started, or still generating its keys"
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
