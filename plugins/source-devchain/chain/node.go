package chain

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/rawdb"
	"github.com/ethereum/go-ethereum/core/stateless"
	"github.com/ethereum/go-ethereum/eth"
	"github.com/ethereum/go-ethereum/eth/ethconfig"
	gethnode "github.com/ethereum/go-ethereum/node"
	"github.com/ethereum/go-ethereum/p2p"
	"github.com/ethereum/go-ethereum/rpc"
)

// node is a go-ethereum node without network. Its database can be rebuilt from the journal
// at any time.
type node struct {
	stack *gethnode.Node
	*eth.Ethereum
}

const databaseDir = "node"

// openNode opens the database below dir, or creates one with the genesis block.
func openNode(dir string, genesis *core.Genesis) (*node, error) {
	config := gethnode.DefaultConfig
	config.Name = "devchain"
	config.DataDir = filepath.Join(dir, databaseDir)
	config.P2P = p2p.Config{NoDiscovery: true, NoDial: true}
	config.IPCPath, config.HTTPHost, config.WSHost = "", "", ""
	config.DBEngine = rawdb.DBPebble
	stack, err := gethnode.New(&config)
	if err != nil {
		return nil, err
	}
	backend, err := eth.New(stack, nodeConfig(genesis))
	if err != nil {
		return nil, errors.Join(err, stack.Close())
	}
	n := &node{stack: stack, Ethereum: backend}
	if err := stack.Start(); err != nil {
		return nil, err // Start closes what it has opened
	}
	return n, nil
}

// nodeConfig configures an archive node with small caches and no indexes. It keeps every
// state, so that it can make the witness of any block.
func nodeConfig(genesis *core.Genesis) *ethconfig.Config {
	config := ethconfig.Defaults
	config.Genesis = genesis
	config.NetworkId = ID
	config.SyncMode = ethconfig.FullSync
	config.StateScheme = rawdb.HashScheme
	config.NoPruning = true
	config.NoPrefetch = true
	config.LogNoHistory = true
	config.DatabaseCache, config.DatabaseHandles = 32, 64
	config.TrieCleanCache, config.TrieDirtyCache, config.SnapshotCache = 16, 0, 0
	config.FilterLogCacheSize = 1
	config.TxPool.NoLocals, config.TxPool.Journal = true, ""
	config.BlobPool.Datadir = "" // in memory
	config.Miner.GasCeil = genesis.GasLimit
	return &config
}

func (n *node) close() error { return n.stack.Close() }

// removeDatabase deletes the database below dir.
func removeDatabase(dir string) error { return os.RemoveAll(filepath.Join(dir, databaseDir)) }

// debugAPI is the read-only part of the debug namespace. The other methods could rewind the
// chain and write files.
type debugAPI struct{ node *eth.DebugAPI }

// ExecutionWitness serves debug_executionWitness.
func (a debugAPI) ExecutionWitness(block rpc.BlockNumberOrHash) (*stateless.ExtWitness, error) {
	return a.node.ExecutionWitness(block)
}

// server serves JSON-RPC on a loopback port.
type server struct {
	rpc      *rpc.Server
	http     *http.Server
	endpoint string
	done     chan error
}

// serve starts a server for the namespaces eth, net and web3, and the read-only
// part of debug, on a free port of 127.0.0.1.
func (n *node) serve() (*server, error) {
	handler := rpc.NewServer()
	for _, api := range n.APIs() {
		if api.Namespace == "eth" || api.Namespace == "net" {
			if err := handler.RegisterName(api.Namespace, api.Service); err != nil {
				return nil, err
			}
		}
	}
	if err := errors.Join(
		handler.RegisterName("debug", debugAPI{eth.NewDebugAPI(n.Ethereum)}),
		handler.RegisterName("web3", web3API{}),
	); err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for JSON-RPC: %w", err)
	}
	s := &server{
		rpc:      handler,
		http:     &http.Server{Handler: localOnly(handler), ReadHeaderTimeout: 10 * time.Second},
		endpoint: "http://" + listener.Addr().String(),
		done:     make(chan error, 1),
	}
	go func() { s.done <- s.http.Serve(listener) }()
	return s, nil
}

func (s *server) close() error {
	err := s.http.Close()
	s.rpc.Stop()
	if served := <-s.done; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// localOnly refuses requests whose Host is no loopback address. A web page could send such
// requests by a DNS name that points to loopback.
func localOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			http.Error(w, "only for this machine", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// web3API serves the web3 namespace.
type web3API struct{}

// ClientVersion serves web3_clientVersion.
func (web3API) ClientVersion() string { return clientVersion }

// Sha3 serves web3_sha3.
func (web3API) Sha3(input hexutil.Bytes) hexutil.Bytes { return keccak(input) }
