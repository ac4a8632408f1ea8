package prover

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/proofline/proofline/plugins/internal/command"
	"github.com/proofline/proofline/plugins/prover-ere/container"
	"github.com/proofline/proofline/plugins/prover-ere/server"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/zisk/proof"
)

// remedyStart is the remedy for an address at which no server answers.
const remedyStart = "start ere-server there: it listens only when its keys are generated, which takes minutes; its log is empty unless RUST_LOG is set"

// Check is the preflight: it reads the identity of each server and the configured keys.
func (c Config) Check(ctx context.Context) []sdk.Finding {
	var findings []sdk.Finding
	add := func(severity sdk.Severity, pointer, summary, remedy string) {
		findings = append(findings, sdk.Finding{Severity: severity, Pointer: pointer, Summary: summary, Remedy: remedy})
	}
	pinned, err := c.guestVK()
	if err != nil {
		add(sdk.SeverityError, "/guest_vk", err.Error(), "write the key's hexadecimal digits, or a file that `ere-server keygen --program-vk-path FILE` has written")
	}
	if _, err := c.setupKey(); err != nil {
		add(sdk.SeverityError, "/setup_vk", err.Error(), "set it to vadcop_final_compressed.verkey.bin of the proving key, or leave it out")
	}
	for i, endpoint := range c.Endpoints {
		at := fmt.Sprintf("/endpoints/%d", i)
		s := server.New(endpoint, c.ConnectTimeout.Std())
		defer s.Close()
		id, err := s.Identify(ctx)
		if err == nil {
			err = c.accepts(id, pinned)
		}
		if err != nil {
			classed := unreachable(endpoint, err)
			remedy := ""
			if e, ok := errors.AsType[*sdk.Error](classed); ok {
				remedy = e.Remedy
			}
			add(sdk.SeverityError, at, classed.Error(), remedy)
			continue
		}
		add(sdk.SeverityInfo, at, endpoint+" is "+describe(id), "")
		if id.Ere.Newer() {
			add(sdk.SeverityWarning, at, fmt.Sprintf("ere-server %v is newer than %v, the newest version that this plugin knows: it is treated like that one", id.Ere, server.Newest), "")
		}
		if id.ProgramVK == nil {
			add(sdk.SeverityWarning, at, fmt.Sprintf("ere-server %v, before 0.11, does not report its guest: guest_vk is not compared", id.Ere), "")
		}
	}
	return append(findings, command.CheckProgram("/on_timeout", c.OnTimeout)...)
}

// describe describes an identity for the operator.
func describe(id server.Identity) string {
	text := fmt.Sprintf("ere-server %v with %s %s", id.Ere, id.ZKVM, id.SDK)
	if len(id.ProgramVK) > 0 {
		text += fmt.Sprintf(", guest %.16s", hex.EncodeToString(id.ProgramVK))
	}
	return text
}

// accepts returns an error of the class environment unless the server has the identity
// that the configuration and the guest's key demand. A nil guest allows any guest.
func (c Config) accepts(id server.Identity, guest []byte) error {
	switch {
	case id.Ere.Before(server.Oldest.Major, server.Oldest.Minor):
		return sdk.Environment(fmt.Errorf("it is ere-server %v, which has no slot and proves all requests at once", id.Ere), "install ere-server 0.9 to 0.16")
	case !c.wants(id.Ere):
		return sdk.Environment(fmt.Errorf("it is ere-server %v, not %s", id.Ere, c.Version), "correct `version`, or install that one")
	case c.ZKVM != "" && id.ZKVM != c.ZKVM:
		return sdk.Environment(fmt.Errorf("it proves with %s, not with %s", id.ZKVM, c.ZKVM), "correct `zkvm`, or the address")
	case guest != nil && id.ProgramVK != nil && !bytes.Equal(guest, id.ProgramVK):
		return sdk.Environment(fmt.Errorf("its guest has the key %.16s…, not %.16s…", hex.EncodeToString(id.ProgramVK), hex.EncodeToString(guest)),
			"start the server with the guest that is meant to be proved, or correct `guest_vk`")
	case c.Proof == "ethproofs" && c.MakesProof() && id.ZKVM == container.SP1 && id.Ere.Before(0, 10):
		return sdk.Environment(fmt.Errorf("the container of SP1 of ere-server %v is not known", id.Ere), "install ere-server 0.10 or later, or set `proof: ere`")
	}
	if id.ZKVM == container.ZisK && c.Proof == "ethproofs" && c.MakesProof() {
		if _, err := proof.ParseRelease(id.SDK); err != nil {
			return sdk.Environment(err, "set `proof: ere`")
		}
	}
	return nil
}

// unreachable adds the server's address to an error. An error without a class, which is
// one of the transport, gets the class environment.
func unreachable(endpoint string, err error) error {
	if e, ok := errors.AsType[*sdk.Error](err); ok {
		return &sdk.Error{Class: e.Class, Err: fmt.Errorf("%s: %w", endpoint, e.Err), Remedy: e.Remedy}
	}
	remedy := remedyStart
	if _, ok := errors.AsType[*server.HTTPError](err); ok {
		remedy = "correct the address: something else answers there"
	}
	return sdk.Environment(fmt.Errorf("%s: %w", endpoint, server.Bare(err)), remedy)
}
