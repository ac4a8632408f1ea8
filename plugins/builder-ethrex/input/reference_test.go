package input_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/trie"

	"github.com/proofline/proofline/plugins/builder-ethrex/ethblock"
	"github.com/proofline/proofline/plugins/builder-ethrex/input"
	"github.com/proofline/proofline/plugins/builder-ethrex/inspect"
	"github.com/proofline/proofline/plugins/internal/guest"
	"github.com/proofline/proofline/sdk/witness"
	"github.com/proofline/proofline/sdk/witness/witnesstest"
)

// TestAgainstReference compares random cases, and damaged copies of them, with the
// reference writer, which is a Python program. ETHREX_SEED and ETHREX_COUNT choose
// other cases than 120 from seed 1: make fuzz-ethrex takes a seed of the clock.
func TestAgainstReference(t *testing.T) {
	tools := witnesstest.Shared(t, "tools")
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3: the reference writer cannot run")
	}
	seed, count := number(t, "ETHREX_SEED", 1), number(t, "ETHREX_COUNT", 60)
	configs, err := filepath.Abs("testdata/config")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	command := exec.CommandContext(ctx, python, "testdata/reference.py", tools, configs, strconv.FormatInt(seed, 10), strconv.FormatInt(count, 10))
	var stderr bytes.Buffer
	command.Stderr = &stderr
	stdin, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	d := &dialogue{in: bufio.NewReaderSize(stdout, 1<<20), out: stdin}
	var seen, refused int
	before := &referenceCase{}
	for !t.Failed() {
		c, err := d.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Error(err)
			break
		}
		seen++
		refused += c.compare(t, before)
		before = c
	}
	if t.Failed() {
		stop()
	}
	stdin.Close()
	if err := command.Wait(); err != nil && !t.Failed() {
		t.Fatalf("reference: %v\n%s", err, &stderr)
	}
	if want := int(2 * count); seen != want && !t.Failed() {
		t.Errorf("%d cases, want %d", seen, want)
	}
	if t.Failed() {
		t.Logf("again with: ETHREX_SEED=%d ETHREX_COUNT=%d", seed, count)
	} else {
		t.Logf("%d cases from seed %d, half of them damaged; %d results are refusals", seen, seed, refused)
	}
}

func number(t *testing.T, name string, standard int64) int64 {
	text := os.Getenv(name)
	if text == "" {
		return standard
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// dialogue is a connection to reference.py, whose docstring describes the protocol.
type dialogue struct {
	in  *bufio.Reader
	out io.Writer
}

func (d *dialogue) text() ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(d.in, size[:]); err != nil {
		return nil, err
	}
	text := make([]byte, binary.LittleEndian.Uint32(size[:]))
	_, err := io.ReadFull(d.in, text)
	return text, err
}

// next answers requests for hashes until a case arrives.
func (d *dialogue) next() (*referenceCase, error) {
	for {
		letter, err := d.in.ReadByte()
		if err != nil {
			return nil, err
		}
		switch letter {
		case 'K':
			data, err := d.text()
			if err != nil {
				return nil, err
			}
			if _, err := d.out.Write(crypto.Keccak256(data)); err != nil {
				return nil, err
			}
		case 'C':
			c := &referenceCase{results: map[guest.Format][]byte{}}
			var network []byte
			parts := []*[]byte{&c.name, &network, &c.block, &c.witness}
			for _, part := range parts {
				if *part, err = d.text(); err != nil {
					return nil, err
				}
			}
			c.network = string(network)
			for _, format := range guest.Formats() {
				if c.results[format], err = d.text(); err != nil {
					return nil, err
				}
			}
			return c, nil
		default:
			return nil, fmt.Errorf("unknown letter %q", letter)
		}
	}
}

type referenceCase struct {
	name, block, witness []byte
	network              string
	results              map[guest.Format][]byte
}

// compare builds the case in all formats and returns how many are refused. The
// writer may refuse more than the reference does, but only of damaged cases. It
// may take what the reference refuses only where the damage is a matter of dialect,
// so that the result is that of the case before, which is the same one undamaged,
// or where the block has another hash than that one, or the witness's headers are no
// chain below it: Verify, which is left out here, would find it.
func (c *referenceCase) compare(t *testing.T, before *referenceCase) (refused int) {
	damaged := bytes.HasSuffix(c.name, []byte("damaged"))
	for format, want := range c.results {
		if want[0] == '?' {
			continue
		}
		have, err := c.build(t, format)
		switch accepted := want[0] == '+'; {
		case err == nil && damaged && bytes.Equal(have, bytes.TrimPrefix(before.results[format], []byte("+"))):
		case err == nil && !accepted && damaged && (c.hashes(t) != before.hashes(t) || !c.chained()):
		case err == nil && !accepted:
			t.Errorf("%s, %s: accepted, but the reference refuses it: %s", c.name, format, want[1:])
		case err == nil && !bytes.Equal(have, want[1:]):
			t.Errorf("%s, %s:", c.name, format)
			sameBytes(t, have, want[1:])
		case err == nil:
			if f, err := inspect.Open(have); err != nil || f.Format != format || len(f.AlsoFormats) > 0 {
				t.Errorf("%s, %s: inspect does not recognise it: %v", c.name, format, err)
			}
		case !damaged:
			t.Errorf("%s, %s: refused, but the reference takes it: %v", c.name, format, err)
		default:
			refused++
		}
	}
	return refused
}

// hashes returns the hashes that Verify compares: those of header, transactions and
// withdrawals.
func (c *referenceCase) hashes(t *testing.T) [3]common.Hash {
	b, err := witness.DecodeUnverifiedBlock(c.block)
	if err != nil {
		t.Fatal(err)
	}
	hasher := trie.NewStackTrie(nil)
	return [3]common.Hash{b.Hash(), types.DeriveSha(b.Transactions(), hasher), types.DeriveSha(b.Withdrawals(), hasher)}
}

// chained reports whether the witness's headers are a chain below the block.
func (c *referenceCase) chained() bool {
	b, err := witness.DecodeUnverifiedBlock(c.block)
	if err != nil {
		return false
	}
	w, err := witness.Decode(c.witness)
	if err != nil {
		return false
	}
	_, err = w.Ancestors(b.Block)
	return err == nil
}

func (c *referenceCase) build(t *testing.T, format guest.Format) ([]byte, error) {
	b, err := ethblock.Decode(bytes.Clone(c.block))
	if err != nil {
		return nil, err
	}
	w, err := witness.Decode(c.witness)
	if err != nil {
		return nil, err
	}
	r, err := input.Build(t.Context(), b, w, strict(t, format, c.network))
	if err != nil {
		return nil, err
	}
	return r.Archive, nil
}
