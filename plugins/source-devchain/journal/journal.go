// Package journal keeps the blocks of one chain in append-only files, so that a
// chain survives whatever happens to the database built from it.
//
// The files of a directory are segments of SegmentBlocks blocks, named after
// their first block, which is a multiple of SegmentBlocks plus one:
//
//	blocks-0000000001.journal
//	blocks-0000008193.journal
//	…
//
//	segment = "plblock1" | genesis hash [32] | number of the first block u64le | record …
//	record  = length of the payload u32le | crc32c of length and payload u32le | payload
//	payload = RLP of a block
//
// A block is appended and synced before it is served. A crash can leave a torn
// record at the end of the last segment; Open sets it aside, and the block, which
// nobody has seen, is lost. Damage anywhere else is an error that names the place.
package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/rlp"

	"github.com/proofline/proofline/sdk/files"
)

// SegmentBlocks is the number of blocks in a full segment.
const SegmentBlocks = 8192

const (
	magic        = "plblock1"
	headerSize   = len(magic) + common.HashLength + 8
	frameSize    = 8
	maxPayload   = 16 << 20 // EIP-7934 bounds a block to 10 MiB
	filePrefix   = "blocks-"
	fileSuffix   = ".journal"
	setAsideName = ".torn"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Journal is an open journal. Its methods must not be called concurrently.
type Journal struct {
	dir     string
	genesis common.Hash
	size    uint64 // blocks in a full segment
	log     *slog.Logger

	segments []uint64 // first block of each segment, ascending
	file     *os.File // the last segment, nil while there is none
	end      int64    // where the next record goes
	last     uint64   // newest block, 0 while there is none
	lastHash common.Hash
	broken   error // a failed append that could not be undone
}

// Open opens the journal of the chain with the genesis hash, and creates the
// directory if need be. It reads the last segment only. A torn record at its end
// is moved to a file of its own, with a warning.
func Open(dir string, genesis common.Hash, log *slog.Logger) (*Journal, error) {
	return openSized(dir, genesis, SegmentBlocks, log)
}

func openSized(dir string, genesis common.Hash, size uint64, log *slog.Logger) (*Journal, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	j := &Journal{dir: dir, genesis: genesis, size: size, log: log, lastHash: genesis}
	var err error
	if j.segments, err = list(dir, size); err != nil {
		return nil, err
	}
	for len(j.segments) > 0 && j.file == nil {
		if err := j.openLast(); err != nil {
			return nil, err
		}
	}
	return j, nil
}

// list returns the first blocks of the segments and checks that none is missing.
func list(dir string, size uint64) ([]uint64, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var segments []uint64
	for _, entry := range entries {
		text, found := strings.CutPrefix(entry.Name(), filePrefix)
		text, suffixed := strings.CutSuffix(text, fileSuffix)
		if !found || !suffixed {
			continue
		}
		first, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%s: not the name of a segment", filepath.Join(dir, entry.Name()))
		}
		segments = append(segments, first)
	}
	slices.Sort(segments)
	for i, first := range segments {
		if want := uint64(i)*size + 1; first != want {
			return nil, fmt.Errorf("%s: the segment %s is missing", dir, segmentName(want))
		}
	}
	return segments, nil
}

func segmentName(first uint64) string { return fmt.Sprintf("%s%010d%s", filePrefix, first, fileSuffix) }

func (j *Journal) path(first uint64) string { return filepath.Join(j.dir, segmentName(first)) }

