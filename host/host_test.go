package host

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/proofline/proofline/host/artifact"
	"github.com/proofline/proofline/host/checkpoint"
	"github.com/proofline/proofline/host/control"
	"github.com/proofline/proofline/host/launch"
	"github.com/proofline/proofline/host/offline"
	"github.com/proofline/proofline/host/pipeline"
	"github.com/proofline/proofline/sdk/contract"
)

// TestSecondHostIsToldWhoTheFirstIs checks that the error of a second host has the class
// environment and names the process to stop, also before the first host has announced
// itself.
func TestSecondHostIsToldWhoTheFirstIs(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	first, err := offline.OpenCheckpoint(data)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	for _, want := range []string{"in use by another process", "in use by the proofline with pid 4711"} {
		_, err := offline.OpenCheckpoint(data)
		if !errors.Is(err, checkpoint.ErrInUse) || contract.ClassOf(err) != contract.ClassEnvironment || !strings.Contains(err.Error(), want) {
			t.Errorf("%v (%s), want %q of the environment", err, contract.ClassOf(err), want)
		}
		if _, err := control.Announce(data, control.Record{PID: 4711, Socket: "s"}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestCommandsWhileStarting checks that before the engine runs commands which need it
// return an error, and the others are answered.
func TestCommandsWhileStarting(t *testing.T) {
	data := t.TempDir()
	store, err := offline.OpenCheckpoint(data)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	h := &host{Options: Options{Pipeline: &pipeline.Pipeline{Name: "p", Data: data}}, started: time.Now(), store: store}
	server, err := control.Serve(filepath.Join(data, "s"), h, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close(t.Context())
	if _, err := control.Announce(data, control.Record{PID: os.Getpid(), Socket: filepath.Join(data, "s")}); err != nil {
		t.Fatal(err)
	}
	c, err := control.Dial(t.Context(), data)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if snap, err := c.Snapshot(t.Context()); err != nil || snap.Pipeline != "p" || snap.PID != os.Getpid() {
		t.Errorf("snapshot %+v, %v", snap, err)
	}
	if jobs, err := c.Blocks(t.Context(), control.Query{}); err != nil || len(jobs) != 0 {
		t.Errorf("blocks %+v, %v", jobs, err)
	}
	_, add := c.AddBlocks(t.Context(), []uint64{1})
	_, prove := c.ProveBlock(t.Context(), control.ProveRequest{Number: 1, Input: "/x"})
	for name, err := range map[string]error{"add": add, "prove": prove, "retry": c.Retry(t.Context(), control.RetryRequest{Job: "j"}), "skip": c.Skip(t.Context(), "j")} {
		if contract.ClassOf(err) != contract.ClassEnvironment || !strings.Contains(err.Error(), "the pipeline is starting") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestBeginTellsOfTheRunBefore checks that a crash of the last run and a missing checkpoint
// are logged.
func TestBeginTellsOfTheRunBefore(t *testing.T) {
	data := t.TempDir()
	files, err := artifact.Open(data, filepath.Join(data, "output"))
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	begin := func(id string) string {
		t.Helper()
		store, err := offline.OpenCheckpoint(data)
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		log.Reset()
		h := &host{
			Options: Options{Pipeline: &pipeline.Pipeline{Data: data}, Log: slog.New(slog.NewTextHandler(&log, nil))},
			store:   store, files: files, run: &launch.Run{ID: id},
		}
		if err := h.begin(); err != nil {
			t.Fatal(err)
		}
		return log.String()
	}
	if text := begin("01"); text != "" {
		t.Errorf("the very first start: %s", text)
	}
	if text := begin("02"); !strings.Contains(text, "did not end in good order") {
		t.Errorf("after a crash: %q", text)
	}
	if _, _, err := files.Attempt("1-5-00000000", "source", 1, nil); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(offline.CheckpointPath(data)); err != nil {
		t.Fatal(err)
	}
	if text := begin("03"); !strings.Contains(text, "their checkpoint is gone") {
		t.Errorf("without the checkpoint: %q", text)
	}
}
