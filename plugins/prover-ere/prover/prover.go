package prover

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/proofline/proofline/plugins/internal/zisk/tool"
	"github.com/proofline/proofline/plugins/prover-ere/server"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/zisk/proof"
)

// Prover is the prover of a stage. Its methods may be called concurrently. As many proofs
// run at the same time as there are servers, whatever the concurrency of the stage.
type Prover struct {
	config Config
	log    *slog.Logger
	setup  *proof.Key // as configured; nil for a published one

	slots []*slot
	free  chan *slot // the slots that no call uses

	mu    sync.Mutex
	guest []byte // key as configured, or of the first server that reported one; nil before

	streak tool.Streak // failures of the same kind in a row

	stop     context.CancelFunc
	watchers sync.WaitGroup
}

// Open returns the prover of a stage. It starts to watch the servers and does not wait for
// them.
func Open(_ context.Context, config Config, env sdk.Env) (*Prover, error) {
	guest, err := config.guestVK()
	if err != nil {
		return nil, sdk.Environment(fmt.Errorf("key of the guest: %w", err), "correct `guest_vk`")
	}
	setup, err := config.setupKey()
	if err != nil {
		return nil, sdk.Environment(fmt.Errorf("key of the proving setup: %w", err), "correct `setup_vk`")
	}
	ctx, stop := context.WithCancel(context.Background())
	p := &Prover{config: config, log: env.Log, setup: setup, guest: guest, stop: stop, free: make(chan *slot, len(config.Endpoints))}
	for _, endpoint := range config.Endpoints {
		s := newSlot(server.New(endpoint, config.ConnectTimeout.Std()), env.StateDir)
		p.slots = append(p.slots, s)
		p.free <- s
		p.watchers.Go(func() { s.watch(ctx, config.HealthInterval.Std(), env.Log) })
	}
	return p, nil
}

// Close closes the connections. No call may be running. A proof that was abandoned before
// continues at its server.
func (p *Prover) Close() error {
	p.stop()
	p.watchers.Wait()
	for _, s := range p.slots {
		s.server.Close()
	}
	return nil
}

// Note returns the servers that make the proofs, for the host's start message.
func (p *Prover) Note() string {
	verb := "proofs are made by"
	if !p.config.MakesProof() {
		verb = "a gate: blocks are executed by"
	}
	note := fmt.Sprintf("%s ere-server at %s", verb, strings.Join(p.config.Endpoints, ", "))
	if len(p.config.OnTimeout) == 0 && p.config.MakesProof() {
		note += "; an abandoned proof holds its server until it ends, because on_timeout is not set"
	}
	return note
}

// Health is unavailable while no server answers, and degraded while some do not. A server
// with a request of this process counts as good, because a server that shuts down answers
// its last request although it accepts no new connections.
func (p *Prover) Health(context.Context) sdk.Health {
	var faults []string
	health := sdk.Health{State: sdk.HealthReady}
	for _, s := range p.slots {
		state := s.condition()
		if state != "" {
			faults = append(faults, s.server.Endpoint()+": "+state)
		}
		health.Endpoints = append(health.Endpoints, s.server.Probes(state))
	}
	switch {
	case len(faults) == 0:
	case len(faults) < len(p.slots):
		health.State = sdk.HealthDegraded
	default:
		health.State = sdk.HealthUnavailable
	}
	health.Detail = strings.Join(faults, "; ")
	return health
}

// acquire waits for a slot that no other call uses. The caller returns it to free.
func (p *Prover) acquire(ctx context.Context) (*slot, error) {
	select {
	case s := <-p.free:
		return s, nil
	case <-ctx.Done():
		return nil, sdk.Interrupted(fmt.Errorf("waiting for a server: %w", context.Cause(ctx)))
	}
}

// identify returns the identity of a server, or an error if the configuration does not
// accept it. The key of the first guest is binding for all servers.
func (p *Prover) identify(ctx context.Context, s *slot) (server.Identity, error) {
	id, err := s.server.Identify(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return id, sdk.Interrupted(context.Cause(ctx))
		}
		return id, unreachable(s.server.Endpoint(), err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.config.accepts(id, p.guest); err != nil {
		if e, ok := errors.AsType[*sdk.Error](err); ok && p.config.GuestVK == "" && !bytes.Equal(p.guest, id.ProgramVK) {
			e.Remedy += "; the first guest that this stage has found is binding: restart the stage to accept the new one"
		}
		return id, unreachable(s.server.Endpoint(), err)
	}
	if p.guest == nil && id.ProgramVK != nil {
		p.guest = id.ProgramVK
		p.log.Info("the guest of the first server is binding from now on", "program_vk", hex.EncodeToString(id.ProgramVK), "server", s.server.Endpoint())
	}
	return id, nil
}

// interrupted returns the error of a call whose context has ended.
func interrupted(ctx context.Context, what string) error {
	return sdk.Interrupted(fmt.Errorf("%s: %w", what, context.Cause(ctx)))
}

// verifyTimeout bounds a verification, and an execution that helps a proof.
const verifyTimeout = 10 * time.Minute
