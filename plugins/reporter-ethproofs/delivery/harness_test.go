package delivery

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/proofline/proofline/plugins/reporter-ethproofs/ethproofs"
	"github.com/proofline/proofline/plugins/reporter-ethproofs/ethproofstest"
	"github.com/proofline/proofline/plugins/reporter-ethproofs/ledger"
	"github.com/proofline/proofline/sdk/contract"
)

// The variables that point the suite at a real EthProofs server.
const (
	envURL     = "PROOFLINE_ETHPROOFS_URL"
	envKey     = "PROOFLINE_ETHPROOFS_KEY"
	envCluster = "PROOFLINE_ETHPROOFS_CLUSTER"
)

// fixture is a sender with a server to talk to. Faults and the record of calls
// sit in the sender's transport, so that the same test runs against a real
// server.
type fixture struct {
	t       *testing.T
	server  *ethproofstest.Server // nil for a real server
	options Options
	key     string
	dir     string
	calls   *recorder
	sender  *Sender
	logs    *lockedBuffer
	kept    map[string][]byte // number/name -> body

	restartBefore bool // restart the sender before every event

	mu    sync.Mutex
	taken map[uint64]Event // by number: the proofs that the server has taken
}

// onServer runs the test against the server that the environment names, and
// otherwise against a fake one in virtual time.
func onServer(t *testing.T, test func(*testing.T, *fixture)) {
	t.Helper()
	if os.Getenv(envURL) == "" {
		onFake(t, func(_ *testing.T, b *fixture) { b.run(test) })
		return
	}
	base, err := ethproofs.ParseURL(os.Getenv(envURL))
	if err != nil {
		t.Fatalf("%s: %v", envURL, err)
	}
	cluster, err := strconv.Atoi(os.Getenv(envCluster))
	if err != nil {
		t.Fatalf("%s: %v", envCluster, err)
	}
	b := newFixture(t, base, cluster, os.Getenv(envKey), http.DefaultTransport)
	b.options.GiveUp = 3 * time.Minute // a server that is away must not hang the suite
	b.restart()
	t.Cleanup(b.close)
	b.run(test)
}

// onFake runs the test against a fake server, in virtual time.
func onFake(t *testing.T, test func(*testing.T, *fixture)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		server := ethproofstest.InProcess()
		b := newFixture(t, server.URL, 1, ethproofstest.AlphaKey, server.Transport())
		b.server = server
		t.Cleanup(b.close)
		test(t, b)
	})
}

// run runs the test and then reads back whatever the server has taken in it.
func (b *fixture) run(test func(*testing.T, *fixture)) {
	b.t.Helper()
	test(b.t, b)
	count, err := b.readBack()
	if err != nil {
		b.t.Error(err)
	}
	b.t.Logf("%d stored rows and proofs read back", count)
}

