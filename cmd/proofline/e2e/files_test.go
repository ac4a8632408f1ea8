package e2e

import (
	"strings"
	"testing"

	"github.com/proofline/proofline/host/pipeline"
)

// TestFilesFitThePlugins checks the pipeline files of the repository with its plugins. A
// preset may name a plugin from elsewhere; then the only finding is about that.
func TestFilesFitThePlugins(t *testing.T) {
	t.Parallel()
	s := newSite(t, devchain(t))
	if out := s.must("validate"); !strings.HasPrefix(out, "valid: ") {
		t.Errorf("pipeline.yaml:\n%s", out)
	}
	for _, preset := range pipeline.Presets() {
		file := preset + ".yaml"
		s.must("init", preset, "--file", file)
		code, out, _ := s.run("validate", file)
		if code != 1 || !strings.Contains(out, "the variable ETH_RPC_URL is not set") {
			t.Errorf("%s without variables: exit %d\n%s", file, code, out)
		}
		s.env = append(s.env, "ETH_RPC_URL=http://127.0.0.1:8545", "ELF_PATH=/opt/guest.elf")
		_, out, _ = s.run("validate", file)
		for line := range strings.Lines(out) {
			if !strings.Contains(line, ".plugin: plugin ") && !strings.HasPrefix(line, "valid: ") {
				t.Errorf("%s:\n%s", file, out)
				break
			}
			t.Log(line)
		}
		s.env = s.env[:len(s.env)-2]
	}
}
