package live

import (
	"time"

	"github.com/proofline/proofline/host/score"
	"github.com/proofline/proofline/sdk/contract"
)

// Overview is the present state of a pipeline, as the first screen shows it. Its JSON
// form is a public interface: fields may be added, but are never renamed.
type Overview struct {
	Time     time.Time `json:"time"`
	Pipeline Pipeline  `json:"pipeline"`
	Chain    Chain     `json:"chain"`
	Stages   []Stage   `json:"stages"`
	Outbox   Outbox    `json:"outbox"`
	Proving  *Proving  `json:"proving"` // nil while nothing is worked on
	Fit      *Fit      `json:"fit"`     // nil until enough blocks were proved
	Day      Day       `json:"day"`
	Score    *Score    `json:"score"` // nil until it was computed once, and if no stage makes a proof
	Hardware Hardware  `json:"hardware"`
	Alerts   []Alert   `json:"alerts"`   // open ones first, then the newest
	Failures []Failure `json:"failures"` // the newest first
	Targets  []Target  `json:"targets"`  // the newest first
	Log      []Line    `json:"log"`      // the newest first
}

// The states of a pipeline as a whole.
const (
	Starting = "starting"
	Running  = "running"
	Degraded = "degraded"
	Stopping = "stopping"
)

// Pipeline is the name and the state of the whole pipeline.
type Pipeline struct {
	Name     string    `json:"name"`
	Host     string    `json:"host"`
	Network  string    `json:"network,omitempty"` // the name of ChainID; empty if it has none
	ChainID  uint64    `json:"chain_id,omitempty"`
	Version  string    `json:"version"`
	Started  time.Time `json:"started"`
	Select   string    `json:"select"`  // which blocks are taken, as text
	State    string    `json:"state"`   // one of the states above
	Word     string    `json:"word"`    // the state for people, such as "Unhealthy"
	Reason   string    `json:"reason"`  // why it has the state, as sentences
	Proves   bool      `json:"proves"`  // a stage makes proofs
	Reports  bool      `json:"reports"` // proofs are reported to somebody who accepts or rejects them
	File     string    `json:"file"`
	Recorded int64     `json:"checkpoint_bytes"`
	Active   int       `json:"active"` // number of jobs that are not finished
}

// Chain is the state of the chain.
type Chain struct {
	Head     uint64    `json:"head"` // 0 before the first poll
	HeadTime time.Time `json:"head_time,omitzero"`
	// PaceMS is the observed time per block number, empty slots included; 0 while there
	// are too few observations.
	PaceMS int64 `json:"pace_ms,omitempty"`
	// DelayMS is the median time from a block's timestamp until it was seen.
	DelayMS int64 `json:"delay_ms,omitempty"`
	// Next is the next number that the selection takes; 0 if there is none.
	Next uint64 `json:"next,omitempty"`
	// NextTime is an estimate of when Next will be seen, from the head's time, the pace
	// and the delay. It is zero while the pace is not known.
	NextTime time.Time `json:"next_time,omitzero"`
}

// Stage is one card of the graph.
type Stage struct {
	Name    string        `json:"name"`
	Kind    contract.Kind `json:"kind"`
	Flag    string        `json:"flag,omitempty"` // gate or shadow
	Plugin  string        `json:"plugin"`
	Version string        `json:"version"`
	After   []string      `json:"after"` // the stages from which an edge leads to this one
	Column  int           `json:"column"`
	Row     int           `json:"row"`
	State   string        `json:"state"` // running, idle, waiting, paused, stuck, starting, down
	Doing   string        `json:"doing"` // what it does now, as text
	Queue   int           `json:"queue"` // number of jobs, or of a reporter's events, that wait
	// QueuedSince is when the oldest waiting job was accepted, or when the oldest waiting
	// event of a reporter was written.
	QueuedSince time.Time `json:"queued_since,omitzero"`
	Running     int       `json:"running"` // number of attempts
	Restarts    int       `json:"restarts"`
	Memory      int64     `json:"memory_bytes"` // resident memory of the plugin and all that it started; 0 if unknown
	Done        uint64    `json:"processed"`
	Failed      uint64    `json:"failed"`
	Since       time.Time `json:"since,omitzero"` // when State began, if it is paused, down or starting
	// Endpoints are the services that the plugin depends on; their counts begin with
	// its process.
	Endpoints []contract.Endpoint `json:"endpoints,omitempty"`
}

// Outbox is the state of the events that wait to be reported.
type Outbox struct {
	Waiting int    `json:"waiting"`
	Text    string `json:"words"`
}

// Proving is the block that is worked on now.
type Proving struct {
	Target
	// CountedMS is the counted time before CountedSince. The time since then counts, too.
	CountedMS    int64     `json:"counted_ms"`
	CountedSince time.Time `json:"counted_since,omitzero"`
	PredictedMS  int64     `json:"predicted_ms,omitempty"` // from its gas; 0 without a Fit
	LowMS        int64     `json:"low_ms,omitempty"`
	HighMS       int64     `json:"high_ms,omitempty"`
	LimitMS      int64     `json:"limit_ms"` // the score's limit of the proving time
	Stage        string    `json:"stage"`
	Step         string    `json:"step"`
	Fraction     float64   `json:"fraction"` // 0 to 1; negative when unknown
	Marks        []Mark    `json:"marks"`
}

// Mark is a moment on a block's way through the stages.
type Mark struct {
	Name string `json:"name"`
	AtMS int64  `json:"at_ms"` // since the block's timestamp
}

