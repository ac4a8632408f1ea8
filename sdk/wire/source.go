package wire

import (
	"fmt"
	"slices"

	"github.com/proofline/proofline/sdk/contract"
	pluginv1 "github.com/proofline/proofline/sdk/proto/proofline/plugin/v1"
)

// PollRequestToProto converts a poll request.
func PollRequestToProto(r contract.PollRequest) *pluginv1.PollRequest {
	return &pluginv1.PollRequest{
		Cursor: slices.Clone(r.Cursor),
		Selection: &pluginv1.Selection{
			Every: r.Selection.Every, ShardIndex: r.Selection.ShardIndex, ShardCount: r.Selection.ShardCount,
			From: clonePointer(r.Selection.From), To: clonePointer(r.Selection.To),
		},
		Max: clampUint32(r.Max), Wait: durationToProto(r.Wait),
	}
}

// PollRequestFromProto converts and checks a poll request.
func PollRequestFromProto(r *pluginv1.PollRequest) (contract.PollRequest, error) {
	wait, err := durationFromProto(r.GetWait())
	if err == nil && wait < 0 {
		err = fmt.Errorf("negative (%v)", wait)
	}
	if err != nil {
		return contract.PollRequest{}, fmt.Errorf("poll: wait: %w", err)
	}
	s := r.GetSelection()
	if s.GetShardCount() > 1 && s.GetShardIndex() >= s.GetShardCount() {
		return contract.PollRequest{}, fmt.Errorf("poll: shard index %d of %d shards", s.GetShardIndex(), s.GetShardCount())
	}
	out := contract.PollRequest{
		Cursor: nilIfEmpty(r.GetCursor()), Max: int(r.GetMax()), Wait: wait,
		Selection: contract.Selection{Every: s.GetEvery(), ShardIndex: s.GetShardIndex(), ShardCount: s.GetShardCount()},
	}
	if s != nil {
		out.Selection.From, out.Selection.To = clonePointer(s.From), clonePointer(s.To)
	}
	return out, nil
}

// PollResponseToProto converts the answer to a poll.
func PollResponseToProto(r contract.PollResponse) *pluginv1.PollResponse {
	out := &pluginv1.PollResponse{NextCursor: slices.Clone(r.NextCursor), Head: r.Head, HeadTime: timeToProto(r.HeadTime), Done: r.Done}
	for _, b := range r.Blocks {
		out.Blocks = append(out.Blocks, BlockToProto(&b))
	}
	for _, h := range r.Orphaned {
		out.Orphaned = append(out.Orphaned, slices.Clone(h[:]))
	}
	return out
}

// PollResponseFromProto converts and checks the answer to a poll: the blocks
// must ascend.
func PollResponseFromProto(r *pluginv1.PollResponse) (contract.PollResponse, error) {
	out := contract.PollResponse{NextCursor: nilIfEmpty(r.GetNextCursor()), Head: r.GetHead(), Done: r.GetDone()}
	var err error
	if out.HeadTime, err = timeFromProto(r.GetHeadTime()); err != nil {
		return contract.PollResponse{}, fmt.Errorf("poll: head_time: %w", err)
	}
	for i, p := range r.GetBlocks() {
		b, err := blockFromProto(p)
		if err != nil {
			return contract.PollResponse{}, fmt.Errorf("poll: %w", err)
		}
		if b == nil {
			return contract.PollResponse{}, fmt.Errorf("poll: block %d of the answer is empty", i)
		}
		if i > 0 && b.Number <= out.Blocks[i-1].Number {
			return contract.PollResponse{}, fmt.Errorf("poll: block %d after block %d: the blocks must ascend",
				b.Number, out.Blocks[i-1].Number)
		}
		out.Blocks = append(out.Blocks, *b)
	}
	for _, p := range r.GetOrphaned() {
		h, err := hashFromProto(p, false)
		if err != nil {
			return contract.PollResponse{}, fmt.Errorf("poll: orphaned %w", err)
		}
		out.Orphaned = append(out.Orphaned, h)
	}
	return out, nil
}

// ResolutionsToProto converts a source's answers about requested numbers.
func ResolutionsToProto(in []contract.Resolution) *pluginv1.ResolveResponse {
	out := &pluginv1.ResolveResponse{}
	for _, r := range in {
		out.Resolutions = append(out.Resolutions, &pluginv1.Resolution{
			Number: r.Number, Block: BlockToProto(r.Block), Reason: valid(r.Reason)})
	}
	return out
}

// ResolutionsFromProto converts and checks a source's answers about the requested
// numbers. There must be exactly one for each number, in the order of the numbers.
func ResolutionsFromProto(r *pluginv1.ResolveResponse, numbers []uint64) ([]contract.Resolution, error) {
	if len(r.GetResolutions()) != len(numbers) {
		return nil, fmt.Errorf("resolve: %d answers to %d numbers", len(r.GetResolutions()), len(numbers))
	}
	out := make([]contract.Resolution, 0, len(numbers))
	for i, p := range r.GetResolutions() {
		b, err := blockFromProto(p.GetBlock())
		if err != nil {
			return nil, fmt.Errorf("resolve: %w", err)
		}
		if p.GetNumber() != numbers[i] || b != nil && b.Number != numbers[i] {
			return nil, fmt.Errorf("resolve: answer for block %d in the place of block %d", p.GetNumber(), numbers[i])
		}
		out = append(out, contract.Resolution{Number: p.GetNumber(), Block: b, Reason: p.GetReason()})
	}
	return out, nil
}

func clonePointer(p *uint64) *uint64 {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}
