package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/proofline/proofline/plugins/prover-zisk/zisktest"
	"github.com/proofline/proofline/plugins/prover-zisk/zisktest/double"
	"github.com/proofline/proofline/sdk/sdktest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	zisktest.Cleanup()
	os.Exit(code)
}

func TestConformance(t *testing.T) {
	plugin := filepath.Join(t.TempDir(), "prover-zisk")
	if out, err := exec.Command("go", "build", "-o", plugin, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	elf := filepath.Join(t.TempDir(), "guest.elf")
	if err := os.WriteFile(elf, []byte("a guest program"), 0o600); err != nil {
		t.Fatal(err)
	}
	locks := t.TempDir()
	config := func(tool *zisktest.Tool) json.RawMessage {
		data, err := json.Marshal(map[string]any{"elf": elf, "bin": tool.Path, "lock_dir": locks, "grace": "500ms", "port": 31_300, "setup": "skip"})
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	sdktest.Test(t, sdktest.Suite{
		Target: sdktest.Binary(plugin),
		Config: config(zisktest.New(t, zisktest.Scenario{Services: true})),
		Slow:   config(zisktest.New(t, zisktest.Scenario{Services: true, Fail: double.Hang})),
		Inputs: []sdktest.Input{{Name: "input.bin", Data: []byte("the guest's input")}},
		Grace:  5 * time.Second,
	})
}
