package operator

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/proofline/proofline/plugins/reporter-ethproofs/ethproofs"
)

// ErrRefused is returned after the site's verifier has refused a proof, or could
// not verify it.
type ErrRefused struct {
	ProofID int64
	Verdict ethproofs.Verdict
}

func (e *ErrRefused) Error() string {
	reason := e.Verdict.Reason
	if reason != "" {
		reason = ": " + reason
	}
	if e.Verdict.Valid == nil {
		return fmt.Sprintf("EthProofs cannot verify proof %d%s", e.ProofID, reason)
	}
	return fmt.Sprintf("EthProofs' own verifier refuses proof %d%s", e.ProofID, reason)
}

// ListProofs prints what the site has of a block, from all teams.
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

// VerifyProof has the site's own verifier look at a stored proof.
func VerifyProof(ctx context.Context, out io.Writer, client *ethproofs.Client, proofID int64) error {
	verdict, err := client.Verify(ctx, proofID)
	if err != nil {
		return err
	}
	if verdict.Valid == nil || !*verdict.Valid {
		return &ErrRefused{proofID, verdict}
	}
	_, err = fmt.Fprintf(out, "EthProofs' own verifier takes proof %d (%.0f ms)\n", proofID, verdict.Millis)
	return err
}

// VerifyBlock has the site verify the stored proofs of a block that were made by
// the team's clusters.
func VerifyBlock(ctx context.Context, out io.Writer, client *ethproofs.Client, block uint64) error {
	clusters, err := client.Clusters(ctx)
	if err != nil {
		return err
	}
	own := map[int64]bool{}
	for _, cluster := range clusters {
		for _, version := range cluster.Versions {
			own[version.ID] = true
		}
	}
	list, _, err := client.Proofs(ctx, block)
	if err != nil {
		return err
	}
	verified := 0
	for _, p := range list {
		if !own[p.Version] {
			continue
		}
		if err := VerifyProof(ctx, out, client, p.ID); err != nil {
			return err
		}
		verified++
	}
	if verified == 0 {
		return fmt.Errorf("EthProofs has no proof of block %d by this team (%d by others)", block, len(list))
	}
	return nil
}
