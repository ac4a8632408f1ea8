package prover

import (
	"errors"
	"net/http"
	"strings"

	"github.com/proofline/proofline/plugins/internal/zisk"
	"github.com/proofline/proofline/plugins/prover-ere/server"
)

// Codes of the failures of an ere-server. A code identifies the same failure at different
// blocks.
const (
	codePanic   zisk.Code = "ere-panic"   // the prover panicked
	codeDied    zisk.Code = "ere-died"    // the server's process ended
	codeSetup   zisk.Code = "ere-setup"   // the server is set up wrongly
	codeCluster zisk.Code = "ere-cluster" // the server cannot reach its own cluster
	codeRequest zisk.Code = "ere-request" // the server does not understand the request
	codeWrong   zisk.Code = "ere-wrong"   // the prover made a wrong proof
	codeOther   zisk.Code = "ere-other"   // no rule fits
)

const remedyLog = "look at the server's log, which has the causes; without RUST_LOG=info it is empty"

// rule gives the failure for a text of a server.
type rule struct {
	prefix  string
	part    string // further text that must occur; empty for none
	kind    zisk.Kind
	code    zisk.Code
	execute bool // guest or machine may be at fault: an execution of the input decides
	remedy  string
}

// rules covers the texts of eth-act/ere@v0.9.0 to @v0.16.2 for all zkVMs. The first rule
// that fits decides.
// Source: eth-act/ere:crates/prover/*/src/error.rs, crates/server/cli/src/api.rs.
var rules = []rule{
	{prefix: "SP1 execution completed with non-success exit code", kind: zisk.Guest, code: zisk.CodeGuest},
	{prefix: "SP1 execution failed", kind: zisk.Guest, code: zisk.CodeGuest},
	{prefix: "OpenVM execution failed", kind: zisk.Guest, code: zisk.CodeGuest},
	{prefix: "Emulation failure", kind: zisk.Guest, code: zisk.CodeGuest},
	{prefix: "Emulation not terminated", kind: zisk.Guest, code: zisk.CodeGuest},
	{prefix: "Emulator panicked:", kind: zisk.Guest, code: zisk.CodeGuest},
	{prefix: "Guest execution did not terminate", kind: zisk.Guest, code: zisk.CodeGuest},
	{prefix: "Failed to execute:", kind: zisk.Guest, code: zisk.CodeGuest},

	{prefix: "Unsupported input:", kind: zisk.Usage, code: codeRequest},
	{prefix: "Deserialize proofs in Input failed", kind: zisk.Usage, code: codeRequest},

	{prefix: "SP1 SDK proving failed:", execute: true, kind: zisk.Transient, code: codeOther},
	{prefix: "OpenVM proving failed:", execute: true, kind: zisk.Transient, code: codeOther},
	{prefix: "Prove failed:", execute: true, kind: zisk.Transient, code: codeOther},
	{prefix: "Failed to prove:", execute: true, kind: zisk.Transient, code: codeOther},

	{prefix: "Failed to extract exit code from proof", kind: zisk.Invalid, code: codeWrong},
	{prefix: "Unexpected ProgramVk", kind: zisk.Invalid, code: codeWrong},
	{prefix: "verification baseline mismatch", kind: zisk.Invalid, code: codeWrong},
	{prefix: "Invalid public value", kind: zisk.Invalid, code: codeWrong},
	{prefix: "Failed to verify:", kind: zisk.Invalid, code: zisk.CodeUnverified},
	{prefix: "Invalid proof", kind: zisk.Invalid, code: zisk.CodeUnverified},
	{prefix: "verification failed:", kind: zisk.Invalid, code: zisk.CodeUnverified},

	{prefix: "prove panicked", kind: zisk.Transient, code: codePanic},
	{prefix: "execute panicked", kind: zisk.Transient, code: codePanic},

	{prefix: "Enable `cuda` feature to", kind: zisk.Configuration, code: codeSetup, remedy: "use an image whose tag ends with -cuda"},
	{prefix: "Unsupported prover resource kind", kind: zisk.Configuration, code: codeSetup},
	{prefix: "Missing `api_key`", kind: zisk.Configuration, code: codeSetup, remedy: "start the server with --api-key"},
	{prefix: "Build prover failed:", kind: zisk.Configuration, code: codeSetup},
	{prefix: "Setup failed:", kind: zisk.Configuration, code: codeSetup},
	{prefix: "Initialize prover failed:", kind: zisk.Configuration, code: codeSetup},
	{prefix: "Read internal_recursive_pk failed:", kind: zisk.Configuration, code: codeSetup, remedy: "put internal_recursive.pk into ~/.openvm of the server, or use its image"},
	{prefix: "Invalid env variable", kind: zisk.Configuration, code: codeSetup},
	{prefix: "Cpu prover not available", kind: zisk.Configuration, code: codeSetup, remedy: "start the server with the resource gpu"},
	{prefix: "Failed to initialize cuda prover:", kind: zisk.Configuration, code: codeSetup},
	{prefix: "Unsupported power of 2 value", kind: zisk.Configuration, code: codeSetup, remedy: "correct ERE_RISC0_SEGMENT_PO2 and ERE_RISC0_KECCAK_PO2"},

	{prefix: "Cluster unavailable:", kind: zisk.Configuration, code: codeCluster},
	{prefix: "Cluster gRPC error:", kind: zisk.Configuration, code: codeCluster},
	{prefix: "Failed to connect to cluster", kind: zisk.Configuration, code: codeCluster},
	{prefix: "Cluster setup is not done yet", kind: zisk.Configuration, code: codeCluster},
	{prefix: "Create prove job timeout", kind: zisk.Configuration, code: codeCluster},
	{prefix: "Setup job", part: "timed out", kind: zisk.Configuration, code: codeCluster},
}

