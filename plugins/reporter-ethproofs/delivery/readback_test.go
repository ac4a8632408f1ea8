package delivery

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/proofline/proofline/plugins/reporter-ethproofs/ethproofs"
	"github.com/proofline/proofline/sdk/contract"
)

// readBack reads the row and the file of every proof that the server has taken, and
// returns how many. The error names each block that is not as it was sent.
func (b *fixture) readBack() (count int, err error) {
	b.mu.Lock()
	taken := maps.Clone(b.taken)
	b.mu.Unlock()
	for _, number := range slices.Sorted(maps.Keys(taken)) {
		event := taken[number]
		proof, failed := event.Proof()
		var row ethproofs.StoredProof
		if failed == nil {
			row, failed = b.checkStored(event.Block, proof)
		}
		if failed == nil {
			failed = b.checkFigures(row, event)
		}
		err = errors.Join(err, failed)
		count++
	}
	return count, err
}

// checkStored reads the row of a proved block and its file back from the server, by
// the routes that anybody uses.
func (b *fixture) checkStored(block contract.Block, proof []byte) (ethproofs.StoredProof, error) {
	row, err := b.storedRow(block)
	if err != nil {
		return row, fmt.Errorf("block %d: %w", block.Number, err)
	}
	if row.Size != int64(len(proof)) || row.Proved.IsZero() {
		return row, fmt.Errorf("the server's row of block %d: %+v, want proved with %d bytes", block.Number, row, len(proof))
	}
	stored, err := b.storedFile(row)
	if err != nil || !bytes.Equal(stored, proof) {
		return row, fmt.Errorf("block %d: %d bytes are served, %v; want the %d that were sent", block.Number, len(stored), err, len(proof))
	}
	return row, nil
}

// checkFigures compares the figures of a row with those of the event.
func (b *fixture) checkFigures(row ethproofs.StoredProof, event Event) error {
	want, err := provingTime(event.Facts)
	if err != nil {
		return err
	}
	cycles := b.sender.cycles(event)
	if row.Time != want || row.Cycles != cycles || row.Block != event.Block.Number {
		return fmt.Errorf("the server's row of block %d: %+v, want %d ms and %d cycles", event.Block.Number, row, want, cycles)
	}
	return nil
}

// reader asks the server apart from the sender, whose calls are counted.
func (b *fixture) reader() *ethproofs.Client {
	return ethproofs.NewClient(b.options.URL, b.key, "proofline-test-reader", 30*time.Second, b.calls.next)
}

// patiently asks again while the key's budget is used up.
func patiently[T any](ask func() (T, error)) (answer T, err error) {
	for range 10 {
		answer, err = ask()
		status, ok := errors.AsType[*ethproofs.StatusError](err)
		if !ok || status.Status != 429 {
			return answer, err
		}
		time.Sleep(status.RetryAfter + 30*time.Second) // the download route answers only while half of it is left
	}
	return answer, err
}

// storedRow returns what the server lists of a block under the newest version of
// the fixture's cluster.
func (b *fixture) storedRow(block contract.Block) (ethproofs.StoredProof, error) {
	client := b.reader()
	clusters, err := client.Clusters(b.t.Context())
	if err != nil {
		return ethproofs.StoredProof{}, err
	}
	version := int64(0)
	for _, c := range clusters {
		if c.Index == b.options.Cluster {
			version = c.Version()
		}
	}
	list, err := patiently(func() ([]ethproofs.StoredProof, error) {
		list, _, err := client.Proofs(b.t.Context(), block.Number)
		return list, err
	})
	if err != nil {
		return ethproofs.StoredProof{}, err
	}
	for _, p := range list {
		if p.Version == version {
			return p, nil
		}
	}
	return ethproofs.StoredProof{}, fmt.Errorf("the server lists no proof of the cluster's version %d among %d", version, len(list))
}

// storedFile downloads a proof. The server uploads it after its answer.
func (b *fixture) storedFile(row ethproofs.StoredProof) (content []byte, err error) {
	client := b.reader()
	for range 5 {
		content, err = patiently(func() ([]byte, error) { return client.Download(b.t.Context(), row.ID, ethproofs.MaxProofBytes) })
		if !errors.Is(err, ethproofs.ErrNoDownload) {
			return content, err
		}
		time.Sleep(3 * time.Second)
	}
	return content, err
}

// TestReadBackNotices: what a suite against a real server reads back is compared.
func TestReadBackNotices(t *testing.T) {
	onFake(t, func(t *testing.T, b *fixture) {
		whole, changed, forgotten, lost, slower := newBlock(), newBlock(), newBlock(), newBlock(), newBlock()
		for _, block := range []contract.Block{whole, changed, forgotten, slower} {
			b.must(b.phases(block)...)
		}
		b.server.SetStorageDown(true)
		b.must(b.phases(lost)...)
		if count, err := b.readBack(); count != 5 || err == nil || strings.Count(err.Error(), "\n") != 0 || !strings.Contains(err.Error(), fmt.Sprint(lost.Number)) {
			t.Errorf("of %d: %v; want the one of 5 whose file was lost", count, err)
		}
		row, _ := b.server.Proof("alpha", 1, changed.Number)
		b.server.Corrupt(row, append(bytes.Clone(testProof[1:]), 'x'))
		b.server.Forget("alpha", 1, forgotten.Number)
		b.taken[slower.Number].Facts[contract.FactProvingTimeMS] = "8124"
		count, err := b.readBack()
		if count != 5 || err == nil || strings.Count(err.Error(), "\n") != 3 || strings.Contains(err.Error(), fmt.Sprint(whole.Number)) {
			t.Errorf("of %d: %v; want the four that are not as they were sent", count, err)
		}
	})
}
