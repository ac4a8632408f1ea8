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

// ArchiveConfig configures which fetched data are stored for replay by source-archive.
type ArchiveConfig struct {
	Dir       string `json:"dir" doc:"Directory that gets <number>/{block,witness}.json; made if it does not exist." required:"true"`
	Keep      string `json:"keep" doc:"always keeps every block; on_failure keeps only data that failed the checks, below rejected/; never keeps nothing." default:"always" enum:"always,on_failure,never"`
	Gzip      bool   `json:"gzip" doc:"Pack the files." default:"true"`
	MaxBlocks int    `json:"max_blocks" doc:"Remove what is kept of the lowest numbers beyond so many, replaced blocks and rejected data too; 0 keeps all." default:"0" min:"0"`
}

// archiver copies fetched data into an archive in the background. A fetch does not fail
// with it, and waits for it only while the queue is full.
type archiver struct {
	archive *archive.Archive
	cfg     ArchiveConfig
	log     *slog.Logger
	queue   chan storeRequest
	done    sync.WaitGroup
}

// storeRequest is a block to store. Its files are open, so that they may be removed in the
// meantime.
type storeRequest struct {
	block sdk.Block
	files []archive.Source
}

// enabled reports whether the config has an archive that stores anything.
func (c *ArchiveConfig) enabled() bool { return c != nil && c.Keep != "never" }

// newArchiver opens the archive and starts to write. The caller must call Close.
func newArchiver(cfg ArchiveConfig, log *slog.Logger) (*archiver, error) {
	if err := os.MkdirAll(cfg.Dir, 0o755); err != nil {
		return nil, sdk.Environment(err, "make the archive's directory, or set another one")
	}
	store, err := archive.Open(cfg.Dir)
	if err != nil {
		return nil, sdk.Environment(err, "make the archive's directory readable")
	}
	a := &archiver{archive: store, cfg: cfg, log: log, queue: make(chan storeRequest, 8)}
	a.done.Go(a.run)
	return a, nil
}

// Close waits until everything in the queue is stored, and closes the archive.
func (a *archiver) Close() error {
	close(a.queue)
	a.done.Wait()
	return a.archive.Close()
}

func (a *archiver) run() {
	for request := range a.queue {
		err := a.archive.Keep(request.block, request.files, a.cfg.Gzip)
		if err == nil && a.cfg.MaxBlocks > 0 {
			err = a.archive.Prune(a.cfg.MaxBlocks)
		}
		if err != nil {
			a.log.Warn("a fetched block is not kept in the archive", "block", request.block.Number, "error", err)
		}
		closeAll(request.files)
	}
}

func closeAll(files []archive.Source) {
	for _, f := range files {
		f.File.Close()
	}
}

// store puts the outputs of a successful fetch into the queue. It waits while the queue is
// full.
func (a *archiver) store(ctx context.Context, task *sdk.Task, result *sdk.Result) {
	if a.cfg.Keep != "always" {
		return
	}
	request := storeRequest{block: task.Block}
	for _, output := range result.Outputs {
		f, err := os.Open(filepath.Join(task.Dir, filepath.FromSlash(output.Path)))
		if err != nil {
			a.log.Warn("a fetched block is not kept in the archive", "block", task.Block.Number, "error", err)
			closeAll(request.files)
			return
		}
		request.files = append(request.files, archive.Source{Name: output.Name, File: f})
	}
	select {
	case a.queue <- request:
	case <-ctx.Done():
		closeAll(request.files)
	}
}

// copiedOutput is an output that also writes a copy, which is stored if the content fails
// the checks.
type copiedOutput struct {
	*sdk.Output
	archiver *archiver
	block    sdk.Block
	name     string
	copy     *os.File // deleted temporary file; nil where it cannot be written
}

// create creates an output of the task.
func (a *archiver) create(task *sdk.Task, name string) (ethnode.File, error) {
	out, err := task.Create(name)
	if err != nil {
		return nil, err
	}
	w := &copiedOutput{Output: out, archiver: a, block: task.Block, name: name}
	if w.copy, err = os.CreateTemp(task.Temp(), "watched-"); err == nil {
		err = os.Remove(w.copy.Name())
	}
	if err != nil {
		a.log.Warn("data that fail the checks will not be kept", "block", task.Block.Number, "error", err)
	}
	return w, nil
}

func (w *copiedOutput) Write(p []byte) (int, error) {
	n, err := w.Output.Write(p)
	if w.copy != nil {
		if _, e := w.copy.Write(p[:n]); e != nil {
			w.dropCopy()
		}
	}
	return n, err
}

func (w *copiedOutput) dropCopy() {
	if w.copy != nil {
		w.copy.Close()
		w.copy = nil
	}
}

// Commit implements ethnode.File.
func (w *copiedOutput) Commit() (sdk.Artifact, error) {
	w.dropCopy()
	return w.Output.Commit()
}

// Discard implements ethnode.File.
func (w *copiedOutput) Discard() {
	w.dropCopy()
	w.Output.Discard()
}

// Reject stores the content and the reason in the archive. A Fetcher calls it.
func (w *copiedOutput) Reject(reason error) {
	if w.copy == nil {
		return
	}
	_, err := w.copy.Seek(0, 0)
	if err == nil {
		err = w.archiver.archive.Reject(w.block, []archive.Source{{Name: w.name, File: w.copy}}, reason, w.archiver.cfg.Gzip)
	}
	if err != nil {
		w.archiver.log.Warn("data that failed the checks are not kept", "block", w.block.Number, "error", errors.Join(err, reason))
		return
	}
	if limit := w.archiver.cfg.MaxBlocks; limit > 0 {
		if err := w.archiver.archive.Prune(limit); err != nil {
			w.archiver.log.Warn("the archive cannot be pruned", "error", err)
		}
	}
	w.archiver.log.Info("data that failed the checks are kept", "block", w.block.Number, "archive", w.archiver.archive.Path(), "reason", reason)
}
