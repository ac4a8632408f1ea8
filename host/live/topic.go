package live

import (
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// Pages of the documentation that say more about a failure or an alert, with the
// heading to look at: what `proofline docs` and the monitor's /docs/ show.
const (
	topicNode      = "troubleshooting#nothing-happens"
	topicProver    = "troubleshooting#the-prover"
	topicEthProofs = "troubleshooting#ethproofs"
	topicHost      = "troubleshooting#the-host"
	topicFailure   = "concepts#what-a-failure-costs"
	topicAlerts    = "operations#alerts"
)

// topicOf is the page about what goes wrong in a kind of stage.
func topicOf(kind contract.Kind) string {
	switch kind {
	case contract.KindSource:
		return topicNode
	case contract.KindProver:
		return topicProver
	}
	return topicFailure
}

// topicOfStage is topicOf, and tells EthProofs from other reporters.
func topicOfStage(s status.Stage) string {
	switch {
	case s.Plugin == "reporter-ethproofs":
		return topicEthProofs
	case s.Kind == contract.KindReporter:
		return topicAlerts
	}
	return topicOf(s.Kind)
}
