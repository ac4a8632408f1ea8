package operator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/proofline/proofline/plugins/reporter-ethproofs/ethproofs"
	"github.com/proofline/proofline/sdk/contract"
)

// ListProofs prints the stored proofs of a block by all teams.
func ListProofs(ctx context.Context, out io.Writer, client *ethproofs.Client, block uint64) error {
	list, _, err := client.Proofs(ctx, block)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		_, err := fmt.Fprintf(out, "EthProofs has no proof of block %d\n", block)
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "PROOF_ID\tTEAM\tCLUSTER VERSION\tPROVING TIME\tBYTES\tSTORED AT")
	for _, p := range list {
		fmt.Fprintf(table, "%d\t%s\t%d\t%s\t%d\t%s\n", p.ID, p.Team.Slug, p.Version,
			time.Duration(p.Time)*time.Millisecond, p.Size, p.Proved.UTC().Format(time.DateTime))
	}
	return table.Flush()
}

// VerifyProof has the site verify a stored proof.
func VerifyProof(ctx context.Context, client *ethproofs.Client, proofID int64) (contract.StoredVerdict, error) {
	verdict, err := client.Verify(ctx, proofID)
	if err != nil {
		return contract.StoredVerdict{}, err
	}
	return contract.StoredVerdict{Proof: strconv.FormatInt(proofID, 10), Valid: verdict.Valid, Reason: verdict.Reason, TookMS: verdict.Millis}, nil
}

// VerifyBlock has the site verify the stored proofs of a block by the team's own
// clusters. No such proof is an error.
func VerifyBlock(ctx context.Context, client *ethproofs.Client, block uint64) ([]contract.StoredVerdict, error) {
	clusters, err := client.Clusters(ctx)
	if err != nil {
		return nil, err
	}
	own := map[int64]bool{}
	for _, cluster := range clusters {
		for _, version := range cluster.Versions {
			own[version.ID] = true
		}
	}
	list, _, err := client.Proofs(ctx, block)
	if err != nil {
		return nil, err
	}
	var verdicts []contract.StoredVerdict
	for _, p := range list {
		if !own[p.Version] {
			continue
		}
		verdict, err := VerifyProof(ctx, client, p.ID)
		if err != nil {
			return nil, err
		}
		verdicts = append(verdicts, verdict)
	}
	if len(verdicts) == 0 {
		return nil, fmt.Errorf("EthProofs has no proof of block %d by this team (%d by others)", block, len(list))
	}
	return verdicts, nil
}

// WriteVerdicts prints a line for each proof that the site's verifier accepts, and
// returns an error that lists the other proofs.
func WriteVerdicts(out io.Writer, verdicts []contract.StoredVerdict) error {
	var refused error
	for _, v := range verdicts {
		reason := v.Reason
		if reason != "" {
			reason = ": " + reason
		}
		switch {
		case v.Valid == nil:
			refused = errors.Join(refused, fmt.Errorf("EthProofs cannot verify proof %s%s", v.Proof, reason))
		case !*v.Valid:
			refused = errors.Join(refused, fmt.Errorf("EthProofs' own verifier refuses proof %s%s", v.Proof, reason))
		default:
			if _, err := fmt.Fprintf(out, "EthProofs' own verifier takes proof %s (%.0f ms)\n", v.Proof, v.TookMS); err != nil {
				return err
			}
		}
	}
	return refused
}
