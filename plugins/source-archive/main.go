// Command source-archive is a plugin of proofline that replays stored blocks: the archive
// of source-rpc, what reporter-archive has stored in a directory or a bucket, or any
// directory of that form. It returns them at the pace of the chain, or as fast as the host
// takes them.
package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/proofline/proofline/plugins/internal/ethnode"
	"github.com/proofline/proofline/plugins/internal/ethnode/archive"
	"github.com/proofline/proofline/plugins/internal/objects"
	"github.com/proofline/proofline/plugins/internal/release"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
)

func main() { sdk.Serve(plugin()) }

func plugin() sdk.Plugin {
	return sdk.NewSource("source-archive", release.Version, open,
		sdk.Summary("Replays blocks and witnesses from a directory or an S3 bucket, paced by block time or as fast as possible."),
		sdk.Capabilities(contract.CapabilityReplay))
}

// Config is the stage's config block.
type Config struct {
	Dir string                `json:"dir" doc:"Directory of <number>/{block,witness}.json[.gz], or of <number>-<hash>/ as reporter-archive names them. Either dir or s3 is set." format:"dir"`
	S3  *objects.BucketConfig `json:"s3" doc:"Bucket that reporter-archive has filled, or another one of that form."`

	Pace    string       `json:"pace" doc:"fast hands blocks out as they are taken; block_time leaves the time between them that the chain did." default:"fast" enum:"fast,block_time"`
	Speed   float64      `json:"speed" doc:"With block_time: how many times faster than the chain." default:"1" min:"0.001"`
	Follow  bool         `json:"follow" doc:"Go on looking for new blocks at the end, instead of ending." default:"false"`
	Poll    sdk.Duration `json:"poll" doc:"With follow: time between two looks at the directory; a bucket is listed every 30s at most." default:"2s" min:"50ms"`
	ChainID uint64       `json:"chain_id" doc:"The blocks' chain; by default that of chain.json, or of the first typed transaction found."`
}

// Provides implements the SDK's provider. It returns the chain where it is configured.
func (c *Config) Provides() map[string]string {
	if c.ChainID == 0 {
		return nil
	}
	return map[string]string{contract.TraitChainID: strconv.FormatUint(c.ChainID, 10)}
}

// Validate implements the SDK's validator.
func (c *Config) Validate() []sdk.Finding { return objects.ValidatePlace(c.Dir, c.S3) }

// open opens the archive that the config names.
func (c *Config) open() (*archive.Blocks, error) {
	store, err := objects.Open(c.Dir, c.S3)
	if err != nil {
		return nil, err
	}
	return archive.NewBlocks(store), nil
}

// Check implements the SDK's checker. It reads the headers of the first and the last block.
func (c *Config) Check(ctx context.Context) []sdk.Finding {
	pointer := "/dir"
	if c.S3 != nil {
		pointer = "/s3"
	}
	a, err := c.open()
	if err != nil && c.S3 == nil {
		return nil // the format of the key dir reports it
	}
	fault := func(err error, remedy string) []sdk.Finding {
		if withClass, ok := errors.AsType[*contract.Error](err); ok && withClass.Remedy != "" {
			remedy = withClass.Remedy
		}
		return []sdk.Finding{{Severity: sdk.SeverityError, Pointer: pointer, Summary: err.Error(), Remedy: remedy}}
	}
	if err != nil {
		return fault(err, "")
	}
	defer a.Close()
	numbers, err := a.Numbers(ctx)
	if err != nil {
		return fault(err, "the archive must be readable")
	}
	if len(numbers) == 0 {
		f := fault(errors.New("the archive holds no block"), "it needs folders named by block number, each with block.json and witness.json, packed or not")
		if c.Follow {
			f[0].Severity = sdk.SeverityWarning
		}
		return f
	}
	for _, n := range []uint64{numbers[0], numbers[len(numbers)-1]} {
		if _, err := a.Header(ctx, n); err != nil {
			return fault(err, "remove the folder or repair the file")
		}
	}
	id, err := chainID(ctx, a, c.ChainID)
	if err != nil {
		return fault(err, "set chain_id")
	}
	return []sdk.Finding{{Severity: sdk.SeverityInfo, Pointer: pointer, Summary: fmt.Sprintf("%d blocks of chain %d, from %d to %d", len(numbers), id, numbers[0], numbers[len(numbers)-1])}}
}

// source implements sdk.Source.
type source struct {
	*replay
	fetcher ethnode.Fetcher
}

func open(_ context.Context, cfg Config, env sdk.Env) (*source, error) {
	a, err := cfg.open()
	if err != nil {
		return nil, err
	}
	s := &source{replay: &replay{archive: a, chain: cfg.ChainID, follow: cfg.Follow, interval: cfg.Poll.Std(), log: env.Log}}
	s.fetcher = ethnode.Fetcher{Supply: ethnode.SingleReader(a)}
	if cfg.Pace == "block_time" {
		s.speed = cfg.Speed
	}
	return s, nil
}

// Fetch implements sdk.Source. It copies the task's block and witness, with the checks that
// it makes for data of a node, and chain.json where the archive has one.
func (s *source) Fetch(ctx context.Context, task *sdk.Task) (*sdk.Result, error) {
	result, err := s.fetcher.Fetch(ctx, s.fetcher.Request(task), ethnode.Outputs(task))
	if err != nil && sdk.ClassOf(err) == sdk.ClassRetryable {
		err = sdk.Permanent(err) // reading the same files again gives the same error
	}
	if err != nil {
		return nil, err
	}
	out, err := task.Create(contract.ArtifactChain)
	if err != nil {
		return nil, err
	}
	defer out.Discard()
	found, err := s.archive.ChainConfig(ctx, out, task.Block)
	if err != nil || !found {
		return result, err
	}
	rules, err := out.Commit()
	if err != nil {
		return nil, err
	}
	result.Outputs = append(result.Outputs, rules)
	return result, nil
}

// Close releases the archive.
func (s *source) Close() error { return s.archive.Close() }
