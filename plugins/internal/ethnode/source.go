package ethnode

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
)

// Source is a source plugin that reads one node or a Pool of nodes. It implements
// sdk.Source.
type Source struct {
	Follower
	Fetcher
}

// NewPoolSource returns a source that reads a pool. It reads the head every interval
// and when a node announces one. Where all nodes lie in private networks it also polls
// densely; a public endpoint may count calls.
func NewPoolSource(pool *Pool, interval time.Duration, log *slog.Logger) *Source {
	return &Source{Follower: Follower{Chain: pool, Interval: interval, Wake: pool.Wake, LastWake: pool.newBlocks.lastSent, PollDense: pool.allPrivate, Log: log}, Fetcher: Fetcher{Supply: pool, Enter: pool.Enter}}
}

// NewSource returns a source that reads one endpoint, and its head every interval.
func NewSource(client *Client, interval time.Duration, log *slog.Logger) *Source {
	return &Source{Follower: Follower{Chain: client, Interval: interval, Log: log}, Fetcher: Fetcher{Supply: SingleReader(client)}}
}

var _ sdk.Source = (*Source)(nil)

// Fetch writes the task's block and witness into its directory.
func (s *Source) Fetch(ctx context.Context, task *sdk.Task) (*sdk.Result, error) {
	return s.Fetcher.Fetch(ctx, s.Request(task), Outputs(task))
}

// Request returns the request of a task. Where a later stage has refused the data of
// the last attempt, it records that against the endpoint that served them.
func (f *Fetcher) Request(task *sdk.Task) FetchRequest {
	request := FetchRequest{Block: task.Block, Attempt: task.Attempt}
	if reason := task.Facts[contract.FactStale]; reason != "" {
		request.RefusedLabel = task.Facts[FactWitnessEndpoint]
		f.Supply.RecordRefusal(request.RefusedLabel, errors.New(reason))
	}
	return request
}

// Outputs returns the function with which a Fetcher creates the output files of a task.
func Outputs(task *sdk.Task) func(name string) (File, error) {
	return func(name string) (File, error) {
		out, err := task.Create(name)
		if err != nil {
			return nil, err // not out, which would be a non-nil interface with a nil pointer
		}
		return out, nil
	}
}
