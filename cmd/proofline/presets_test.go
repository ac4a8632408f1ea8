package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/proofline/proofline/host/pipeline"
	"github.com/proofline/proofline/sdk/contract"
)

// TestFilesFitThePlugins holds the pipeline files that we hand out against what
// the plugins of this repository say of themselves.
func TestFilesFitThePlugins(t *testing.T) {
	files := map[string][]byte{}
	for _, name := range pipeline.Presets() {
		files[name+".yaml"], _ = pipeline.Preset(name)
	}
	text, err := os.ReadFile("../../pipeline.yaml")
	if err != nil {
		t.Fatal(err)
	}
	files["pipeline.yaml"] = text

	// go run keeps what it has linked, so that only the first test is slow.
	dirs, err := filepath.Glob("../../plugins/*/main.go")
	if err != nil {
		t.Fatal(err)
	}
	manifests := map[string]contract.Manifest{}
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, file := range dirs {
		all.Go(func() {
			dir := filepath.Dir(file)
			cmd := exec.CommandContext(t.Context(), "go", "run", "./"+filepath.Base(dir), "describe")
			cmd.Dir = filepath.Dir(dir)
			out, err := cmd.Output()
			var m contract.Manifest
			if err == nil {
				err = json.Unmarshal(out, &m)
			}
			if err != nil {
				t.Errorf("describe %s: %v", dir, err)
			}
			mu.Lock()
			defer mu.Unlock()
			manifests[m.Name] = m
		})
	}
	all.Wait()

	set := map[string]string{"ETH_RPC_URL": "http://127.0.0.1:8545", "ELF_PATH": "/opt/guest.elf"}
	for name, text := range files {
		p, findings := pipeline.Parse(name, text, func(key string) (string, bool) { v, ok := set[key]; return v, ok })
		if findings.Failed() {
			t.Fatal(findings.Error())
		}
		findings = pipeline.Bind(p, func(plugin string) (contract.Manifest, error) {
			m, ok := manifests[plugin]
			if !ok {
				return m, fmt.Errorf("this repository has no plugin %s", plugin)
			}
			return m, nil
		})
		for _, f := range findings {
			if strings.HasSuffix(f.Path, ".plugin") { // a preset may name plugins that come from elsewhere
				t.Log(f)
				continue
			}
			t.Error(f)
		}
	}
}
