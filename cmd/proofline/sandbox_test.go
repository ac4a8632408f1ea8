package main

import (
	"strings"
	"testing"

	"github.com/proofline/proofline/host/keeper"
	"github.com/proofline/proofline/host/pipeline"
	"github.com/proofline/proofline/sdk/contract"
)

// TestSandboxFinding: doctor reports what is enforced, for all kinds of kernels.
func TestSandboxFinding(t *testing.T) {
	for _, test := range []struct {
		kernel   keeper.Support
		network  bool
		severity contract.Severity
		want     string
	}{
		{keeper.Support{Landlock: 7, Namespace: true}, false, contract.SeverityInfo, "and no network (Landlock 7 and network namespaces)"},
		{keeper.Support{Landlock: 7, Namespace: true}, true, contract.SeverityInfo, "and the network ("},
		{keeper.Support{Landlock: 3}, true, contract.SeverityInfo, "and the network ("},
		{keeper.Support{Landlock: 4}, false, contract.SeverityWarning, "network namespaces cannot be made here, so that only TCP is forbidden"},
		{keeper.Support{Landlock: 3}, false, contract.SeverityWarning, "its network is not taken away as a whole"},
		{keeper.Support{Namespace: true}, false, contract.SeverityWarning, "the plugin is not confined: this kernel has no Landlock"},
		{keeper.Support{}, true, contract.SeverityWarning, "neither Landlock nor network namespaces"},
	} {
		f := sandboxFinding(&pipeline.Stage{Sandbox: pipeline.Sandbox{Confined: true, Network: test.network}}, test.kernel)
		if f.Severity != test.severity || !strings.Contains(f.Summary, test.want) || (f.Remedy == "") == (test.severity == contract.SeverityWarning) {
			t.Errorf("%+v: %+v", test, f)
		}
	}
}
