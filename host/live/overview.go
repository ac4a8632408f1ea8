package live

import (
	"time"

	"github.com/proofline/proofline/host/score"
	"github.com/proofline/proofline/sdk/contract"
)

// Overview is what the first screen shows. Its JSON form is part of the product:
// fields are added, never renamed.
type Overview struct {
	Time     time.Time `json:"time"`
	Pipeline Pipeline  `json:"pipeline"`
	Chain    Chain     `json:"chain"`
	Stages   []Stage   `json:"stages"`
	Outbox   Outbox    `json:"outbox"`
	Proving  *Proving  `json:"proving"` // nil while nothing is worked on
	Fit      *Fit      `json:"fit"`     // nil until enough blocks were proved
	Day      Day       `json:"day"`
	Score    *Score    `json:"score"` // nil until it was judged once, and where no stage makes a proof
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

// Pipeline says which pipeline this is and how it is, in a word and a sentence.
type Pipeline struct {
	Name     string    `json:"name"`
	Host     string    `json:"host"`
	Network  string    `json:"network,omitempty"` // a name for ChainID where it has one
	ChainID  uint64    `json:"chain_id,omitempty"`
	Version  string    `json:"version"`
	Started  time.Time `json:"started"`
	Select   string    `json:"select"` // in words
	State    string    `json:"state"`
	Word     string    `json:"word"`
	Reason   string    `json:"reason"`
	Proves   bool      `json:"proves"`  // a stage makes proofs
	Reports  bool      `json:"reports"` // a reporter's other side has taken a proof, or is to
	File     string    `json:"file"`
	Recorded int64     `json:"checkpoint_bytes"`
	Active   int       `json:"active"` // jobs that are not finished
}

// Chain is where the chain stands.
type Chain struct {
	Head     uint64    `json:"head"` // 0 before the first poll
	HeadTime time.Time `json:"head_time,omitzero"`
	// PaceMS is the time per block number as it was observed, empty slots
	// included; 0 while too little was seen.
	PaceMS int64 `json:"pace_ms,omitempty"`
	// DelayMS is how long after its timestamp a block was seen, usually.
	DelayMS int64 `json:"delay_ms,omitempty"`
	// Next is the next number that the selection takes; 0 where there is none.
	Next uint64 `json:"next,omitempty"`
	// NextTime is when Next is expected here: the head's time, the pace and the
	// usual delay. It is an estimate; zero while there is nothing to go by.
	NextTime time.Time `json:"next_time,omitzero"`
}

// Stage is one card of the graph.
type Stage struct {
	Name    string        `json:"name"`
	Kind    contract.Kind `json:"kind"`
	Flag    string        `json:"flag,omitempty"` // gate or shadow
	Plugin  string        `json:"plugin"`
	Version string        `json:"version"`
	After   []string      `json:"after"` // the stages from which an edge leads here
	Column  int           `json:"column"`
	Row     int           `json:"row"`
	State   string        `json:"state"` // running, idle, waiting, paused, stuck, starting, down
	Doing   string        `json:"doing"` // in words
	Queue   int           `json:"queue"`
	// QueuedSince is when the oldest of what waits was taken up, of a reporter when
	// its oldest unsent event was written.
	QueuedSince time.Time `json:"queued_since,omitzero"`
	Running     int       `json:"running"` // attempts
	Restarts    int       `json:"restarts"`
	Memory      int64     `json:"memory_bytes"` // resident, of the plugin and all that it started; 0 unknown
	Done        uint64    `json:"processed"`
	Failed      uint64    `json:"failed"`
	Since       time.Time `json:"since,omitzero"` // of State, where it is paused, down or starting
	// Endpoints are the services that the plugin depends on; their counts begin with
	// its process.
	Endpoints []contract.Endpoint `json:"endpoints,omitempty"`
}

// Outbox is what reporters owe.
type Outbox struct {
	Waiting int    `json:"waiting"`
	Words   string `json:"words"`
}

// Proving is the block that is worked on now.
type Proving struct {
	Target
	// Counted is the time counted so far before CountedSince, which goes on.
	CountedMS    int64     `json:"counted_ms"`
	CountedSince time.Time `json:"counted_since,omitzero"`
	PredictedMS  int64     `json:"predicted_ms,omitempty"` // from its gas; 0 without a Fit
	LowMS        int64     `json:"low_ms,omitempty"`
	HighMS       int64     `json:"high_ms,omitempty"`
	LimitMS      int64     `json:"limit_ms"` // the score's
	Stage        string    `json:"stage"`
	Step         string    `json:"step"`
	Fraction     float64   `json:"fraction"` // 0 to 1; negative when unknown
	Marks        []Mark    `json:"marks"`
}

// Mark is a moment on a block's way, since its timestamp.
type Mark struct {
	Name string `json:"name"`
	AtMS int64  `json:"at_ms"`
}

// Fit is the line through the proving times of the last 24 hours.
type Fit struct {
	BaseMS    float64 `json:"base_ms"`
	PerMgasMS float64 `json:"per_mgas_ms"`
	R2        float64 `json:"r2"`
	MedianMS  float64 `json:"median_error_ms"`
	P95MS     float64 `json:"p95_error_ms"`
	Blocks    int     `json:"blocks"`
}

// Day sums up the targets of the last 24 hours that have ended.
type Day struct {
	Targets  int     `json:"targets"`
	Accepted int     `json:"accepted"` // late ones included; where nothing is reported, the done ones
	Late     int     `json:"late"`
	Failed   int     `json:"failed"`
	Rejected int     `json:"rejected"`
	Skipped  int     `json:"skipped"`
	MedianMS int64   `json:"median_ms,omitempty"` // block timestamp to acceptance
	P95MS    int64   `json:"p95_ms,omitempty"`
	EnergyWh float64 `json:"energy_wh,omitempty"` // mean of a proof, by the GPUs' power
	Cost     float64 `json:"cost,omitempty"`      // mean of a proof, in Currency
	Currency string  `json:"currency,omitempty"`
}

// Score is the standing with the way to it.
type Score struct {
	score.Report
	Course []score.Point `json:"course"`
}

// Outcomes of a target.
const (
	Accepted  = "accepted"
	Late      = "late" // accepted, but not within the score's limit
	Done      = "done" // through every stage; no reporter has another side for it
	Reporting = "reporting"
	Failed    = "failed"
	Rejected  = "rejected" // the proof is there, a reporter's other side refused it
	Skipped   = "skipped"
	Waiting   = "waiting"
	Working   = "running"
)

// Target is one block as lists and the strip show it. It can be compared with ==.
type Target struct {
	Job        string    `json:"job"`
	Number     uint64    `json:"number"`
	Hash       string    `json:"hash"`
	Time       time.Time `json:"time"`
	Gas        uint64    `json:"gas_used"`
	Txs        uint32    `json:"tx_count"`
	Outcome    string    `json:"outcome"`
	ProvingMS  int64     `json:"proving_time_ms,omitempty"`
	WorkMS     int64     `json:"work_ms,omitempty"`  // of all working stages but shadows and the source
	TotalMS    int64     `json:"total_ms,omitempty"` // block timestamp to acceptance, else to its end
	Attempts   uint32    `json:"attempts"`           // of the stage that took most
	Orphaned   bool      `json:"orphaned,omitempty"`
	AfterReorg bool      `json:"after_reorg,omitempty"` // another hash of its number was worked on
	Remark     string    `json:"remark,omitempty"`
	Ended      time.Time `json:"ended,omitzero"`
}

// Failure is a block that needs somebody.
type Failure struct {
	Job     string    `json:"job"`
	Number  uint64    `json:"number"`
	At      time.Time `json:"at"`
	Stage   string    `json:"stage"`
	Class   string    `json:"class"`
	Reason  string    `json:"reason"`
	Remedy  string    `json:"remedy,omitempty"`
	Command string    `json:"command,omitempty"`
	Topic   string    `json:"topic,omitempty"` // of the documentation, "troubleshooting#the-prover"
	Open    bool      `json:"open"`
}

// Levels of alerts.
const (
	LevelError   = "error"
	LevelWarning = "warning"
	LevelInfo    = "info"
)

// Alert is a condition that somebody should know of.
type Alert struct {
	ID      string    `json:"id"` // of the condition: the same one gets the same id
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

// StageSpan is the time of a stage in ten minutes.
type StageSpan struct {
	From     time.Time `json:"from"`
	MedianMS int64     `json:"median_ms"`
	MaxMS    int64     `json:"max_ms"`
	Done     int       `json:"done"`
}

// Charts is what the plots below the first screen are drawn from: the last 24 hours.
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

// Pairs holds a shadow stage beside the stage that is reported.
type Pairs struct {
	Shadow string `json:"shadow"`
	Stage  string `json:"stage"`
	Blocks []Pair `json:"blocks"`
}

// Pair is a block that both have proved.
type Pair struct {
	Number uint64 `json:"n"`
	Gas    uint64 `json:"g"`
	MS     int64  `json:"ms"`
	Shadow int64  `json:"shadow_ms"`
}

// network names the chains that people know by name.
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
