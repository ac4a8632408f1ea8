package deploy

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/proofline/proofline/host/pipeline"
)

// TestUnit has systemd-analyze read the unit, where it is installed. A copy of the unit
// names a program that exists, because verify looks for it.
func TestUnit(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not installed")
	}
	text, err := os.ReadFile("systemd/proofline@.service")
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.ReplaceAll(text, []byte("/usr/bin/proofline"), []byte("/bin/true"))
	text = regexp.MustCompile(`(?m)^Documentation=.*\n`).ReplaceAll(text, nil)
	unit := filepath.Join(t.TempDir(), "proofline@.service")
	if err := os.WriteFile(unit, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(analyze, "verify", unit).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("verify: %v\n%s", err, out)
	}
	out, err := exec.Command(analyze, "security", "--offline=yes", "--threshold=30", unit).CombinedOutput()
	if err != nil {
		t.Errorf("its exposure is above 3.0: %v\n%s", err, out)
	}
}

// TestFilesExist looks for what the Dockerfile and the compose file take from the
// checkout. What host/monitor/grafana holds is another folder's business.
func TestFilesExist(t *testing.T) {
	text, err := os.ReadFile("compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var compose struct {
		Services map[string]struct {
			Build   struct{ Context, Dockerfile string }
			Volumes []string
		}
	}
	if err := yaml.Unmarshal(text, &compose); err != nil {
		t.Fatal(err)
	}
	if len(compose.Services) != 3 {
		t.Errorf("%d services", len(compose.Services))
	}
	for name, service := range compose.Services {
		if b := service.Build; b.Context != "" {
			if _, err := os.Stat(filepath.Join(b.Context, b.Dockerfile)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, volume := range service.Volumes {
			from, _, _ := strings.Cut(volume, ":/")
			if strings.HasPrefix(from, "./") {
				if _, err := os.Stat(from); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
	}
}

// TestPrometheus has promtool read the configuration and the rules that it names, where
// they lie in the checkout.
func TestPrometheus(t *testing.T) {
	tool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not installed: apt-get install prometheus")
	}
	text, err := os.ReadFile("prometheus/prometheus.yaml")
	if err != nil {
		t.Fatal(err)
	}
	rules, err := filepath.Abs("../monitor/grafana/alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(t.TempDir(), "prometheus.yml")
	if err := os.WriteFile(config, bytes.ReplaceAll(text, []byte("/etc/prometheus/alerts.yaml"), []byte(rules)), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(tool, "check", "config", config).CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("rules found")) {
		t.Errorf("promtool check config: %v\n%s", err, out)
	}
}

// TestComposePipeline: the pipeline file that the compose file mounts where none is named
// listens, with the variable that it sets, where Prometheus can reach it, and on loopback
// everywhere else.
func TestComposePipeline(t *testing.T) {
	text, err := os.ReadFile("../../pipeline.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]string{"0.0.0.0": "0.0.0.0:4000", "": "127.0.0.1:4000"} {
		p, findings := pipeline.Parse("pipeline.yaml", text, func(name string) (string, bool) {
			if name != "HEALTH_HOST" || host == "" {
				return "", false
			}
			return host, true
		})
		if err := findings.Error(); err != nil || p.Monitor.Listen != want {
			t.Errorf("it listens on %s, want %s: %v", p.Monitor.Listen, want, err)
		}
	}
}

// TestKubernetesPipeline reads the pipeline file that the manifests hold.
func TestKubernetesPipeline(t *testing.T) {
	text, err := os.ReadFile("kubernetes/proofline.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var first struct {
		Kind string
		Data map[string]string
	}
	if err := yaml.NewDecoder(bytes.NewReader(text)).Decode(&first); err != nil || first.Kind != "ConfigMap" {
		t.Fatalf("the first manifest is of kind %q: %v", first.Kind, err)
	}
	_, findings := pipeline.Parse("pipeline.yaml", []byte(first.Data["pipeline.yaml"]), func(name string) (string, bool) {
		return "http://node:8545", name == "ETH_RPC_URL" || name == "ZISK_COORDINATOR_URL"
	})
	if err := findings.Error(); err != nil {
		t.Errorf("%v", findings)
	}
}
