package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPluginsInstall uses a double of the go command, made from "go help install"
// (PACKAGE@VERSION, GOBIN). It fails for a plugin that does not exist.
func TestPluginsInstall(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	stand := `#!/bin/sh
[ "$1" = install ] || exit 2
for package; do :; done
case $package in
*/source-nobody@*) echo "no such package" >&2; exit 1 ;;
esac
name=${package##*/}; name=${name%@*}
printf '#!/bin/sh\necho "{\\"name\\":\\"%s\\",\\"kind\\":\\"source\\",\\"version\\":\\"1.0.0\\",\\"protocol\\":1,\\"schema\\":{}}"\n' "$name" > "$GOBIN/$name"
chmod +x "$GOBIN/$name"
echo "$package" >> "$GOBIN/../asked"
`
	if err := os.WriteFile(filepath.Join(dir, "go"), []byte(stand), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":/usr/bin:/bin")
	file := "version: 1\nname: p\nstages:\n  - {name: s, plugin: source-somewhere}\n  - {name: r, plugin: source-nobody}\n"
	if err := os.WriteFile("p.yaml", []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	code := Run(context.Background(), Options{Stdout: &stdout, Stderr: &stderr, LookupEnv: os.LookupEnv},
		[]string{"plugins", "install", "--dir", "made", "--version", "v9.9.9", "p.yaml"})
	asked, _ := os.ReadFile("asked")
	if code != exitRuntime || string(asked) != pluginModule+"/plugins/source-somewhere@v9.9.9\n" || !strings.Contains(stderr.String(), "no such package") {
		t.Errorf("exit code %d; Go was asked for %q; %s%s", code, asked, stdout.String(), stderr.String())
	}
	if _, err := os.Stat("made/source-somewhere"); err != nil {
		t.Error(err)
	}
	t.Setenv("PATH", "/nowhere")
	if code := Run(context.Background(), Options{Stdout: &stdout, Stderr: &stderr, LookupEnv: os.LookupEnv}, []string{"plugins", "install", "--dir", "made2", "p.yaml"}); code != exitEnvironment {
		t.Errorf("exit code %d without Go", code)
	}
}
