// Package ethproofstest is an EthProofs server for tests. It answers as the route
// handlers of the real site do, including their peculiarities: lax base64, a status
// that can be lowered, 409 for a stored proof, two kinds of status 500, a limiter of 60
// requests a minute per key, and a body limit of 10 MiB (sources:
// ethproofs/ethproofs:app/api/v0, lib/zod/schemas/proof.ts,
// lib/middleware/{with-auth,with-rate-limit}.ts@98b7a6f1). The package's own tests are
// the table of the observed answers.
//
// It does not reproduce the hosting platform in front of the site. It does not verify
// proofs either: SetVerifier sets the verdicts. GET /blocks, /proofs,
// /verification-keys/active and /api/verify follow the source of their handlers
// (app/api/v0/{blocks,proofs,verification-keys/active}, app/api/verify/proofs/[id]) and
// the fields that were observed. The server keeps its state in memory. All methods may
// be called concurrently.
package ethproofstest

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// Base is the path that all API routes share.
const Base = "/api/v0"

// The keys that every new server knows. They are long and unique, so that a test can
// search the output of a program for them.
const (
	AlphaKey     = "alpha-write-7d1f0c5ce0c94b9a"
	AlphaReadKey = "alpha-read-50c3a4f2b1e84d17"
	BetaKey      = "beta-write-e7b6a92d31f04c68"
	AdminKey     = "admin-9a8e7f6d5c4b4a39"
)

// Server is the state of the fake site and its http.Handler.
type Server struct {
	URL string // base URL with Base, no trailing slash; set by Start and InProcess

	mux *http.ServeMux
	now func() time.Time

	mu          sync.Mutex
	keys        map[string]apiKey
	teams       map[string]*team
	clusters    []*cluster
	proofs      map[proofKey]*Proof
	blocks      map[int64]*blockRow
	stored      map[string][]byte // the bucket, by object name
	lastVersion int
	lastProof   int
	limiter     limiter
	requests    []Request
	inject      func(Request) *Fault
	// withoutProofs is set by ForgetProofs.
	withoutProofs bool
	storageDown   bool
	rpcDown       bool
	verifier      func(proof, key []byte) (bool, string)
	keyFiles      map[string][]byte // verification keys by path
}

// New returns a server with the teams alpha, beta and staff, their keys, and no cluster.
func New() *Server {
	s := &Server{
		now:      time.Now,
		keys:     make(map[string]apiKey),
		teams:    make(map[string]*team),
		proofs:   make(map[proofKey]*Proof),
		blocks:   make(map[int64]*blockRow),
		stored:   make(map[string][]byte),
		keyFiles: make(map[string][]byte),
		limiter:  newLimiter(),
	}
	for _, name := range []string{"alpha", "beta", "staff"} {
		s.teams[name] = &team{id: uuid("team", name), slug: name}
	}
	s.keys[AlphaKey] = apiKey{s.teams["alpha"], "write"}
	s.keys[AlphaReadKey] = apiKey{s.teams["alpha"], "read"}
	s.keys[BetaKey] = apiKey{s.teams["beta"], "write"}
	s.keys[AdminKey] = apiKey{s.teams["staff"], "admin"}
	s.routes()
	return s
}

// Start serves a new server on loopback until the test ends. The teams alpha and beta
// each have a cluster with the index 1.
func Start(t testing.TB) *Server {
	t.Helper()
	s := New()
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	s.URL = h.URL + Base
	s.AddCluster("alpha")
	s.AddCluster("beta")
	return s
}

// InProcess is Start without a socket: requests reach the server only through its
// Transport. The server can be used in a testing/synctest bubble.
func InProcess() *Server {
	s := New()
	s.URL = "https://ethproofs.test" + Base
	s.AddCluster("alpha")
	s.AddCluster("beta")
	return s
}

func (s *Server) routes() {
	s.mux = http.NewServeMux()
	for _, phase := range []string{"queued", "proving", "proved"} {
		s.handle("POST", "/proofs/"+phase, s.limited(60, s.authorized(s.write(phase))))
	}
	s.handle("GET", "/proofs", s.limited(60, s.authorized(s.listProofs)))
	s.handle("GET", "/proofs/download/{id}", s.limited(30, s.authorized(s.download)))
	s.handle("GET", "/clusters", s.authorized(s.listClusters))
	s.handle("POST", "/clusters", s.authorized(s.createCluster))
	s.handle("PATCH", "/clusters/{index}", s.authorized(s.updateCluster))
	s.handle("GET", "/blocks/{number}", s.getBlock)
	s.handle("GET", "/verification-keys/active", s.limitedByAddress(10, s.activeKeys))
	s.handle("GET", "/verification-keys/download/{id}", s.authorized(s.downloadKey))
	s.mux.HandleFunc("POST /api/verification-keys/upload", func(w http.ResponseWriter, _ *http.Request) {
		text(w, http.StatusUnauthorized, "Unauthorized")
	})
	s.mux.HandleFunc("GET "+bucket+"{name}", s.getObject)
	s.mux.HandleFunc("GET /api/verify/proofs/{id}", s.verify)
	s.mux.HandleFunc("POST /api/verify/proofs/{id}", s.verify)
}

// handle registers a route of the API.
func (s *Server) handle(method, path string, h http.HandlerFunc) {
	s.mux.HandleFunc(method+" "+Base+path, h)
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if path := r.URL.Path; len(path) > 1 && strings.HasSuffix(path, "/") {
		w.Header().Set("Location", strings.TrimRight(path, "/"))
		w.WriteHeader(http.StatusPermanentRedirect)
		return
	}
	s.observe(w, r, func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := s.mux.Handler(r); pattern == "" {
			s.unrouted(w, r)
			return
		}
		s.mux.ServeHTTP(w, r)
	})
}

// unrouted answers a request without a route as the site does: 405 without a body where
// the path has another method, and 404 otherwise.
func (s *Server) unrouted(w http.ResponseWriter, r *http.Request) {
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPatch} {
		other := r.Clone(r.Context())
		other.Method = method
		if _, pattern := s.mux.Handler(other); pattern != "" {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
	}
	w.WriteHeader(http.StatusNotFound)
}

// SetClock replaces the server's clock, which stamps rows and drives the
// limiter.
func (s *Server) SetClock(now func() time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = now
}

// SetStorageDown makes uploads of proofs to the bucket fail from now on. As on the site,
// the answer to the write does not show it.
func (s *Server) SetStorageDown(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.storageDown = down
}

// Forget removes the row and the file of a proof, as after the restore of a backup of
// the site. The row of the block stays.
func (s *Server) Forget(team string, index int, block uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.cluster(s.teams[team], index)
	for key, row := range s.proofs {
		if row.cluster == c && key.block == int64(block) {
			delete(s.stored, row.object)
			delete(s.proofs, key)
		}
	}
}

// ForgetBlock removes the row of a block and all its proofs, as after the restore of a
// backup that is older than the block.
func (s *Server) ForgetBlock(block uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.blocks, int64(block))
	for key, row := range s.proofs {
		if key.block == int64(block) {
			delete(s.stored, row.object)
			delete(s.proofs, key)
		}
	}
}

// SetRPCDown keeps the site from fetching headers from now on: the rows of blocks stay
// without a timestamp, so that they are outside every scoring window.
func (s *Server) SetRPCDown(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rpcDown = down
}