func newFixture(t *testing.T, base string, cluster int, key string, transport http.RoundTripper) *fixture {
	b := &fixture{t: t, key: key, dir: memory(t), calls: &recorder{next: transport}, logs: new(lockedBuffer), kept: make(map[string][]byte), taken: make(map[uint64]Event)}
	b.options = Options{URL: base, Cluster: cluster, GiveUp: 168 * time.Hour, MaxProofBytes: ethproofs.MaxProofBytes,
		Log: slog.New(slog.NewTextHandler(b.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	b.start()
	return b
}

// memory is a directory in memory where there is one: what a test of thousands of
// transactions waits for on a disk says nothing about the sender.
func memory(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "proofline-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func (b *fixture) start() {
	b.t.Helper()
	store, err := ledger.Open(filepath.Join(b.dir, "ledger.db"))
	if err != nil {
		b.t.Fatal(err)
	}
	client := ethproofs.NewClient(b.options.URL, b.key, "proofline-test", 30*time.Second, b.calls)
	pace := ethproofs.NewPace(50, 5)
	pace.Persist(filepath.Join(b.dir, "pace.json"))
	b.sender = New(b.options, client, store, pace)
}

func (b *fixture) close() {
	b.t.Helper()
	if err := b.sender.Close(); err != nil {
		b.t.Fatal(err)
	}
	if bytes.Contains(b.logs.Bytes(), []byte(b.key)) {
		b.t.Error("the key is in the log")
	}
}

func (b *fixture) restart() {
	b.t.Helper()
	if err := b.sender.Close(); err != nil {
		b.t.Fatal(err)
	}
	b.start()
}

// report delivers an event as the host's outbox does: again while the error is
// retryable, after the pause it asks for.
func (b *fixture) report(event Event) (facts map[string]string, err error) {
	b.t.Helper()
	for event.Try = 1; ; event.Try++ {
		if b.restartBefore {
			b.restart()
		}
		facts, err = b.sender.Deliver(b.t.Context(), event)
		if err != nil && strings.Contains(err.Error(), b.key) {
			b.t.Fatal("the key is in the error")
		}
		classed, _ := errors.AsType[*contract.Error](err)
		if err == nil && event.Kind == contract.EventProved && contract.HasProof(facts[FactOutcome]) {
			b.mu.Lock()
			b.taken[event.Block.Number] = event
			b.mu.Unlock()
		}
		if classed == nil || classed.Class != contract.ClassRetryable {
			return facts, err
		}
		time.Sleep(classed.After)
	}
}

// must reports events that have to succeed and returns the outcomes.
func (b *fixture) must(events ...Event) []string {
	b.t.Helper()
	var outcomes []string
	for _, event := range events {
		facts, err := b.report(event)
		if err != nil {
			b.t.Fatalf("%s of block %d: %v", event.Kind, event.Block.Number, err)
		}
		outcomes = append(outcomes, facts[FactOutcome])
	}
	return outcomes
}

var blockCount atomic.Uint64

// block returns a number that no test used before, and that a real server will
// not have seen.
func newBlock() contract.Block {
	number := 90_000_000 + uint64(os.Getpid())%1000*1000 + blockCount.Add(1)
	if os.Getenv(envURL) != "" {
		number = 90_000_000 + uint64(time.Now().UnixMilli()/10)%9_000_000 + blockCount.Add(1)
	}
	return withHash(contract.Block{ChainID: 1, Number: number}, 1)
}

func withHash(block contract.Block, fork byte) contract.Block {
	block.Hash = sha256.Sum256(append(binary.BigEndian.AppendUint64(nil, block.Number), fork))
	return block
}

var testProof = bytes.Repeat([]byte("a proof of the delivery test "), 40)

func (b *fixture) event(kind contract.EventKind, block contract.Block) Event {
	event := Event{Kind: kind, Block: block, Time: time.Now(), Facts: map[string]string{},
		Keep: func(name string, body []byte) error {
			b.kept[strconv.FormatUint(block.Number, 10)+"/"+name] = body
			return nil
		}}
	if kind == contract.EventProved {
		event.Facts = map[string]string{contract.FactProvingTimeMS: "8123", contract.FactCycles: "123456789", contract.FactVerifierID: "guest-1"}
		event.Proof = func() ([]byte, error) { return testProof, nil }
	}
	return event
}

func (b *fixture) phases(block contract.Block) []Event {
	return []Event{b.event(contract.EventQueued, block), b.event(contract.EventProving, block), b.event(contract.EventProved, block)}
}

// recorder is a transport that records writes and injects faults on this side.
type recorder struct {
	next http.RoundTripper

	mu     sync.Mutex
	writes []string
	asked  []string // hosts
	at     []time.Time
	fault  func(phase string, n int) string // "lose request", "lose reply" or ""
}

func (w *recorder) RoundTrip(r *http.Request) (*http.Response, error) {
	w.mu.Lock()
	if !slices.Contains(w.asked, r.URL.Host) {
		w.asked = append(w.asked, r.URL.Host)
	}
	w.mu.Unlock()
	if r.Method != http.MethodPost {
		return w.next.RoundTrip(r)
	}
	phase := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	w.mu.Lock()
	at := len(w.writes)
	w.writes = append(w.writes, phase+" lost")
	w.at = append(w.at, time.Now())
	fault := ""
	if w.fault != nil {
		fault = w.fault(phase, at)
	}
	w.mu.Unlock()
	if fault == "lose request" {
		return nil, io.ErrUnexpectedEOF
	}
	response, err := w.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if fault == "lose reply" {
		response.Body.Close()
		return nil, io.ErrUnexpectedEOF
	}
	w.mu.Lock()
	w.writes[at] = phase + " " + strconv.Itoa(response.StatusCode)
	w.mu.Unlock()
	return response, nil
}

// sent returns the writes so far, in the order in which they were sent.
func (w *recorder) sent() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.writes)
}

// hosts returns the hosts that were asked so far.
func (w *recorder) hosts() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.asked)
}

// times returns when each write was sent.
func (w *recorder) times() []time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.at)
}

func (w *recorder) sequence() string { return strings.Join(w.sent(), ", ") }

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) Bytes() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Clone(l.b.Bytes())
}

func classOf(err error) contract.Class {
	if err == nil {
		return ""
	}
	return contract.ClassOf(err)
}