// Fit is the least-squares line through the proving times of the last 24 hours, over gas.
type Fit struct {
	BaseMS    float64 `json:"base_ms"`         // proving time without gas
	PerMgasMS float64 `json:"per_mgas_ms"`     // proving time for a million gas
	R2        float64 `json:"r2"`              // coefficient of determination
	MedianMS  float64 `json:"median_error_ms"` // median distance from the line
	P95MS     float64 `json:"p95_error_ms"`    // 95th percentile of the distance
	Blocks    int     `json:"blocks"`          // number of blocks
}

// Day sums up the targets of the last 24 hours that have ended.
type Day struct {
	Targets  int     `json:"targets"`
	Accepted int     `json:"accepted"` // late ones included; the done ones if nothing is reported
	Late     int     `json:"late"`
	Failed   int     `json:"failed"`
	Rejected int     `json:"rejected"`
	Skipped  int     `json:"skipped"`
	MedianMS int64   `json:"median_ms,omitempty"` // block timestamp to acceptance
	P95MS    int64   `json:"p95_ms,omitempty"`
	EnergyWh float64 `json:"energy_wh,omitempty"` // mean of the proofs, from the GPUs' power
	Cost     float64 `json:"cost,omitempty"`      // mean of the proofs, in Currency
	Currency string  `json:"currency,omitempty"`
}

// Score is the present score and its course over time.
type Score struct {
	score.Report
	Course []score.Point `json:"course"`
}

// Outcomes of a target.
const (
	Accepted  = "accepted"
	Late      = "late" // accepted, but not within the score's limit
	Done      = "done" // done in every stage; no reporter has a receiver for the proof
	Reporting = "reporting"
	Failed    = "failed"
	Rejected  = "rejected" // the proof was made, but the receiver of a reporter refused it
	Skipped   = "skipped"
	Waiting   = "waiting"
	Working   = "running"
)

// Target is one block in lists and in the strip of blocks. It can be compared with ==.
type Target struct {
	Job        string    `json:"job"`
	Number     uint64    `json:"number"`
	Hash       string    `json:"hash"`
	Time       time.Time `json:"time"`
	Gas        uint64    `json:"gas_used"`
	Txs        uint32    `json:"tx_count"`
	Outcome    string    `json:"outcome"`
	ProvingMS  int64     `json:"proving_time_ms,omitempty"`
	WorkMS     int64     `json:"work_ms,omitempty"`  // of all working stages except shadows and the source
	TotalMS    int64     `json:"total_ms,omitempty"` // block timestamp to acceptance, or to the job's end
	Attempts   uint32    `json:"attempts"`           // of the stage with the most attempts
	Orphaned   bool      `json:"orphaned,omitempty"`
	AfterReorg bool      `json:"after_reorg,omitempty"` // another hash of its number was worked on
	Remark     string    `json:"remark,omitempty"`
	Ended      time.Time `json:"ended,omitzero"`
}

// Failure is a block that needs the operator.
type Failure struct {
	Job     string    `json:"job"`
	Number  uint64    `json:"number"`
	At      time.Time `json:"at"`
	Stage   string    `json:"stage"`
	Class   string    `json:"class"`
	Reason  string    `json:"reason"`
	Remedy  string    `json:"remedy,omitempty"`
	Command string    `json:"command,omitempty"`
	Topic   string    `json:"topic,omitempty"` // page of the documentation, "troubleshooting#the-prover"
	Open    bool      `json:"open"`            // false once it was retried, or if the block is an orphan
}

// Levels of alerts.
const (
	LevelError   = "error"
	LevelWarning = "warning"
	LevelInfo    = "info"
)

// Alert is a Condition with the time when it began and ended.
type Alert struct {
	ID      string    `json:"id"` // of the condition; the same one has the same id again
	Level   string    `json:"level"`
	Since   time.Time `json:"since"`
	Until   time.Time `json:"until,omitzero"` // zero while it lasts
	Title   string    `json:"title"`
	Text    string    `json:"text"`
	Remedy  string    `json:"remedy,omitempty"`
	Command string    `json:"command,omitempty"`
	Topic   string    `json:"topic,omitempty"` // as in a Failure
	Stage   string    `json:"stage,omitempty"`
	Block   uint64    `json:"block,omitempty"`
}

// StageSpan is the work of a stage in one span of ten minutes.
type StageSpan struct {
	From     time.Time `json:"from"`
	MedianMS int64     `json:"median_ms"`
	MaxMS    int64     `json:"max_ms"`
	Done     int       `json:"done"`
}

// Charts is the data of the last 24 hours for the plots below the first screen.
type Charts struct {
	Time   time.Time              `json:"time"`
	Dots   []Dot                  `json:"dots"` // the newest last
	Stages map[string][]StageSpan `json:"stages"`
	GPU    []Reading              `json:"gpu"` // the last hour, the newest last
	Shadow []Pairs                `json:"shadow"`
}

// Dot is one proved block.
type Dot struct {
	Number    uint64    `json:"n"`
	Time      time.Time `json:"t"`
	Gas       uint64    `json:"g"`
	ProvingMS int64     `json:"p"`
	TotalMS   int64     `json:"a,omitempty"` // to acceptance
}

// Pairs compares a shadow stage with the stage that is reported.
type Pairs struct {
	Shadow string `json:"shadow"`
	Stage  string `json:"stage"`
	Blocks []Pair `json:"blocks"`
}

// Pair is a block that both stages have proved.
type Pair struct {
	Number uint64 `json:"n"`
	Gas    uint64 `json:"g"`
	MS     int64  `json:"ms"`        // proving time of the reported stage
	Shadow int64  `json:"shadow_ms"` // proving time of the shadow stage
}

// network returns the name of a well-known chain, or "".
func network(id uint64) string {
	switch id {
	case 1:
		return "mainnet"
	case 11155111:
		return "sepolia"
	case 560048:
		return "hoodi"
	}
	return ""
}
