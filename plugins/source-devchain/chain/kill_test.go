package chain

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
)

// blocksIn is the variable with the directory in which this test binary, started again, makes
// blocks and prints each when it is served, until it is killed.
const blocksIn = "DEVCHAIN_TEST_MINT_IN"

func TestMain(m *testing.M) {
	if dir := os.Getenv(blocksIn); dir != "" {
		if err := makeBlocksUntilKilled(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

func makeBlocksUntilKilled(dir string) error {
	c, err := Open(context.Background(), Config{Dir: dir, Seed: 1, Transactions: 12, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	for {
		block, err := c.MakeBlock(now)
		if err != nil {
			return err
		}
		fmt.Println(block.NumberU64(), block.Hash())
	}
}

// TestKilledAtAnyTime kills the process of a chain again and again at random moments. It proves
// that the chain keeps every block that was served. It does not prove what happens when the
// machine loses power.
func TestKilledAtAnyTime(t *testing.T) {
	dir := t.TempDir()
	seen := make(map[uint64]common.Hash)
	for _, lines := range []int{1, 7, 30, 2, 19} {
		killAfter(t, dir, lines, seen)
	}
	c := openChain(t, config(dir))
	defer closeChain(t, c)
	if head := c.Head().Number.Uint64(); head < uint64(len(seen)) {
		t.Errorf("the head is block %d, %d blocks were seen", head, len(seen))
	}
	for number, hash := range seen {
		if have := c.node.BlockChain().GetCanonicalHash(number); have != hash {
			t.Errorf("block %d is now %s, was %s", number, have, hash)
		}
	}
	for number := c.Head().Number.Uint64(); number > 0 && number+3 > c.Head().Number.Uint64(); number-- {
		execute(t, c, number)
	}
}

// killAfter starts the process, records the blocks that it prints, and kills it after the given
// number of lines.
func killAfter(t *testing.T, dir string, lines int, seen map[uint64]common.Hash) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), blocksIn+"="+dir)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	scanner := bufio.NewScanner(stdout)
	for range lines {
		if !scanner.Scan() {
			break
		}
		var number uint64
		var hash string
		if _, err := fmt.Sscan(scanner.Text(), &number, &hash); err != nil {
			t.Fatalf("line %q: %v", scanner.Text(), err)
		}
		if known, ok := seen[number]; ok && known != common.HexToHash(hash) {
			t.Errorf("block %d was %s, after a kill it is %s", number, known, hash)
		}
		seen[number] = common.HexToHash(hash)
	}
	_ = cmd.Process.Kill() // it may have failed already, which the next line tells
	if err := cmd.Wait(); stderr.Len() > 0 {
		t.Fatalf("%v: %s", err, stderr.String())
	}
}
