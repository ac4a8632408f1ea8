package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"github.com/proofline/proofline/plugins/internal/ethnode"
	"github.com/proofline/proofline/plugins/internal/ethnode/archive"
	"github.com/proofline/proofline/sdk"
)

// ArchiveConfig says which fetched data are kept for replay by source-archive.
type ArchiveConfig struct {
	Dir       string `json:"dir" doc:"Directory that gets <number>/{block,witness}.json; made if it does not exist." required:"true"`
	Keep      string `json:"keep" doc:"always keeps every block; on_failure keeps only data that failed the checks, below rejected/; never keeps nothing." default:"always" enum:"always,on_failure,never"`
	Gzip      bool   `json:"gzip" doc:"Pack the files." default:"true"`
	MaxBlocks int    `json:"max_blocks" doc:"Remove what is kept of the lowest numbers beyond so many, replaced blocks and rejected data too; 0 keeps all." default:"0" min:"0"`
}

// keeper copies fetched data into an archive, in the background: a fetch does
// not wait for it and does not fail with it.
type keeper struct {
	archive *archive.Archive
	cfg     ArchiveConfig
	log     *slog.Logger
	jobs    chan keepJob
	done    sync.WaitGroup
}

// keepJob is a block whose files are open, so that they may be removed
// meanwhile.
type keepJob struct {
	block sdk.Block
	files []archive.Source
}

// newKeeper returns nil where nothing is to be kept.
func newKeeper(cfg *ArchiveConfig, log *slog.Logger) (*keeper, error) {
	if cfg == nil || cfg.Keep == "never" {
		return nil, nil
	}
	if err := os.MkdirAll(cfg.Dir, 0o755); err != nil {
		return nil, sdk.Environment(err, "make the archive's directory, or set another one")
	}
	a, err := archive.Open(cfg.Dir)
	if err != nil {
		return nil, sdk.Environment(err, "the archive's directory must be readable")
	}
	k := &keeper{archive: a, cfg: *cfg, log: log, jobs: make(chan keepJob, 8)}
	k.done.Go(k.run)
	return k, nil
}

// Close waits until everything is kept.
func (k *keeper) Close() error {
	close(k.jobs)
	k.done.Wait()
	return k.archive.Close()
}

func (k *keeper) run() {
	for job := range k.jobs {
		err := k.archive.Keep(job.block, job.files, k.cfg.Gzip)
		if err == nil && k.cfg.MaxBlocks > 0 {
			err = k.archive.Prune(k.cfg.MaxBlocks)
		}
		if err != nil {
			k.log.Warn("a fetched block is not kept in the archive", "block", job.block.Number, "error", err)
		}
		closeAll(job.files)
	}
}

func closeAll(files []archive.Source) {
	for _, f := range files {
		f.File.Close()
	}
}

// fetched hands over the outputs of a successful fetch. It waits while the
// archive is far behind.
func (k *keeper) fetched(ctx context.Context, task *sdk.Task, result *sdk.Result) {
	if k.cfg.Keep != "always" {
		return
	}
	job := keepJob{block: task.Block}
	for _, a := range result.Outputs {
		f, err := os.Open(filepath.Join(task.Dir, filepath.FromSlash(a.Path)))
		if err != nil {
			k.log.Warn("a fetched block is not kept in the archive", "block", task.Block.Number, "error", err)
			closeAll(job.files)
			return
		}
		job.files = append(job.files, archive.Source{Name: a.Name, File: f})
	}
	select {
	case k.jobs <- job:
	case <-ctx.Done():
		closeAll(job.files)
	}
}

// watched is an output whose content is written twice, so that it can be kept
// if it fails the checks.
type watched struct {
	*sdk.Output
	keeper *keeper
	block  sdk.Block
	name   string
	copy   *os.File // without a name in the file system; nil if it cannot be written
}

// watch starts an output of the task.
func (k *keeper) watch(task *sdk.Task, name string) (ethnode.File, error) {
	out, err := task.Create(name)
	if err != nil {
		return nil, err
	}
	w := &watched{Output: out, keeper: k, block: task.Block, name: name}
	if w.copy, err = os.CreateTemp(task.Temp(), "watched-"); err == nil {
		err = os.Remove(w.copy.Name())
	}
	if err != nil {
		k.log.Warn("data that fail the checks will not be kept", "block", task.Block.Number, "error", err)
	}
	return w, nil
}

func (w *watched) Write(p []byte) (int, error) {
	n, err := w.Output.Write(p)
	if w.copy != nil {
		if _, e := w.copy.Write(p[:n]); e != nil {
			w.drop()
		}
	}
	return n, err
}

func (w *watched) drop() {
	if w.copy != nil {
		w.copy.Close()
		w.copy = nil
	}
}

// Commit implements ethnode.File.
func (w *watched) Commit() (sdk.Artifact, error) {
	w.drop()
	return w.Output.Commit()
}

// Discard implements ethnode.File.
func (w *watched) Discard() {
	w.drop()
	w.Output.Discard()
}

// Reject keeps the content and the reason.
func (w *watched) Reject(reason error) {
	if w.copy == nil {
		return
	}
	_, err := w.copy.Seek(0, 0)
	if err == nil {
		err = w.keeper.archive.Reject(w.block, []archive.Source{{Name: w.name, File: w.copy}}, reason, w.keeper.cfg.Gzip)
	}
	if err != nil {
		w.keeper.log.Warn("data that failed the checks are not kept", "block", w.block.Number, "error", errors.Join(err, reason))
		return
	}
	if most := w.keeper.cfg.MaxBlocks; most > 0 {
		if err := w.keeper.archive.Prune(most); err != nil {
			w.keeper.log.Warn("the archive cannot be pruned", "error", err)
		}
	}
	w.keeper.log.Info("data that failed the checks are kept", "block", w.block.Number, "archive", w.keeper.archive.Path(), "reason", reason)
}
