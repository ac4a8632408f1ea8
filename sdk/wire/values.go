package wire

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"path"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/proofline/proofline/sdk/contract"
	pluginv1 "github.com/proofline/proofline/sdk/proto/proofline/plugin/v1"
)

// valid replaces invalid UTF-8, which protocol buffers refuse. An external tool's output
// must not break the stream that carries it.
func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

func textMap(m map[string]string) map[string]string {
	if m == nil {
		return nil
	}
	clean := make(map[string]string, len(m))
	for k, v := range m {
		clean[valid(k)] = valid(v)
	}
	return clean
}

func factsFromProto(m map[string]string) map[string]string {
	if len(m) == 0 {
		return nil
	}
	return maps.Clone(m)
}

func timeToProto(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

func timeFromProto(t *timestamppb.Timestamp) (time.Time, error) {
	if t == nil {
		return time.Time{}, nil
	}
	return t.AsTime(), t.CheckValid()
}

func durationToProto(d time.Duration) *durationpb.Duration {
	if d == 0 {
		return nil
	}
	return durationpb.New(d)
}

func durationFromProto(d *durationpb.Duration) (time.Duration, error) {
	if d == nil {
		return 0, nil
	}
	return d.AsDuration(), d.CheckValid()
}

// hashFromProto accepts 32 bytes, and no bytes if the hash is optional.
func hashFromProto(b []byte, optional bool) (h contract.Hash, err error) {
	if len(b) == 0 && optional {
		return h, nil
	}
	if len(b) != len(h) {
		return h, fmt.Errorf("hash of %d bytes, want %d", len(b), len(h))
	}
	copy(h[:], b)
	return h, nil
}

// BlockToProto converts a block; nil stays nil.
func BlockToProto(b *contract.Block) *pluginv1.Block {
	if b == nil {
		return nil
	}
	out := &pluginv1.Block{
		ChainId: b.ChainID, Number: b.Number, Hash: slices.Clone(b.Hash[:]),
		Time: timeToProto(b.Time), GasUsed: b.GasUsed, TxCount: b.TxCount,
	}
	if !b.ParentHash.IsZero() {
		out.ParentHash = slices.Clone(b.ParentHash[:])
	}
	return out
}

// blockFromProto converts and checks a block; nil stays nil.
func blockFromProto(b *pluginv1.Block) (*contract.Block, error) {
	if b == nil {
		return nil, nil
	}
	hash, err := hashFromProto(b.GetHash(), false)
	if err != nil {
		return nil, fmt.Errorf("block %d: %w", b.GetNumber(), err)
	}
	parent, err := hashFromProto(b.GetParentHash(), true)
	if err != nil {
		return nil, fmt.Errorf("block %d: parent %w", b.GetNumber(), err)
	}
	at, err := timeFromProto(b.GetTime())
	if err != nil {
		return nil, fmt.Errorf("block %d: time: %w", b.GetNumber(), err)
	}
	return &contract.Block{
		ChainID: b.GetChainId(), Number: b.GetNumber(), Hash: hash, ParentHash: parent,
		Time: at, GasUsed: b.GetGasUsed(), TxCount: b.GetTxCount(),
	}, nil
}

// ArtifactToProto converts an artifact.
func ArtifactToProto(a contract.Artifact) *pluginv1.Artifact {
	out := &pluginv1.Artifact{
		Name: valid(a.Name), Path: valid(a.Path), Size: uint64(max(a.Size, 0)),
		Role: valid(a.Role), Compared: a.Compared,
	}
	if a.SHA256 != (contract.Digest{}) {
		out.Sha256 = slices.Clone(a.SHA256[:])
	}
	return out
}

// ArtifactFromProto converts an artifact and checks it as CheckArtifact does. It does not
// compare size and hash with the file.
func ArtifactFromProto(a *pluginv1.Artifact) (contract.Artifact, error) {
	out := contract.Artifact{Name: a.GetName(), Path: a.GetPath(), Size: int64(a.GetSize()), Role: a.GetRole(), Compared: a.GetCompared()}
	if err := CheckArtifact(out); err != nil {
		return contract.Artifact{}, err
	}
	hash, err := hashFromProto(a.GetSha256(), true)
	if err != nil {
		return contract.Artifact{}, fmt.Errorf("artifact %q: %w", a.GetName(), err)
	}
	out.SHA256 = contract.Digest(hash)
	return out, nil
}

// CheckArtifact reports a name that is not one path element, a path that leaves
// its directory, and an impossible size.
func CheckArtifact(a contract.Artifact) error {
	if err := CheckName(a.Name); err != nil {
		return err
	}
	if a.Path == "" || a.Path != path.Clean(a.Path) || path.IsAbs(a.Path) || a.Path == ".." ||
		strings.HasPrefix(a.Path, "../") || strings.ContainsAny(a.Path, "\\\x00") {
		return fmt.Errorf("artifact %q: path %q is not a clean path below the attempt's directory", a.Name, a.Path)
	}
	if a.Size < 0 {
		return fmt.Errorf("artifact %q: impossible size", a.Name)
	}
	return nil
}

// CheckName reports a name that cannot be the name of an artifact: it must be
// one visible path element of at most 200 bytes.
func CheckName(name string) error {
	switch {
	case name == "":
		return errors.New("artifact without a name")
	case len(name) > 200:
		return fmt.Errorf("artifact name of %d bytes, at most 200 are allowed", len(name))
	case strings.HasPrefix(name, ".") || strings.ContainsAny(name, "/\\\x00"):
		return fmt.Errorf("artifact name %q is not a plain file name", name)
	}
	return nil
}

func artifactsToProto(in []contract.Artifact) []*pluginv1.Artifact {
	var out []*pluginv1.Artifact
	for _, a := range in {
		out = append(out, ArtifactToProto(a))
	}
	return out
}

// artifactsFromProto converts and checks artifacts. It also refuses two of one name.
func artifactsFromProto(in []*pluginv1.Artifact) ([]contract.Artifact, error) {
	var out []contract.Artifact
	seen := make(map[string]bool, len(in))
	for _, p := range in {
		a, err := ArtifactFromProto(p)
		if err != nil {
			return nil, err
		}
		if seen[a.Name] {
			return nil, fmt.Errorf("artifact %q appears twice", a.Name)
		}
		seen[a.Name] = true
		out = append(out, a)
	}
	return out, nil
}

// clampUint32 converts a count, which it limits to the range of uint32.
func clampUint32(n int) uint32 { return uint32(min(max(n, 0), math.MaxUint32)) }
