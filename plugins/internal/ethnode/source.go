package ethnode

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
)

// Source is a source plugin over one node, or over several that stand for one.
// It implements sdk.Source.
type Source struct {
	Follower
	Fetcher
}

// NewPoolSource makes a source over several endpoints, looking at the head every
// interval and whenever a node announces one; closely, where none of them is somebody
// else's service that counts calls.
func NewPoolSource(pool *Pool, interval time.Duration, log *slog.Logger) *Source {
	return &Source{Follower: Follower{Chain: pool, Interval: interval, Wake: pool.Wake, Woken: pool.bell.rung, Closely: pool.near, Log: log}, Fetcher: Fetcher{Supply: pool, Enter: pool.Enter}}
}

// NewSource makes a source that reads one endpoint, looking at its head every
// interval.
func NewSource(client *Client, interval time.Duration, log *slog.Logger) *Source {
	return &Source{Follower: Follower{Chain: client, Interval: interval, Log: log}, Fetcher: Fetcher{Supply: Only(client)}}
}

var _ sdk.Source = (*Source)(nil)

// Fetch writes the task's block and witness into its directory.
func (s *Source) Fetch(ctx context.Context, task *sdk.Task) (*sdk.Result, error) {
	return s.Fetcher.Fetch(ctx, s.Want(task), Outputs(task))
}

// Want is what a task asks for. Where a later stage has refused data of the last
// attempt, the endpoint that gave them is held to account.
func (f *Fetcher) Want(task *sdk.Task) Want {
	want := Want{Block: task.Block, Attempt: task.Attempt}
	if complaint := task.Facts[contract.FactStale]; complaint != "" {
		want.Accused = task.Facts[FactWitnessEndpoint]
		f.Supply.Accuse(want.Accused, errors.New(complaint))
	}
	return want
}

// Outputs makes the files of a Fetcher from the outputs of a task.
func Outputs(task *sdk.Task) func(name string) (File, error) {
	return func(name string) (File, error) {
		out, err := task.Create(name)
		if err != nil {
			return nil, err // not out: a nil pointer is no nil interface
		}
		return out, nil
	}
}
