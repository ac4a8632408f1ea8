// Package coordinatortest imitates the ZisK coordinator of 0.17 to 1.0 for
// tests: what it answers, when it refuses, what it forgets. Its proofs carry a
// marker and prove nothing.
//
// Source: 0xPolygonHermez/zisk:distributed/crates/coordinator-server/src,
// distributed/crates/coordinator/src@v0.18.0.
package coordinatortest

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"net"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	coordinatorv1 "github.com/proofline/proofline/plugins/prover-zisk-cluster/proto/zisk/coordinator/v1"
	"github.com/proofline/proofline/sdk/zisk/proof"
)

// Behaviour says how a coordinator behaves. The zero value has one worker that
// proves at once.
type Behaviour struct {
	Layout    proof.Layout  // form of the proofs; 0.18's when empty
	NoWorkers bool          // none is connected
	SettingUp int           // so many requests for a proof are refused because the workers set up
	Phase     time.Duration // how long each of the three phases takes
	Fail      string        // jobs fail with this reason
	Lose      bool          // jobs are accepted, but the answer is lost
	Wrong     bool          // proofs are of another program
	Full      bool          // proofs are not minimal, whatever was asked for
	Invalid   bool          // proofs do not verify
	Cut       bool          // proofs are cut off
	Hasty     bool          // a question for a job that runs is answered at once
	Proof     []byte        // every job gives this proof, and the set-up the key of its program
	Refuse    codes.Code    // every request for a proof is refused so; OK for none
}

// Server is a coordinator. Its state is in memory, as the real one's.
type Server struct {
	coordinatorv1.UnimplementedZiskCoordinatorApiServer
	address string

	mu       sync.Mutex
	how      Behaviour
	programs map[string]proof.Key // by hash
	ready    map[string]bool      // set up on the workers
	jobs     map[string]*job
	counts   Counts
	waits    int
	server   *grpc.Server
	served   chan struct{}
}

// Counts is how often the coordinator was asked for what. It survives Restart.
type Counts struct{ Registered, Setups, Proofs, Cancelled int }

type job struct {
	phase  coordinatorv1.JobPhase
	moved  chan struct{} // closed and replaced at each change
	ended  *coordinatorv1.JobStatus
	result *coordinatorv1.JobKindResponse
	stop   context.CancelFunc
}

// Start starts a coordinator on a port of its own. It ends with the test.
func Start(t testing.TB, how Behaviour) *Server {
	t.Helper()
	s := &Server{address: "127.0.0.1:0", how: how}
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

func (s *Server) start() error {
	listener, err := net.Listen("tcp", s.address)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.address = listener.Addr().String()
	s.programs, s.ready, s.jobs = map[string]proof.Key{}, map[string]bool{}, map[string]*job{}
	s.server = grpc.NewServer(grpc.MaxRecvMsgSize(128<<20), grpc.MaxSendMsgSize(128<<20))
	s.served = make(chan struct{})
	coordinatorv1.RegisterZiskCoordinatorApiServer(s.server, s)
	server, served := s.server, s.served
	go func() {
		defer close(served)
		_ = server.Serve(listener)
	}()
	return nil
}

// Stop ends the coordinator; its jobs and programs are lost.
func (s *Server) Stop() {
	s.mu.Lock()
	server, served := s.server, s.served
	s.server = nil
	for _, j := range s.jobs {
		j.stop()
	}
	s.mu.Unlock()
	if server != nil {
		server.Stop()
		<-served
	}
}

// Restart ends the coordinator and starts it on the same port, knowing nothing.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	s.Stop()
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
}

// URL is the address for clients.
func (s *Server) URL() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return "http://" + s.address
}

// Set changes the behaviour from now on.
func (s *Server) Set(how Behaviour) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.how = how
}

// Counts returns how often the coordinator was asked for what.
func (s *Server) Counts() Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts
}

// Waits returns how many questions for the result of a job were answered.
func (s *Server) Waits() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waits
}

// Running returns how many jobs have not ended.
func (s *Server) Running() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, j := range s.jobs {
		if j.ended == nil {
			n++
		}
	}
	return n
}

// RegisterGuestProgram implements the service.
func (s *Server) RegisterGuestProgram(_ context.Context, r *coordinatorv1.RegisterGuestProgramRequest) (*coordinatorv1.RegisterGuestProgramResponse, error) {
	digest := sha256.Sum256(r.GetZiskElf())
	var key proof.Key
	for i := range key {
		key[i] = binary.LittleEndian.Uint64(digest[8*i:]) >> 1
	}
	hash := hex.EncodeToString(digest[:])
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.how.Proof != nil {
		if p, err := proof.Decode(s.how.Proof, ""); err == nil {
			key = p.Program()
		}
	}
	s.counts.Registered++
	s.programs[hash] = key
	return &coordinatorv1.RegisterGuestProgramResponse{HashId: hash}, nil
}

func unavailable(reason string) error {
	return status.Error(codes.Unavailable, "Cluster unavailable: "+reason)
}
