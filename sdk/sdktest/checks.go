package sdktest

import (
	"context"

	"github.com/proofline/proofline/sdk/contract"
)

// check is one requirement for plugins of a kind, or of every kind.
type check struct {
	name    string
	kind    contract.Kind // empty for every kind
	demands string        // completes "a plugin must …"
	run     func(ctx context.Context, r *run) error
}

// checks lists all checks in the order in which they run. Cheap checks, whose failure
// explains that of others, come first.
var checks = []check{
	{"describe/stable", "", "describe itself in the same way at every call and every start", describeStable},
	{"describe/complete", "", "have a name, a semantic version, a summary and, as a reporter, events that it wants", describeComplete},
	{"tool/describe", "", "print its manifest when started by hand with describe", toolDescribe},
	{"tool/help", "", "print help and end with an error code when started by hand with nothing", toolHelp},
	{"handshake/only", "", "print the handshake on standard output and nothing else", handshakeOnly},

	{"schema/compiles", "", "have a config schema that is valid JSON Schema 2020-12", schemaCompiles},
	{"schema/documented", "", "describe every field of its configuration", schemaDocumented},
	{"schema/accepts", "", "have a config schema that accepts the suite's configuration", schemaAccepts},
	{"config/accepted", "", "accept the suite's configuration without an error", configAccepted},
	{"config/required", "", "report each required field that is absent, by its pointer", configRequired},
	{"config/unknown", "", "report an unknown field, by its pointer", configUnknown},
	{"config/types", "", "report a value of a wrong type, by its pointer", configTypes},
	{"config/garbage", "", "survive a configuration that is no JSON object", configGarbage},
	{"config/refused", "", "refuse to be configured with an error in the configuration", configRefused},
	{"config/once", "", "refuse a second configuration", configOnce},
	{"config/traits", "", "tell a check the traits that its configuration has, and the same when it is configured", configTraits},
	{"config/secrets", "", "never show a secret in logs, findings, facts, errors or arguments", configSecrets},

	{"health/before", "", "be unavailable before it is configured, and answer at once", healthBefore},
	{"health/after", "", "answer health calls at once when configured, and count its endpoints as the protocol says", healthAfter},
	{"call/unconfigured", "", "refuse work before it is configured", callUnconfigured},
	{"call/too-large", "", "survive a message over the limit", callTooLarge},

	{"poll/limits", contract.KindSource, "honour the largest number of blocks and the longest wait of a poll", pollLimits},
	{"poll/repeatable", contract.KindSource, "answer the same to the same cursor", pollRepeatable},
	{"poll/continues", contract.KindSource, "continue after a cursor without gap or repetition, also in a new process", pollContinues},
	{"poll/drained", contract.KindSource, "return from a waiting poll when it is drained", pollDrained},
	{"resolve/known", contract.KindSource, "resolve the block that it has polled", resolveKnown},
	{"resolve/unknown", contract.KindSource, "say why it does not know a block", resolveUnknown},
	{"fetch/names", contract.KindSource, "fetch block.json and witness.json", fetchNames},

	{"work/succeeds", "", "do the suite's work and leave nothing outside of the task's directory", workSucceeds},
	{"work/again", "", "do the same work again, in the same process and in a new one", workAgain},
	{"work/parallel", "", "do several works at the same time", workParallel},
	{"work/no-input", "", "give an error, not a crash, when an input is absent", workNoInput},
	{"work/changed-input", "", "notice an input whose bytes are not those recorded", workChangedInput},
	{"verify/accepts", contract.KindProver, "verify the proof that it made", verifyAccepts},
	{"verify/rejects", contract.KindProver, "reject a proof with a changed byte", verifyRejects},
	{"verify/events", contract.KindProver, "send signs of life while it verifies, as in every work call", verifyEvents},
	{"resume/token", contract.KindProver, "take up its own work by the token that it sent", resumeToken},
	{"resume/unknown", contract.KindProver, "start anew with a token that it does not know", resumeUnknown},
	{"resume/dropped", contract.KindProver, "drop its token, with an event of the verification, when the proof does not verify", resumeDropped},
	{"report/repeated", contract.KindReporter, "accept the same event twice", reportRepeated},
	{"report/unknown-kind", contract.KindReporter, "leave kinds of event alone that it does not know", reportUnknownKind},
	{"report/no-block", contract.KindReporter, "accept an alert that is about no block", reportNoBlock},

	{"cancel/returns", "", "return from a cancelled call within the grace period", cancelReturns},
	{"cancel/descendants", "", "leave no process behind after a cancelled call", cancelDescendants},
	{"cancel/usable", "", "go on working after a cancelled call", cancelUsable},
	{"kill/no-halves", "", "publish no incomplete artifact when it is killed at any moment", killNoHalves},
	{"signal/int", "", "ignore SIGINT", signalInt},
	{"signal/term", "", "end within the grace period after SIGTERM", signalTerm},
	{"drain/refuses", "", "refuse work after a drain", drainRefuses},
	{"shutdown/ends", "", "end with exit code 0 after a shutdown", shutdownEnds},
}
