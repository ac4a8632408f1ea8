package main

// figure is something that is measured, with its limit.
type figure struct {
	Name  string  `json:"name"`
	Unit  string  `json:"unit,omitempty"`
	Limit float64 `json:"limit"`
	Least bool    `json:"at_least,omitempty"` // the value must be at least the limit, not at most
	// Guard is the value from which on the figure counts as a regression. It is so far
	// beyond the limit that a busy machine does not reach it. 0 for no guard.
	Guard float64 `json:"guard,omitempty"`

	// Parts say why the value is not smaller: parts of it, and what shares the processors
	// with it. They are measured in the same run and printed with a missed figure.
	Parts []part `json:"parts,omitempty"`

	in  *run
	key string // name of the test's attribute, or unit of the benchmark's metric
}

// part is a value that is measured together with a figure.
type part struct {
	Name  string   `json:"name"`
	Value *float64 `json:"value"`

	key string
}

// toolParts are the times that the process of the tool itself needs in a gap. They are
// measured with the double of the tool alone.
var toolParts = []part{{Name: "the bare start of the tool, ms", key: "tool-start-ms"}, {Name: "its end", key: "tool-end-ms"}}

// run is one call of go test, which measures one or several figures.
type run struct {
	pkg       string
	test      string // name of the test or benchmark
	benchmark bool
}

var (
	footprint = &run{pkg: "./cmd/proofline/e2e", test: "TestFootprint"}
	start     = &run{pkg: "./cmd/proofline/e2e", test: "TestHeadToStart"}
	slots     = &run{pkg: "./plugins/internal/ethnode", test: "TestSlotClock"}
	gap       = &run{pkg: "./cmd/proofline/e2e", test: "TestGap"}
	post      = &run{pkg: "./cmd/proofline/e2e", test: "TestUnsoundProofIsNotReported"}
	engine    = &run{pkg: "./host", test: "BenchmarkEngine", benchmark: true}
	backfill  = &run{pkg: "./host", test: "BenchmarkBackfill", benchmark: true}
	million   = &run{pkg: "./host", test: "BenchmarkHistory", benchmark: true}
	claims    = &run{pkg: "./host/engine", test: "BenchmarkClaims", benchmark: true}
	gate      = &run{pkg: "./plugins/internal/stateless", test: "BenchmarkBesideBare", benchmark: true}
	day       = &run{pkg: "./host/simulate", test: "BenchmarkDay", benchmark: true}
)

