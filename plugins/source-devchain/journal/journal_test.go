package journal

import (
	"bytes"
	"errors"
	"log/slog"
	"math/big"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"golang.org/x/sys/unix"
)

var genesis = common.HexToHash("0x01020304")

// extend makes a block on top of the parent.
func extend(number uint64, parent common.Hash, extra int) *types.Block {
	return types.NewBlockWithHeader(&types.Header{
		Number: new(big.Int).SetUint64(number), ParentHash: parent, Difficulty: new(big.Int), BaseFee: big.NewInt(7),
		Extra: bytes.Repeat([]byte{byte(number)}, extra), Time: number,
	})
}

// fill appends n blocks and returns all of them from block 1 on.
func fill(t *testing.T, j *Journal, n int) (blocks []*types.Block) {
	t.Helper()
	for range n {
		last, hash := j.Last()
		block := extend(last+1, hash, int(last)%32)
		if err := j.Append(block); err != nil {
			t.Fatal(err)
		}
		blocks = append(blocks, block)
	}
	return blocks
}

func open(t *testing.T, dir string) (*Journal, string) {
	t.Helper()
	var logged bytes.Buffer
	j, err := Open(dir, genesis, slog.New(slog.NewTextHandler(&logged, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j, logged.String()
}

func read(t *testing.T, j *Journal, from uint64) (numbers []uint64, hashes []common.Hash) {
	t.Helper()
	for block, err := range j.Blocks(from) {
		if err != nil {
			t.Fatal(err)
		}
		numbers, hashes = append(numbers, block.NumberU64()), append(hashes, block.Hash())
	}
	return numbers, hashes
}

func TestAppendAndReadAgain(t *testing.T) {
	dir := t.TempDir()
	j, _ := open(t, dir)
	if number, hash := j.Last(); number != 0 || hash != genesis {
		t.Errorf("an empty journal ends with %d %s", number, hash)
	}
	if numbers, _ := read(t, j, 1); numbers != nil {
		t.Errorf("an empty journal holds %v", numbers)
	}
	blocks := fill(t, j, 5)
	if err := j.Append(blocks[4]); err == nil {
		t.Error("the same block was taken twice")
	}
	if err := j.Append(extend(6, common.Hash{9}, 1)); err == nil || !strings.Contains(err.Error(), "does not follow block 5") {
		t.Errorf("a block of another chain: %v", err)
	}
	j.Close()

	j, logged := open(t, dir)
	if logged != "" {
		t.Errorf("a clean journal warns: %s", logged)
	}
	if number, hash := j.Last(); number != 5 || hash != blocks[4].Hash() {
		t.Errorf("it ends with %d %s", number, hash)
	}
	numbers, hashes := read(t, j, 3)
	if len(numbers) != 3 || numbers[0] != 3 || hashes[2] != blocks[4].Hash() {
		t.Errorf("from block 3: %v", numbers)
	}
	fill(t, j, 1)
	if numbers, _ := read(t, j, 1); len(numbers) != 6 {
		t.Errorf("after another block: %v", numbers)
	}
	for block, err := range j.Blocks(1) {
		if err != nil || block.NumberU64() > 2 {
			t.Fatalf("the sequence goes on after the reader has left: %v", err)
		}
		if block.NumberU64() == 2 {
			break
		}
	}
}

func TestSegments(t *testing.T) {
	const size = 4
	dir := t.TempDir()
	open := func(t *testing.T, dir string) (*Journal, error) {
		return openSized(dir, genesis, size, slog.New(slog.DiscardHandler))
	}
	j, _ := open(t, dir)
	fill(t, j, size+3)
	j.Close()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) != 2 || filepath.Base(files[1]) != "blocks-0000000005.journal" {
		t.Fatalf("files %v, %v", files, err)
	}
	j, _ = open(t, dir)
	if numbers, _ := read(t, j, size-1); len(numbers) != 5 || numbers[0] != size-1 {
		t.Errorf("across the segments: %v", numbers)
	}
	if numbers, _ := read(t, j, size+2); len(numbers) != 2 {
		t.Errorf("within the second segment: %v", numbers)
	}
	j.Close()

	// A crash while the second segment was created leaves a part of its header,
	// or a header without blocks.
	whole, err := os.ReadFile(files[1])
	if err != nil {
		t.Fatal(err)
	}
	for _, bytes := range []int{0, 1, headerSize - 1, headerSize} {
		if err := os.WriteFile(files[1], whole[:bytes], 0o600); err != nil {
			t.Fatal(err)
		}
		j, err := open(t, dir)
		if err != nil {
			t.Fatal(err)
		}
		if last, _ := j.Last(); last != size {
			t.Errorf("with %d bytes of the second segment the journal ends with block %d", bytes, last)
		}
		fill(t, j, 2)
		j.Close()
	}

	if err := os.Remove(files[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, dir); err == nil || !strings.Contains(err.Error(), "blocks-0000000001.journal is missing") {
		t.Errorf("without the first segment: %v", err)
	}
}

// TestCutAtEveryByteOfTheLastRecord cuts the last record at every byte. It checks that the
// blocks before it are kept, that the rest is moved to another file, and that the journal goes
// on.
func TestCutAtEveryByteOfTheLastRecord(t *testing.T) {
	dir := t.TempDir()
	j, _ := open(t, dir)
	blocks := fill(t, j, 4)
	start := j.end
	fill(t, j, 1)
	end := j.end
	j.Close()
	path := filepath.Join(dir, "blocks-0000000001.journal")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range []struct {
		name string
		make func(cut int64) []byte
	}{
		{"cut off", func(cut int64) []byte { return whole[:cut] }},
		{"zeros after", func(cut int64) []byte {
			return append(bytes.Clone(whole[:cut]), make([]byte, int64(len(whole))-cut)...)
		}},
		{"zeros before", func(cut int64) []byte {
			return append(append(bytes.Clone(whole[:start]), make([]byte, cut-start+1)...), whole[cut+1:]...)
		}},
	} {
		for cut := start; cut < end; cut++ {
			torn := fault.make(cut)
			if bytes.Equal(torn, whole) {
				continue
			}
			if err := os.WriteFile(path, torn, 0o600); err != nil {
				t.Fatal(err)
			}
			j, logged := open(t, dir)
			if last, hash := j.Last(); last != 4 || hash != blocks[3].Hash() {
				t.Fatalf("%s at byte %d: the journal ends with block %d", fault.name, cut, last)
			}
			if warned := strings.Contains(logged, "block=5"); warned != (int64(len(torn)) > start) {
				t.Errorf("%s at byte %d: logged %q", fault.name, cut, logged)
			}
			if int64(len(torn)) > start {
				kept, err := filepath.Glob(path + ".torn-*")
				if err != nil || len(kept) != 1 {
					t.Fatalf("%s at byte %d: kept %v, %v", fault.name, cut, kept, err)
				}
				if aside, err := os.ReadFile(kept[0]); err != nil || !bytes.Equal(aside, torn[start:]) {
					t.Errorf("%s at byte %d: the bytes set aside are others, %v", fault.name, cut, err)
				}
				os.Remove(kept[0])
			}
			fill(t, j, 1)
			if numbers, _ := read(t, j, 1); len(numbers) != 5 {
				t.Errorf("%s at byte %d: afterwards %v", fault.name, cut, numbers)
			}
			j.Close()
		}
	}
}

// TestDamageInTheMiddle checks that damage before the last record is an error.
func TestDamageInTheMiddle(t *testing.T) {
	dir := t.TempDir()
	j, _ := open(t, dir)
	fill(t, j, 1)
	start := j.end
	fill(t, j, 1)
	end := j.end
	fill(t, j, 2)
	j.Close()
	path := filepath.Join(dir, "blocks-0000000001.journal")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := start; at < end; at++ {
		damaged := bytes.Clone(whole)
		damaged[at] ^= 0xff
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(dir, genesis, slog.Default())
		if err == nil || !strings.Contains(err.Error(), "is damaged at byte") || !strings.Contains(err.Error(), path) {
			t.Errorf("byte %d changed: %v", at, err)
		}
	}
}

// TestFullDisk checks that a partly written record is removed, and that the block can be
// appended once there is space.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	j, _ := open(t, dir)
	fill(t, j, 3)
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	signal.Ignore(unix.SIGXFSZ)
	defer signal.Reset(unix.SIGXFSZ)
	full := limit
	full.Cur = uint64(j.end) + 20
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &full); err != nil {
		t.Fatal(err)
	}
	last, hash := j.Last()
	block := extend(last+1, hash, 9)
	err := j.Append(block)
	if restore := unix.Setrlimit(unix.RLIMIT_FSIZE, &limit); restore != nil {
		t.Fatal(restore)
	}
	if !errors.Is(err, unix.EFBIG) {
		t.Fatalf("on a full disk: %v", err)
	}
	if err := j.Append(block); err != nil {
		t.Fatalf("with room again: %v", err)
	}
	j.Close()
	if err := j.Append(extend(5, block.Hash(), 1)); !errors.Is(err, os.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	j, logged := open(t, dir)
	if last, hash := j.Last(); last != 4 || hash != block.Hash() || logged != "" {
		t.Errorf("reopened it ends with block %d, logged %q", last, logged)
	}
}

func TestJournalOfAnotherChain(t *testing.T) {
	dir := t.TempDir()
	j, _ := open(t, dir)
	fill(t, j, 1)
	j.Close()
	_, err := Open(dir, common.Hash{1}, slog.Default())
	if other, ok := errors.AsType[*OtherChainError](err); !ok || other.Have != genesis {
		t.Errorf("%v", err)
	}
}

func FuzzSegment(f *testing.F) {
	dir := f.TempDir()
	j, err := Open(dir, genesis, slog.New(slog.DiscardHandler))
	if err != nil {
		f.Fatal(err)
	}
	for number, hash := range []common.Hash{genesis, extend(1, genesis, 3).Hash()} {
		if err := j.Append(extend(uint64(number)+1, hash, 3)); err != nil {
			f.Fatal(err)
		}
	}
	j.Close()
	whole, err := os.ReadFile(filepath.Join(dir, "blocks-0000000001.journal"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:len(whole)-5])
	f.Add(whole[:headerSize])
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := parseSegment("segment", data, 1, genesis)
		if err != nil {
			return
		}
		var last *types.Block
		if err := s.scan(func(block *types.Block) bool { last = block; return true }); err != nil {
			return
		}
		if last == nil {
			last = extend(0, genesis, 0)
			if s.end != int64(headerSize) {
				t.Fatalf("no block in %d bytes", s.end)
			}
		}
		// What is left after cutting the torn record can be appended to.
		record, err := encode(extend(last.NumberU64()+1, last.Hash(), 1))
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseSegment("segment", append(bytes.Clone(data[:s.end]), record...), 1, genesis)
		if err != nil {
			t.Fatal(err)
		}
		blocks := 0
		if err := again.scan(func(*types.Block) bool { blocks++; return true }); err != nil || again.torn() || blocks == 0 {
			t.Errorf("after appending: %d blocks, %v", blocks, err)
		}
	})
}
