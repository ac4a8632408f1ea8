// Package journal stores the blocks of one chain in append-only files, from which a damaged
// database can be rebuilt.
//
// A directory holds segments of SegmentBlocks blocks. Each is named after its first block,
// whose number is a multiple of SegmentBlocks plus one:
//
//	blocks-0000000001.journal
//	blocks-0000008193.journal
//	…
//
//	segment = "plblock1" | genesis hash [32] | number of the first block u64le | record …
//	record  = length of the payload u32le | crc32c of length and payload u32le | payload
//	payload = RLP of a block
//
// A block is appended and synced before it is served. A crash can leave an incomplete
// record at the end of the last segment. Open moves it to another file; the block is lost,
// but it was never served. Damage anywhere else is an error that names file and byte.
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
	magic      = "plblock1"
	headerSize = len(magic) + common.HashLength + 8
	frameSize  = 8
	maxPayload = 16 << 20 // bytes; EIP-7934 limits a block to 10 MiB
	filePrefix = "blocks-"
	fileSuffix = ".journal"
	tornSuffix = ".torn"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Journal is an open journal. It is not safe for concurrent use.
type Journal struct {
	dir     string
	genesis common.Hash
	size    uint64 // number of blocks in a full segment
	log     *slog.Logger

	segments []uint64    // number of the first block of each segment, ascending
	file     *os.File    // the last segment, nil while there is none
	end      int64       // offset of the next record in file
	last     uint64      // number of the newest block, 0 while there is none
	lastHash common.Hash // hash of the newest block, or of the genesis block
	broken   error       // why nothing can be appended any more; nil where it can
}

// Open opens the journal of the chain with the genesis hash. It creates a missing directory.
// It reads only the last segment. It moves an incomplete record at the end to a file of its
// own and logs a warning. It returns an *OtherChainError for the journal of another chain.
func Open(dir string, genesis common.Hash, log *slog.Logger) (*Journal, error) {
	return openSized(dir, genesis, SegmentBlocks, log)
}

func openSized(dir string, genesis common.Hash, size uint64, log *slog.Logger) (*Journal, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	j := &Journal{dir: dir, genesis: genesis, size: size, log: log, lastHash: genesis}
	var err error
	if j.segments, err = listSegments(dir, size); err != nil {
		return nil, err
	}
	for len(j.segments) > 0 && j.file == nil {
		if err := j.openLast(); err != nil {
			return nil, err
		}
	}
	return j, nil
}

// listSegments returns the numbers of the segments' first blocks, and checks that no segment
// is missing.
func listSegments(dir string, size uint64) ([]uint64, error) {
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

// openLast opens the last segment for appending. It removes a segment without a complete
// header, which a crash left when the segment was created.
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
		if err := j.saveTorn(s); err != nil {
			return err
		}
	}
	if j.last == 0 && first > 1 {
		// The segment is empty, so the last block of the one before is the newest.
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

// lastOf returns the last block of a full segment.
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

// saveTorn writes the bytes of the incomplete record to a file of their own.
func (j *Journal) saveTorn(s *segment) error {
	path := fmt.Sprintf("%s%s-%d", s.path, tornSuffix, s.end)
	if err := os.WriteFile(path, s.data[s.end:], 0o600); err != nil {
		return err
	}
	j.log.Warn("the last block was not written completely: it is made anew", "block", j.last+1, "bytes", len(s.data)-int(s.end), "kept_in", path)
	return nil
}

// Last returns the number and hash of the newest block, 0 and the genesis hash while there
// is none.
func (j *Journal) Last() (number uint64, hash common.Hash) { return j.last, j.lastHash }

// Append writes the block, which must follow the last one, and syncs it. After an error the
// journal is unchanged.
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

// checksum returns the checksum over the four bytes of the length and the payload.
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

// Close closes the journal. It may be called more than once.
func (j *Journal) Close() error {
	if j.file == nil {
		return nil
	}
	err := j.file.Close()
	j.file = nil
	j.broken = fmt.Errorf("journal %s: %w", j.dir, fs.ErrClosed)
	return err
}
