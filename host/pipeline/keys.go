package pipeline

import (
	"strings"
	"time"

	"github.com/proofline/proofline/sdk/contract"
)

// Type is the type of a key's value.
type Type string

// The types of values.
const (
	TypeSection  Type = "mapping"
	TypeConfig   Type = "mapping, as the plugin describes it"
	TypeNumber   Type = "whole number"
	TypeBlock    Type = "block number"
	TypeDuration Type = "duration"
	TypeBoolean  Type = "boolean"
	TypeText     Type = "text"
	TypeDecimal  Type = "decimal number"
	TypeWord     Type = "word"
	TypeName     Type = "name"
	TypeStage    Type = "stage name"
	TypeFolder   Type = "folder"
	TypeAddress  Type = "host:port"
	TypeShard    Type = "part of a whole, such as 1/4"
	TypeSample   Type = "one of so many, such as 1/10"
	TypeEdge     Type = "block number or time"
	TypeVariable Type = "variable name"
	TypeUser     Type = "user name, number, or UID:GID"
)

// Key describes one key of a pipeline file. Both the reader of the file and the
// reference for operators use it. Default and bounds are written as in the file.
type Key struct {
	Name string `json:"name"`
	Type Type   `json:"type"`
	List bool   `json:"list,omitempty"` // a list of such values
	// Default is the value of an absent key; empty for none. If the default depends on
	// the kind of the stage, it is in ByKind. If it is the value of another key,
	// DefaultOf is the path of that key.
	Default   string                   `json:"default,omitempty"`
	ByKind    map[contract.Kind]string `json:"default_by_kind,omitempty"`
	DefaultOf string                   `json:"default_of,omitempty"`
	// Min and Max are the inclusive bounds of a number or a duration. For a list, Max
	// is the largest number of entries. Empty for no bound.
	Min string `json:"min,omitempty"`
	Max string `json:"max,omitempty"`
	// Zero is the special meaning of a duration of 0; empty if 0 has none.
	Zero  string   `json:"zero,omitempty"`
	Words []string `json:"words,omitempty"` // the allowed values of a key of TypeWord
	// Required is the remedy for an absent key; empty if the key is optional.
	Required string `json:"required,omitempty"`
	Meaning  string `json:"meaning"`           // sentences
	Example  string `json:"example,omitempty"` // YAML
	Keys     []Key  `json:"keys,omitempty"`    // of a section
}

const (
	maxRetention = "438000h" // 50 years, so that a time that long ago is still after 1970
	maxAttempt   = "720h"    // the longest time for one attempt
)

