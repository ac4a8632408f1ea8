package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"os"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/rlp"
)

// errTornHeader means that the segment ends within its header.
var errTornHeader = errors.New("the segment has no complete header")

// segment is the content of one file, and the position of a scan in it.
type segment struct {
	path  string
	first uint64
	data  []byte
	end   int64 // offset after the last record that scan has read
}

func readSegment(path string, first uint64, genesis common.Hash) (*segment, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return parseSegment(path, data, first, genesis)
}

func parseSegment(path string, data []byte, first uint64, genesis common.Hash) (*segment, error) {
	s := &segment{path: path, first: first, data: data, end: int64(headerSize)}
	if len(data) < headerSize {
		return nil, fmt.Errorf("%s: %w", path, errTornHeader)
	}
	if string(data[:len(magic)]) != magic {
		return nil, fmt.Errorf("%s: not a block journal", path)
	}
	if have := common.Hash(data[len(magic) : len(magic)+common.HashLength]); have != genesis {
		return nil, &OtherChainError{Path: path, Have: have, Want: genesis}
	}
	if have := binary.LittleEndian.Uint64(data[headerSize-8:]); have != first {
		return nil, fmt.Errorf("%s: its header says that it begins with block %d", path, have)
	}
	return s, nil
}

// OtherChainError means that the journal belongs to a chain with another genesis block.
type OtherChainError struct {
	Path       string
	Have, Want common.Hash // genesis hashes
}

func (e *OtherChainError) Error() string {
	return fmt.Sprintf("%s: it holds the chain with genesis block %s, not %s", e.Path, e.Have, e.Want)
}

// scan calls yield with each block, and moves end behind it, until yield returns false. It
// stops without an error before an incomplete record at the end of the file.
func (s *segment) scan(yield func(*types.Block) bool) error {
	number, parent := s.first, common.Hash{}
	for int(s.end) < len(s.data) {
		payload, ok, err := s.record()
		if err != nil || !ok {
			return err
		}
		block := new(types.Block)
		if err := rlp.DecodeBytes(payload, block); err != nil {
			return s.damage("block %d does not decode: %v", number, err)
		}
		if block.NumberU64() != number || parent != (common.Hash{}) && block.ParentHash() != parent {
			return s.damage("block %d is followed by block %d with parent %s", number-1, block.NumberU64(), block.ParentHash())
		}
		s.end += frameSize + int64(len(payload))
		if !yield(block) {
			return nil
		}
		number, parent = number+1, block.Hash()
	}
	return nil
}

// record returns the payload of the record at end. ok is false where the rest of the file
// is an incomplete record. It is an error when a complete record follows later.
func (s *segment) record() (payload []byte, ok bool, err error) {
	rest := s.data[s.end:]
	if payload, ok = decodeRecord(rest); ok {
		return payload, true, nil
	}
	for i := 1; i < len(rest); i++ {
		if _, ok := decodeRecord(rest[i:]); ok {
			return nil, false, s.damage("there is no record of a block, but there is one %d bytes later", i)
		}
	}
	return nil, false, nil
}

// decodeRecord returns the payload of the record at the begin of data. ok is false where
// there is none. It makes the cheap checks before the checksum.
func decodeRecord(data []byte) (payload []byte, ok bool) {
	if len(data) < frameSize {
		return nil, false
	}
	length := uint64(binary.LittleEndian.Uint32(data))
	if length > maxPayload || frameSize+length > uint64(len(data)) {
		return nil, false
	}
	payload = data[frameSize : frameSize+length]
	if _, rest, err := rlp.SplitList(payload); err != nil || len(rest) > 0 {
		return nil, false
	}
	return payload, checksum(data, payload) == binary.LittleEndian.Uint32(data[4:])
}

// torn reports, after a complete scan, whether the file ends with an incomplete record.
func (s *segment) torn() bool { return int(s.end) < len(s.data) }

func (s *segment) damage(format string, args ...any) error {
	return fmt.Errorf("%s is damaged at byte %d: %s (restore the file from a backup, or delete the stage's state directory to begin a new chain)",
		s.path, s.end, fmt.Sprintf(format, args...))
}

// Blocks returns the blocks from the number on in ascending order. The sequence ends after
// the last block or with an error.
func (j *Journal) Blocks(from uint64) iter.Seq2[*types.Block, error] {
	return func(yield func(*types.Block, error) bool) {
		next := from
		for _, first := range j.segments {
			if first+j.size <= from || next > j.last {
				continue
			}
			s, err := readSegment(j.path(first), first, j.genesis)
			stopped := false
			if err == nil {
				err = s.scan(func(block *types.Block) bool {
					if block.NumberU64() >= from {
						next = block.NumberU64() + 1
						stopped = !yield(block, nil)
					}
					return !stopped
				})
			}
			if stopped {
				return
			}
			if want := min(first+j.size-1, j.last); err == nil && next != want+1 {
				err = s.damage("it ends before block %d", want)
			}
			if err != nil {
				yield(nil, err)
				return
			}
		}
	}
}
