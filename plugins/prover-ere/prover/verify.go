package prover

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"

	"github.com/proofline/proofline/plugins/internal/guest"
	"github.com/proofline/proofline/plugins/internal/zisk/publish"
	"github.com/proofline/proofline/plugins/prover-ere/container"
	"github.com/proofline/proofline/plugins/prover-ere/server"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/zisk/proof"
)

// Verify implements sdk.Verifier. It has a server verify the container against its own
// guest, compares the public values with the block, and checks that the reported bytes are
// the same proof. It also verifies a proof of ZisK in the form for EthProofs itself.
func (p *Prover) Verify(ctx context.Context, t *sdk.Task) error {
	path, err := t.Input(fileContainer)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	id, publics, err := p.verifyRemotely(ctx, data)
	if err != nil {
		return err
	}
	if err := sameResult(t, publics); err != nil {
		return err
	}
	if err := guest.CheckProof(t)(publics); err != nil {
		return err
	}
	if p.config.Proof != "ethproofs" {
		return nil
	}
	reported, err := publish.Reported(t)
	if err != nil {
		return sdk.Retryable(err)
	}
	made := server.Proof{PublicValues: publics, Container: data}
	switch id.ZKVM {
	case container.SP1:
		cut, _, err := container.CutSP1(data, publics)
		if err != nil || !bytes.Equal(cut, reported) {
			return sdk.Retryable(errors.Join(errors.New("the bytes that are reported are not the proof of "+fileContainer), err))
		}
	case container.ZisK:
		decoded, err := p.decodeZisK(id, made)
		if err != nil {
			return err
		}
		want, err := p.words(id, decoded)
		if err != nil {
			return err
		}
		if !bytes.Equal(want, reported) {
			return sdk.Retryable(errors.New("the bytes that are reported are not the proof of " + fileContainer))
		}
		release, err := proof.ParseRelease(id.SDK)
		if err != nil {
			return sdk.Environment(err, "set `proof: ere`")
		}
		program := decoded.Program()
		if err := (publish.InProcess{Release: release, Setup: p.setup, Program: &program, Log: t.Log}).Verify(reported); err != nil {
			return err
		}
		return guest.CheckProof(t)(decoded.Outputs())
	}
	return nil
}

// sameResult compares the public values of a container with those in result.json, which
// the server has returned with the proof.
func sameResult(t *sdk.Task, publics []byte) error {
	path, err := t.Input(sdk.ArtifactResult)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var made result
	if err := json.Unmarshal(data, &made); err != nil {
		return sdk.Retryable(fmt.Errorf("%s: %w", sdk.ArtifactResult, err))
	}
	if have := hex.EncodeToString(publics); have != made.PublicValues {
		return sdk.Retryable(fmt.Errorf("the proof does not verify: its public values are %.64s, those of the answer were %.64s", have, made.PublicValues))
	}
	return nil
}

// verifyRemotely has the first server that answers verify the container. It returns the
// server's identity and the public values. Verification does not wait for the slot.
func (p *Prover) verifyRemotely(ctx context.Context, data []byte) (server.Identity, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, verifyTimeout)
	defer cancel()
	var failed []error
	for _, s := range p.slots {
		id, err := p.identify(ctx, s)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		publics, err := s.server.Verify(ctx, data)
		if err == nil {
			p.log.Debug("the server has verified the proof", "server", s.server.Endpoint(), "public_values", hex.EncodeToString(publics))
			return id, publics, nil
		}
		if ctx.Err() != nil {
			return id, nil, interrupted(ctx, "verification of the proof")
		}
		if _, refused := asRefusal(err); refused {
			return id, nil, sdk.Retryable(fmt.Errorf("the proof does not verify: %w", err))
		}
		status, ok := errors.AsType[*server.HTTPError](err)
		if ok && status.Status == http.StatusBadRequest {
			err = sdk.Environment(err, "the server cannot read its own kind of proof: check whether it was replaced by another version")
		}
		failed = append(failed, unreachable(s.server.Endpoint(), err))
	}
	return server.Identity{}, nil, errors.Join(failed...)
}