// explain returns the failure for a refusal. Execute is set where an execution of the
// input decides whether the guest or the machine is at fault.
func explain(refusal *server.Refusal) (f *zisk.Failure, execute bool) {
	for _, r := range rules {
		if strings.HasPrefix(refusal.Text, r.prefix) && strings.Contains(refusal.Text, r.part) {
			return &zisk.Failure{Kind: r.kind, Code: r.code, Summary: "ere-server: " + refusal.Error(), Remedy: withLog(r.remedy)}, r.execute
		}
	}
	return &zisk.Failure{Kind: zisk.Transient, Code: codeOther, Summary: "ere-server: " + refusal.Error(), Remedy: remedyLog}, false
}

// withLog adds the remedy to read the server's log.
func withLog(remedy string) string {
	if remedy == "" {
		return remedyLog
	}
	return remedy + "; " + remedyLog
}

// failureOf returns the failure for an error of a call that reached the server or whose
// connection broke. It returns nil for any other error.
func failureOf(err error) *zisk.Failure {
	if status, ok := errors.AsType[*server.HTTPError](err); ok {
		f := &zisk.Failure{Kind: zisk.Transient, Code: codeOther, Summary: "ere-server: " + status.Error(), Remedy: remedyLog}
		if status.Status < http.StatusInternalServerError {
			f.Kind, f.Code, f.Remedy = zisk.Usage, codeRequest, "look whether the address is that of an ere-server 0.9 to 0.16"
		}
		return f
	}
	if answer, ok := errors.AsType[*server.AnswerError](err); ok {
		return &zisk.Failure{Kind: zisk.Configuration, Code: codeRequest, Summary: "ere-server: " + answer.Error(), Remedy: "install ere-server 0.9 to 0.16"}
	}
	if server.Broken(err) {
		return &zisk.Failure{Kind: zisk.Transient, Code: codeDied, Summary: "the server ended the connection without an answer: its process has died",
			Remedy: "look at the server's log and at the kernel's for an out-of-memory kill, and have the server restarted by its supervisor"}
	}
	return nil
}
