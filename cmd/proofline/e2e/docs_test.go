package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/proofline/proofline/host/catalog"
	"github.com/proofline/proofline/host/docs"
	"github.com/proofline/proofline/sdk/contract"
)

// TestReference compares the page "reference" with the plugins of the repository. With
// PROOFLINE_DOCS=1, as "make docs" sets it, the test writes the page.
func TestReference(t *testing.T) {
	bin, err := binaries()
	if err != nil {
		t.Fatal(err)
	}
	built := filepath.Join(bin, "plugins")
	files, err := os.ReadDir(built)
	if err != nil {
		t.Fatal(err)
	}
	var manifests []contract.Manifest
	plugins := catalog.Open([]string{built})
	for _, f := range files {
		if f.Name() == catalog.LockName {
			continue
		}
		binary, err := plugins.Find(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		manifests = append(manifests, binary.Manifest)
	}
	want, err := docs.Reference(manifests)
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv("PROOFLINE_DOCS") != "" {
		if err := os.WriteFile("../../../host/docs/reference.md", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	page, err := docs.Find("reference")
	if err != nil {
		t.Fatal(err)
	}
	if page.Text != want {
		t.Error("host/docs/reference.md is not what the schemas say; make docs writes it anew")
	}
}

// TestRecipes validates every pipeline file of the documentation with the real plugins,
// in an environment that sets what its first lines name.
func TestRecipes(t *testing.T) {
	bin, err := binaries()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	elf := filepath.Join(dir, "guest.elf")
	if err := os.WriteFile(elf, []byte("\x7fELF"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "kept"), 0o700); err != nil {
		t.Fatal(err)
	}
	values := map[string]string{
		"ETH_RPC_URL": "http://127.0.0.1:1", "ETH_RPC_URL_2": "http://127.0.0.1:2", "ETH_RPC_URL_3": "http://127.0.0.1:3",
		"ELF_PATH": elf, "NEXT_ELF_PATH": elf, "PROVER": "/bin/true", "SHARD": "2/4",
		"S3_ENDPOINT": "https://s3.eu-central-1.amazonaws.com", "S3_BUCKET": "proofs", "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "verysecret", "ZISK_COORDINATOR_URL": "http://127.0.0.1:7000",
		"ETHPROOFS_RPC_URL": "https://ethproofs.org/api/v0", "ETHPROOFS_API_KEY": "key", "ETHPROOFS_CLUSTER_ID": "1", "CLUSTER_A": "1", "CLUSTER_B": "2",
	}
	for _, page := range docs.Topics() {
		if !strings.HasSuffix(page.Name, ".yaml") {
			continue
		}
		t.Run(page.Name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(dir, page.Name)
			if err := os.WriteFile(file, []byte(page.Text), 0o600); err != nil {
				t.Fatal(err)
			}
			head, _, _ := strings.Cut(page.Text, "version:")
			cmd := exec.Command(filepath.Join(bin, "proofline"), "validate", file)
			cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}
			for name, value := range values {
				if strings.Contains(head, name) || strings.Contains(head, "ETHPROOFS_…") && strings.HasPrefix(name, "ETHPROOFS_") {
					cmd.Env = append(cmd.Env, name+"="+value)
				}
			}
			if out, err := cmd.CombinedOutput(); err != nil || strings.Contains(string(out), "error:") {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
