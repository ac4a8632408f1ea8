// Package coordinatortest imitates the ZisK coordinator of 0.17 to 1.0 for
// tests: its answers, its refusals, and the loss of its state at a restart. Its proofs
// carry a marker and are not valid.
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

// Behaviour describes how a coordinator behaves. With the zero value it has one worker
// that proves at once.
type Behaviour struct {
	Layout    proof.Layout  // layout of the proofs; that of 0.18 if empty
	NoWorkers bool          // no worker is connected
	SettingUp int           // number of requests for a proof that are refused because the workers set up
	Phase     time.Duration // duration of each of the three phases
	Fail      string        // jobs fail with this reason, unless it is empty
	Lose      bool          // jobs are accepted, but the answer is lost
	Wrong     bool          // proofs are of another program
	Full      bool          // proofs are not minimal, whatever was requested
	Invalid   bool          // proofs are not valid
	Cut       bool          // proofs are cut off
	Hasty     bool          // requests for the result of a running job are answered at once
	Proof     []byte        // if set, every job returns this proof, and the set-up returns its program key
	Refuse    codes.Code    // every request for a proof is refused with this code, unless it is OK
}

// Server is a coordinator. Like the real one it keeps its state in memory.
type Server struct {
	coordinatorv1.UnimplementedZiskCoordinatorApiServer
	address string

	mu        sync.Mutex
	behaviour Behaviour
	programs  map[string]proof.Key // by hash
	ready     map[string]bool      // programs that are set up on the workers, by hash
	jobs      map[string]*job
	counts    Counts
	waits     int
	server    *grpc.Server
	served    chan struct{} // closed when the server has stopped
}

// Counts holds the numbers of requests since Start. Restart does not reset them.
type Counts struct{ Registered, Setups, Proofs, Cancelled int }

type job struct {
	phase   coordinatorv1.JobPhase
	changed chan struct{}            // closed and replaced at each change
	ended   *coordinatorv1.JobStatus // nil while the job runs
	result  *coordinatorv1.JobKindResponse
	stop    context.CancelFunc
}

// Start starts a coordinator on a port of its own. It is stopped when the test ends.
func Start(t testing.TB, b Behaviour) *Server {
	t.Helper()
	s := &Server{address: "127.0.0.1:0", behaviour: b}
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

// Stop stops the coordinator. Its jobs and programs are lost.
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

// Restart stops the coordinator and starts it on the same port, without jobs and programs.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	s.Stop()
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
}

// URL returns the address for clients.
func (s *Server) URL() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return "http://" + s.address
}

// Set changes the behaviour from now on.
func (s *Server) Set(b Behaviour) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.behaviour = b
}

// Counts returns the numbers of requests since Start.
func (s *Server) Counts() Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts
}

// Waits returns the number of requests for the result of a job.
func (s *Server) Waits() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waits
}

// Running returns the number of jobs that have not ended.
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
	if s.behaviour.Proof != nil {
		if p, err := proof.Decode(s.behaviour.Proof, ""); err == nil {
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
