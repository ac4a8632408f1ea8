package live

import (
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// Pages of the documentation about failures and alerts, each with a heading. The
// command "proofline docs" and the monitor's path /docs/ show them.
const (
	topicNode      = "troubleshooting#nothing-happens"
	topicProver    = "troubleshooting#the-prover"
	topicEthProofs = "troubleshooting#ethproofs"
	topicHost      = "troubleshooting#the-host"
	topicFailure   = "concepts#what-a-failure-costs"
	topicAlerts    = "operations#alerts"
)

// topicOf returns the page about failures of a kind of stage.
func topicOf(kind contract.Kind) string {
	switch kind {
	case contract.KindSource:
		return topicNode
	case contract.KindProver:
		return topicProver
	}
	return topicFailure
}

// topicOfStage returns the page about failures of a stage.
func topicOfStage(s status.Stage) string {
	switch {
	case s.Plugin == "reporter-ethproofs":
		return topicEthProofs
	case s.Kind == contract.KindReporter:
		return topicAlerts
	}
	return topicOf(s.Kind)
}