// reference is every key of a pipeline file.
var reference = Key{
	Type: TypeSection, Meaning: "A pipeline: which blocks it works on, and the stages that each block goes through.",
	Keys: []Key{
		{Name: "version", Type: TypeNumber, Default: "1", Required: "write version: 1 as the first line", Example: "version: 1",
			Meaning: "The version of the file format. This program reads version 1."},
		{Name: "name", Type: TypeName, Required: "write name: mainnet, or what this pipeline is to be called", Example: "name: mainnet",
			Meaning: "The name of the pipeline in logs, metrics and messages."},
		{Name: "data", Type: TypeFolder, Default: "./data", Example: "data: /var/lib/proofline",
			Meaning: "The folder of the checkpoint and of work in progress. Only one pipeline can use it at a time. A relative path is relative to the file, ~ is the home folder."},
		{Name: "output", Type: TypeFolder, Default: "./output", Example: "output: ./output",
			Meaning: "The folder for people and scripts: <block>/ with results, proofs and request bodies. It must not lie inside data, nor data inside it."},
		{Name: "log", Type: TypeSection, Example: "log: {level: debug}", Meaning: "What is logged.", Keys: []Key{
			{Name: "level", Type: TypeWord, Default: "info", Words: []string{"debug", "info", "warning", "warn", "error"},
				Meaning: "The least severe lines that are printed. warn is another way to write warning. proofline log level changes it while the host runs."},
			{Name: "format", Type: TypeWord, Default: "auto", Words: []string{"auto", "text", "json"},
				Meaning: "The format of the lines: text is key=value, json is one object in each line, auto is short lines on a terminal and text elsewhere."},
		}},
		{Name: "monitor", Type: TypeSection, Example: "monitor: {listen: \"127.0.0.1:4000\", stuck_after: 30m}", Meaning: "Health, metrics, API and dashboard.", Keys: []Key{
			{Name: "listen", Type: TypeAddress, Default: "0.0.0.0:4000",
				Meaning: "The address of the HTTP server. Port 0 takes a free one."},
			{Name: "stuck_after", Type: TypeDuration, Default: "1h", Min: "1s", Max: maxAttempt,
				Meaning: "A prover that is busy with one block for longer makes the health \"degraded\" and raises an alert. It is not stopped; timeout does that."},
			{Name: "token", Type: TypeText, Example: "token: \"${MONITOR_TOKEN:-}\"",
				Meaning: "A token that every request but those of the health paths must have: as a bearer token, or in a browser once as ?token=…. Take it from the environment. Empty for no token."},
			{Name: "hosts", Type: TypeText, List: true, Max: "100", Example: "hosts: [proofline.example.org]",
				Meaning: "The public host names of the monitor, for example behind a proxy. Addresses, names without a dot, the machine's own name and names below .local, .internal and .localhost are always accepted."},
			{Name: "prices", Type: TypeSection, Example: "prices: {kwh: 0.14, gpu_hour: 0.38, currency: \"US$\"}", Meaning: "The prices from which the cost of a proof is computed.", Keys: []Key{
				{Name: "kwh", Type: TypeDecimal, Default: "0", Min: "0", Max: "1000000", Meaning: "The price of a kilowatt hour."},
				{Name: "gpu_hour", Type: TypeDecimal, Default: "0", Min: "0", Max: "1000000", Meaning: "The price of an hour of one GPU, without its energy."},
				{Name: "currency", Type: TypeText, Default: "US$", Meaning: "The currency of the prices."},
			}},
		}},
		{Name: "select", Type: TypeSection, Example: "select: {every: 100, order: newest_first, drop_after: 24h}", Meaning: "Which blocks are worked on, and in which order.", Keys: []Key{
			{Name: "every", Type: TypeNumber, Default: "1", Min: "1",
				Meaning: "A block is a target if its number is a multiple of this. With a list of blocks and no other key, the chain is not followed."},
			{Name: "from", Type: TypeBlock, Meaning: "The first block number. By default the chain's head at the first start."},
			{Name: "to", Type: TypeBlock, Meaning: "The last block number. By default there is none."},
			{Name: "shard", Type: TypeShard, Example: "shard: 1/4",
				Meaning: "A part of the targets, for pipelines that share them: 1/4 is every fourth target, beginning with the first."},
			{Name: "blocks", Type: TypeBlock, List: true, Max: "100000", Example: "blocks: [24000100, 24000200]",
				Meaning: "Single block numbers, in addition to the targets. They are never dropped because of their age."},
			{Name: "order", Type: TypeWord, Default: "newest_first", Words: []string{"newest_first", "oldest_first"},
				Meaning: "Which of the waiting blocks is worked on first. newest_first is for following the chain, oldest_first for blocks of the past."},
			{Name: "drop_after", Type: TypeDuration, Default: "168h", Min: "1m", Max: maxRetention, Zero: "never",
				Meaning: "A target whose block time is further behind the head, and that was never announced, is dropped. By default never if from or to is given, or if the source replays the past."},
			{Name: "repair", Type: TypeNumber, Default: "128", Min: "0", Max: "100000",
				Meaning: "The number of blocks behind the head for which nodes can make a witness. Missed targets among them are added, and blocks that will soon be too old are fetched first. 0 for neither."},
		}},
		{Name: "keep", Type: TypeSection, Example: "keep: {history: 720h, failed: 2160h, files: 168h, output: 8760h}", Meaning: "How long records and files are kept.", Keys: []Key{
			{Name: "history", Type: TypeDuration, Default: shortDuration(DefaultHistory), Min: "1h", Max: maxRetention,
				Meaning: "Records of blocks that are done, dropped or cancelled. It must cover the window of select.repair, so that no block is taken twice."},
			{Name: "failed", Type: TypeDuration, Default: shortDuration(DefaultFailed), Min: "1h", Max: maxRetention,
				Meaning: "Records of failed blocks."},
			{Name: "files", Type: TypeDuration, Default: shortDuration(DefaultFiles), Min: "0s", Max: maxRetention,
				Meaning: "Files of failed blocks in the data folder: inputs, logs, files of their attempts."},
			{Name: "output", Type: TypeDuration, Default: "0s", Min: "1h", Max: maxRetention, Zero: "all time",
				Meaning: "The folders of blocks in the output folder, since their last change. Without its proof a block cannot be reported again."},
		}},
		{Name: "plugins", Type: TypeSection, Example: "plugins: {dirs: [/opt/plugins]}", Meaning: "Where plugins are found.", Keys: []Key{
			{Name: "dirs", Type: TypeFolder, List: true, Max: "100",
				Meaning: "Folders that are searched before the usual places."},
		}},
		{Name: "stages", Type: TypeSection, List: true,
			Required: "a pipeline needs a list of stages, a source first; proofline init zisk writes an example",
			Example:  "stages:\n  - name: source\n    plugin: source-rpc\n    config: {endpoints: [\"http://127.0.0.1:8545\"]}",
			Meaning:  "The stages: a source, then builders and provers, then reporters.", Keys: stageKeys},
	},
}