// openLast opens the last segment for appending. A segment without a complete
// header was torn when it was created; it is removed.
func (j *Journal) openLast() error {
	first := j.segments[len(j.segments)-1]
	s, err := readSegment(j.path(first), first, j.genesis)
	if errors.Is(err, errTornHeader) {
		j.segments = j.segments[:len(j.segments)-1]
		return os.Remove(j.path(first))
	}
	if err != nil {
		return err
	}
	if err := s.scan(func(block *types.Block) bool { j.last, j.lastHash = block.NumberU64(), block.Hash(); return true }); err != nil {
		return err
	}
	if s.torn() {
		if err := j.setAside(s); err != nil {
			return err
		}
	}
	if j.last == 0 && first > 1 {
		// The segment is empty: its predecessor's last block is the newest.
		last, err := j.lastOf(j.segments[len(j.segments)-2])
		if err != nil {
			return err
		}
		j.last, j.lastHash = last.NumberU64(), last.Hash()
	}
	file, err := os.OpenFile(s.path, os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := file.Truncate(s.end); err != nil {
		return errors.Join(err, file.Close())
	}
	j.file, j.end = file, s.end
	return nil
}

func (j *Journal) lastOf(first uint64) (last *types.Block, err error) {
	s, err := readSegment(j.path(first), first, j.genesis)
	if err != nil {
		return nil, err
	}
	if err := s.scan(func(block *types.Block) bool { last = block; return true }); err != nil {
		return nil, err
	}
	if last == nil || s.torn() || last.NumberU64() != first+j.size-1 {
		return nil, s.damage("it ends before block %d", first+j.size-1)
	}
	return last, nil
}

// setAside keeps the bytes of the torn record, so that nothing is thrown away.
func (j *Journal) setAside(s *segment) error {
	path := fmt.Sprintf("%s%s-%d", s.path, setAsideName, s.end)
	if err := os.WriteFile(path, s.data[s.end:], 0o600); err != nil {
		return err
	}
	j.log.Warn("the last block was not written completely: it is made anew", "block", j.last+1, "bytes", len(s.data)-int(s.end), "kept_in", path)
	return nil
}

// Last returns the newest block's number and hash: 0 and the genesis hash while
// there is none.
func (j *Journal) Last() (number uint64, hash common.Hash) { return j.last, j.lastHash }

// Append writes the block, which must follow the last one, and returns once it is
// on the disk. After an error the journal is as before.
func (j *Journal) Append(block *types.Block) error {
	number := block.NumberU64()
	switch {
	case j.broken != nil:
		return j.broken
	case number != j.last+1 || block.ParentHash() != j.lastHash:
		return fmt.Errorf("journal %s: block %d with parent %s does not follow block %d (%s)", j.dir, number, block.ParentHash(), j.last, j.lastHash)
	}
	if (number-1)%j.size == 0 {
		if err := j.startSegment(number); err != nil {
			return err
		}
	}
	record, err := encode(block)
	if err != nil {
		return err
	}
	_, err = j.file.WriteAt(record, j.end)
	if err == nil {
		err = j.file.Sync()
	}
	if err != nil {
		if undo := j.file.Truncate(j.end); undo != nil {
			j.broken = fmt.Errorf("journal %s: a failed write could not be undone: %w", j.file.Name(), undo)
		}
		return err
	}
	j.end += int64(len(record))
	j.last, j.lastHash = number, block.Hash()
	return nil
}

func encode(block *types.Block) ([]byte, error) {
	payload, err := rlp.EncodeToBytes(block)
	if err != nil {
		return nil, err
	}
	if len(payload) > maxPayload {
		return nil, fmt.Errorf("block %d has %d bytes, more than a journal takes", block.NumberU64(), len(payload))
	}
	record := binary.LittleEndian.AppendUint32(make([]byte, 0, frameSize+len(payload)), uint32(len(payload)))
	record = binary.LittleEndian.AppendUint32(record, checksum(record, payload))
	return append(record, payload...), nil
}

// checksum covers the four bytes of the length and the payload.
func checksum(length, payload []byte) uint32 {
	return crc32.Update(crc32.Checksum(length[:4], castagnoli), castagnoli, payload)
}

func (j *Journal) startSegment(first uint64) error {
	path := j.path(first)
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	header := append([]byte(magic), j.genesis[:]...)
	header = binary.LittleEndian.AppendUint64(header, first)
	_, err = file.Write(header)
	if err == nil {
		err = file.Sync()
	}
	if err == nil {
		err = files.SyncDir(j.dir)
	}
	if err != nil {
		return errors.Join(err, file.Close(), os.Remove(path))
	}
	if j.file != nil {
		err = j.file.Close()
	}
	if !slices.Contains(j.segments, first) {
		j.segments = append(j.segments, first)
	}
	j.file, j.end = file, int64(headerSize)
	return err
}

// Close closes the journal. It may be called again.
func (j *Journal) Close() error {
	if j.file == nil {
		return nil
	}
	err := j.file.Close()
	j.file = nil
	j.broken = fmt.Errorf("journal %s: %w", j.dir, fs.ErrClosed)
	return err
}
