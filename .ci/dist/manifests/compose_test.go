package manifests

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
)

// TestCompose loads the compose file with the library that docker compose loads it with,
// which holds it against the schema of the Compose Specification, in a folder where
// nothing was prepared: neither a pipeline file nor one with variables.
func TestCompose(t *testing.T) {
	deploy, err := filepath.Abs("../../../host/deploy")
	if err != nil {
		t.Fatal(err)
	}
	options, err := cli.NewProjectOptions([]string{filepath.Join(deploy, "compose.yaml")}, cli.WithWorkingDirectory(deploy), cli.WithResolvedPaths(true))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if names := project.ServiceNames(); !slices.Equal(names, []string{"grafana", "prometheus", "proofline"}) {
		t.Errorf("services %v", names)
	}
	for name, s := range project.Services {
		for _, v := range s.Volumes {
			if v.Type == "bind" {
				if _, err := os.Stat(v.Source); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			} else if _, known := project.Volumes[v.Source]; !known {
				t.Errorf("%s: there is no volume %s", name, v.Source)
			}
		}
		if s.Build != nil {
			if _, err := os.Stat(filepath.Join(s.Build.Context, s.Build.Dockerfile)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	// Prometheus comes from another container: the monitor listens on more than loopback.
	if host := project.Services["proofline"].Environment["HEALTH_HOST"]; host == nil || *host != "0.0.0.0" {
		t.Errorf("HEALTH_HOST is %v", host)
	}
}
