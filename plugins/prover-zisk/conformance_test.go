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
	for _, server := range []string{"off", "on"} {
		t.Run("server "+server, func(t *testing.T) { conform(t, plugin, elf, locks, server) })
	}
}

// conform runs the conformance kit on the plugin, with and without the server.
func conform(t *testing.T, plugin, elf, locks, server string) {
	config := func(tool *zisktest.Tool) json.RawMessage {
		data, err := json.Marshal(map[string]any{"elf": elf, "bin": tool.Path, "lock_dir": locks, "grace": "500ms", "port": 31_300, "setup": "skip",
			"server": server, "server_port": 31_310})
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