// stageKeys are the keys of one stage.
var stageKeys = []Key{
	{Name: "name", Type: TypeName, Required: "write - name: prove, or what this stage is to be called",
		Meaning: "The name of the stage. A stage with another name is another stage, which begins again with all unfinished blocks."},
	{Name: "plugin", Type: TypeName, Required: "write plugin: prover-zisk, or another one that proofline plugins list names",
		Meaning: "The program that does the work. proofline plugins list names those that are installed."},
	{Name: "needs", Type: TypeStage, List: true, Max: "100", Example: "needs: [input]",
		Meaning: "Builders and provers: the stages before this one in the file that must be done with a block first. The stage gets their artifacts and those of the stages that they need. By default the nearest builder, prover or source before it that is not a shadow; a shadow may also need a shadow."},
	{Name: "confirm", Type: TypeStage, List: true, Max: "100", Example: "confirm: [check]",
		Meaning: "Provers: gates beside which this stage begins. Nothing is announced before all of them have succeeded, and a gate that fails cancels this stage."},
	{Name: "blocks", Type: TypeSection, Example: "blocks: {from: \"2026-10-06T13:53:36Z\"}",
		Meaning: "Builders and provers: which of the targets the stage takes; all others skip it. By default those for which the builders that it needs make an input. At a fork, the old builder and prover take blocks until the fork, and the new ones take blocks from the fork on.", Keys: []Key{
			{Name: "from", Type: TypeEdge, Meaning: "The first block: its number, or the time of the fork, which is compared with the timestamps of blocks."},
			{Name: "until", Type: TypeEdge, Meaning: "The first block that is no longer taken: its number, or a time."},
		}},
	{Name: "shadow", Type: TypeBoolean, Default: "false", Example: "shadow: true",
		Meaning: "Builders and provers: the stage works on live blocks, and its proofs are verified, recorded and compared, but never reported. It takes a block only after the other stages have taken theirs; its failure makes no block fail."},
	{Name: "sample", Type: TypeSample, Max: "1000000", Example: "sample: 1/10",
		Meaning: "Shadows: 1/10 takes one of ten targets. By default the targets of the stages that it needs."},
	{Name: "proofs", Type: TypeStage, List: true, Max: "100", Example: "proofs: [prove]",
		Meaning: "Reporters: the provers whose proofs are reported. By default all that are not shadows. A reporter that reports one prover must name it if several make proofs."},
	{Name: "config", Type: TypeConfig,
		Meaning: "The configuration of the plugin. proofline plugins describe PLUGIN prints its keys. Paths are relative to the file."},
	{Name: "retry", Type: TypeSection, Example: "retry: {max: 2, backoff: 5s}", Meaning: "How often a block is tried again at this stage.", Keys: []Key{
		{Name: "max", Type: TypeNumber, Default: "2", Min: "0", Max: "1000",
			Meaning: "The number of attempts after the first one has failed. Failures because of the machine do not count."},
		{Name: "backoff", Type: TypeDuration, Default: "5s", Min: "1ms", Max: "24h", Zero: "at once",
			Meaning: "The time before the second attempt. It doubles with each."},
	}},
	{Name: "timeout", Type: TypeDuration, Min: "1s", Max: maxAttempt, Example: "timeout: 3h",
		ByKind: map[contract.Kind]string{
			contract.KindSource: "10m", contract.KindBuilder: "10m", contract.KindProver: "2h", contract.KindReporter: "5m",
		},
		Meaning: "An attempt that takes longer is stopped and counts as failed."},
	{Name: "stuck_after", Type: TypeDuration, DefaultOf: "monitor.stuck_after", Min: "1s", Max: maxAttempt,
		Meaning: "A stage that is busy with one block for longer makes the health \"degraded\". It is not stopped."},
	{Name: "heartbeat_timeout", Type: TypeDuration, Default: "1m", Min: "1s", Max: "24h",
		Meaning: "A plugin without a sign of life for longer counts as hung, and its process is replaced."},
	{Name: "concurrency", Type: TypeNumber, Min: "1", Max: "1024",
		ByKind: map[contract.Kind]string{
			contract.KindSource: "2", contract.KindBuilder: "1", contract.KindProver: "1", contract.KindReporter: "8",
		},
		Meaning: "The number of blocks on which the stage works at once."},
	{Name: "verify", Type: TypeBoolean, Example: "verify: false",
		Meaning: "Whether a proof is verified before it counts. By default it is verified if the plugin can."},
	{Name: "env", Type: TypeVariable, List: true, Max: "1000", Example: "env: [ZISK_HOME, \"ROCM_*\"]",
		Meaning: "Variables of the environment that the plugin gets besides the usual ones. A * at the end stands for any ending. " +
			"The usual ones: PATH, HOME, TMPDIR, LANG, LC_*, TZ, SSL_CERT_*, proxies (http_proxy, HTTPS_PROXY, …), CUDA_*, NVIDIA_*, XDG_*, " +
			"LD_LIBRARY_PATH, OMP_*, RAYON_*, OMPI_*, ZISK_*, OTEL_*, RUST_LOG, RUST_BACKTRACE."},
	{Name: "sandbox", Type: TypeSection, Example: "sandbox: {use: always, read: [/opt/guests]}", Meaning: "Limits of what the plugin's processes may reach. proofline doctor shows what the kernel enforces.", Keys: []Key{
		{Name: "use", Type: TypeWord, Default: "auto", Words: []string{"auto", "always", "never"},
			Meaning: "Whether the plugin is confined to its own file, the files that its config names, the system's programs and libraries, and its own folders below data. auto confines plugins that declare that they need no network and no devices; a plugin that is a script may then read and execute every file."},
		{Name: "read", Type: TypeFolder, List: true, Max: "100",
			Meaning: "Further files and folders that it may read and execute."},
		{Name: "write", Type: TypeFolder, List: true, Max: "100",
			Meaning: "Further folders in which it may do everything."},
		{Name: "user", Type: TypeUser, Example: "sandbox: {user: proofline-prover}",
			Meaning: "The system user that the plugin runs as, whatever use is: with its primary group only, without capabilities, with the HOME of /etc/passwd. By default the host's own user. proofline must run as root, or with the capabilities that proofline doctor names. The user must be able to pass the folders above data and to execute the plugin. Stages with different users and groups have no access to each other's files."},
		{Name: "network", Type: TypeBoolean, Default: "false",
			Meaning: "Whether a confined plugin may use the machine's network. It always may while traces are exported (OTEL_EXPORTER_OTLP_ENDPOINT)."},
	}},
}

// key returns one of a section's keys by name, and false if there is none.
func (k Key) key(name string) (Key, bool) {
	for _, below := range k.Keys {
		if below.Name == name {
			return below, true
		}
	}
	return Key{}, false
}

// names returns the names of a section's keys, in the order of the table.
func (k Key) names() []string {
	list := make([]string, len(k.Keys))
	for i, below := range k.Keys {
		list[i] = below.Name
	}
	return list
}

// defaultFor returns the default of a stage's key for a kind of stage. A test shows
// that all defaults of the table can be parsed.
func defaultFor[T any](name string, kind contract.Kind, parse func(scalar, Key) (T, *problem)) T {
	k, _ := Key{Keys: stageKeys}.key(name)
	v, _ := parse(scalar{text: k.ByKind[kind], tag: "!!str", fromVariable: true}, k)
	return v
}

// shortDuration formats a duration as people write it: "2h", not "2h0m0s".
func shortDuration(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
