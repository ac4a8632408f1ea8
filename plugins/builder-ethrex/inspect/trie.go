package inspect

import (
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/rlp"

	"github.com/proofline/proofline/plugins/builder-ethrex/rkyv"
)

// TrieStats counts the nodes of tries.
type TrieStats struct {
	Nodes      int `json:"nodes"`
	Branches   int `json:"branches"`
	Extensions int `json:"extensions"`
	Leaves     int `json:"leaves"`
	// Unresolved is the number of references to nodes that the input does not contain.
	Unresolved int `json:"unresolved"`
}

func (s *TrieStats) add(o TrieStats) {
	s.Nodes += o.Nodes
	s.Branches += o.Branches
	s.Extensions += o.Extensions
	s.Leaves += o.Leaves
	s.Unresolved += o.Unresolved
}

// hasher computes the root of a trie that is written as nested nodes, and counts the nodes.
type hasher struct {
	stats TrieStats
	// leaf, where it is not nil, is called for each leaf. path holds nibbles without the
	// terminator.
	leaf func(path, value []byte)
}

// root returns the hash of a node, whatever its size.
func (h *hasher) root(node rkyv.View) [32]byte {
	return [32]byte(crypto.Keccak256(h.encode(node, nil)))
}

// encode returns the RLP of a node.
func (h *hasher) encode(node rkyv.View, path []byte) []byte {
	h.stats.Nodes++
	buffer := rlp.NewEncoderBuffer(nil)
	list := buffer.List()
	switch kind, v := node.Variant(); kind {
	case "branch":
		h.stats.Branches++
		branch := v.Deref()
		for i, name := range childNames {
			h.reference(&buffer, branch.Field(name), extend(path, byte(i)))
		}
		buffer.WriteBytes(branch.Field("value").Bytes())
	case "extension":
		h.stats.Extensions++
		prefix := v.Field("prefix").Field("data").Bytes()
		buffer.WriteBytes(hexPrefix(prefix))
		h.reference(&buffer, v.Field("child"), extend(path, prefix...))
	case "leaf":
		h.stats.Leaves++
		partial := v.Field("partial").Field("data").Bytes()
		buffer.WriteBytes(hexPrefix(partial))
		buffer.WriteBytes(v.Field("value").Bytes())
		if h.leaf != nil && len(partial) > 0 {
			h.leaf(extend(path, partial[:len(partial)-1]...), v.Field("value").Bytes())
		}
	}
	buffer.ListEnd(list)
	return buffer.ToBytes()
}

func (h *hasher) reference(to *rlp.EncoderBuffer, ref rkyv.View, path []byte) {
	kind, v := ref.Variant()
	if kind == "node" {
		raw := h.encode(v.Deref(), path)
		if len(raw) < 32 {
			to.Write(raw)
		} else {
			to.WriteBytes(crypto.Keccak256(raw))
		}
		return
	}
	switch kind, v := v.Variant(); kind {
	case "hashed":
		h.stats.Unresolved++
		to.WriteBytes(v.Bytes())
	default:
		n := min(int(v.Field("length").Uint64()), 31)
		if n == 0 {
			to.WriteBytes(nil)
			return
		}
		to.Write(v.Field("data").Bytes()[:n])
	}
}

// extend returns a path with further nibbles. It returns the same path of 65 nibbles for all
// paths of more than 64, which no key has.
func extend(path []byte, nibbles ...byte) []byte {
	if len(path)+len(nibbles) > 64 {
		return make([]byte, 65)
	}
	return append(path[:len(path):len(path)], nibbles...)
}

// hexPrefix returns the hex-prefix encoding of nibbles (yellow paper, appendix C). The path of
// a leaf ends with the terminator 16.
func hexPrefix(nibbles []byte) []byte {
	flag := byte(0)
	if n := len(nibbles); n > 0 && nibbles[n-1] == 16 {
		flag, nibbles = 0x20, nibbles[:n-1]
	}
	if len(nibbles)%2 == 1 {
		flag |= 0x10 | nibbles[0]&15
		nibbles = nibbles[1:]
	}
	out := []byte{flag}
	for i := 0; i < len(nibbles); i += 2 {
		out = append(out, nibbles[i]<<4|nibbles[i+1]&15)
	}
	return out
}