// figures are all figures in the order in which they are measured. A figure that needs real
// blocks or proofs is not measured if these are absent.
var figures = []figure{
	{Name: "head to prover start, heads announced, gate confirming", Unit: "× the indispensable", Limit: 1.5, in: start, key: "announced-by-floor", Parts: []part{
		{Name: "by what processes need that hand each other files", key: "announced-by-processes"}, {Name: "which is the indispensable, ms", key: "floor-ms"}, {Name: "the witness read, decoded and hashed again by the builder", key: "again-ms"}, {Name: "the bare start of the tool", key: "tool-start-ms"}, {Name: "until the block was fetched and checked", key: "until-fetched-ms"}, {Name: "until the input was built", key: "until-built-ms"},
		{Name: "until the tool began", key: "until-tool-ms"}, {Name: "the gate, which begins beside the tool", key: "gate-ms"}}},
	{Name: "head to prover start, polled as densely as while a block is due, gate confirming", Unit: "× the indispensable", Limit: 2, in: start, key: "polled-by-floor", Parts: []part{{Name: "ms", key: "polled-ms"}}},
	{Name: "head found later, polled, by the clock of the slots", Unit: "ms", Limit: 25, Guard: 100, in: slots, key: "slot-delay-ms"},
	{Name: "looks at the head in a slot for that", Limit: 20, Guard: 60, in: slots, key: "looks-per-slot"},
	{Name: "gap between two proofs of a queue, without the tool's start and end", Unit: "ms", Limit: 12, in: gap, key: "plain-own-ms", Parts: append(toolParts,
		part{Name: "the whole gap", key: "plain-gap-ms"}, part{Name: "the whole gap when the tool needs 50 ms from its figures to its end", key: "ready-gap-ms"})},
	{Name: "gap between two proofs of a queue, whole, with services to end", Unit: "ms", Limit: 40, in: gap, key: "cleaning-gap-ms", Parts: toolParts},
	{Name: "end of the tool to the request with the proof", Unit: "ms", Limit: 20, in: post, key: "proof-to-post-ms", Parts: []part{
		{Name: "the last block's, beside which no proof begins, ms", key: "last-proof-to-post-ms"}, {Name: "with a tool that needs 50 ms from its figures to its end", key: "proof-to-post-after-slow-end-ms"}, {Name: "the verification, on all processors", key: "verification-ms"}, {Name: "three commits, of record, try and ledger", key: "three-commits-ms"}}},
	{Name: "four stages that do nothing: bare transactions by engine", Limit: 0.5, Least: true, Guard: 0.2, in: engine, key: "raw/engine", Parts: []part{{Name: "share of the time in which the checkpoint is written", key: "committing/engine"}, {Name: "with the attempts' directories in memory: bare transactions by engine", key: "raw/engine-in-memory"}}},
	{Name: "the same with a history: without it by with it", Limit: 0.8, Least: true, Guard: 0.4, in: engine, key: "fresh/history"},
	{Name: "commits for a block of four stages", Limit: 9, Guard: 16, in: engine, key: "commits/block"},
	{Name: "after a million blocks: processor for a block by that before", Limit: 1.2, in: million, key: "cpu-million/fresh"},
	{Name: "backfill of 10,000 blocks, 16 at a time, one of 64 shards: processor for a block late by early", Limit: 1.2, in: backfill, key: "late/early"},
	{Name: "a claim with 100,000 waiting by one with 100, either way", Limit: 1.2, Guard: 2, in: claims, key: "slowest/fastest", Parts: []part{{Name: "microseconds of a claim with 100", key: "µs-with-100"}, {Name: "with 100,000", key: "µs-with-100000"}, {Name: "of a job removed from a queue alone and put into it again, the same ratio", key: "queue-slowest/fastest"}}},
	{Name: "start until it runs", Unit: "ms", Limit: 250, in: footprint, key: "start-ms"},
	{Name: "the first start, which reads every plugin", Unit: "ms", Limit: 250, in: footprint, key: "first-start-ms"},
	{Name: "start until it runs, time of a processor", Unit: "ms", Limit: 450, Guard: 2500, in: footprint, key: "start-cpu-ms"},
	{Name: "resident memory idle, host, 4 keepers, 4 plugins", Unit: "MB", Limit: 150, Guard: 240, in: footprint, key: "resident-mb"},
	// Each plugin is a program of its own. gRPC, protocol buffers and TLS need 11.4 MB in
	// each of them, 171 MB in 15. Another quarter of each is needed for the exporters of
	// tracing (1.25 MB), and for methods that the linker must keep because go-plugin and the
	// command line library use net/rpc and text/template (3.3 MB).
	{Name: "all programs on disk", Unit: "MB", Limit: 380, Guard: 600, in: footprint, key: "programs-mb"},
	{Name: "wake-ups idle", Unit: "/s", Limit: 50, Guard: 200, in: footprint, key: "wakeups-per-s"},
	{Name: "processor idle", Unit: "% of a core", Limit: 1, Guard: 4, in: footprint, key: "cpu-percent"},
	{Name: "gate by core.ExecuteStateless, which checks less", Limit: 0.7, Guard: 1.8, in: gate, key: "ours/bare", Parts: []part{{Name: "the same of the processors' time", key: "cpu-ours/bare"}}},
	{Name: "a simulated day of 7,200 blocks, time of a processor", Unit: "s", Limit: 10, Guard: 30, in: day, key: "cpu-s/day"},
}
