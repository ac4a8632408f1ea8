package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/goreleaser/nfpm/v2"
	"github.com/goreleaser/nfpm/v2/deb"
	"github.com/goreleaser/nfpm/v2/files"
)

// postinst makes the user and the folders, and lets pipelines that run go on with the
// new version: what was at work is done again or goes on, nothing is lost.
const postinst = `#!/bin/sh
set -e
if [ "$1" = configure ]; then
  if command -v systemd-sysusers >/dev/null; then systemd-sysusers proofline.conf; fi
  if command -v systemd-tmpfiles >/dev/null; then systemd-tmpfiles --create proofline.conf; fi
  if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
    if [ -n "$2" ]; then systemctl try-restart 'proofline@*.service'; fi
  fi
fi
`

const prerm = `#!/bin/sh
set -e
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
  systemctl stop 'proofline@*.service'
fi
`

// places are where the files of a release are installed; a name that ends in a slash
// stands for everything below it.
var places = []struct{ name, to string }{
	{"proofline.1", "/usr/share/man/man1/proofline.1"},
	{"completion/proofline.bash", "/usr/share/bash-completion/completions/proofline"},
	{"completion/_proofline", "/usr/share/zsh/vendor-completions/_proofline"},
	{"completion/proofline.fish", "/usr/share/fish/vendor_completions.d/proofline.fish"},
	{"deploy/systemd/proofline@.service", "/usr/lib/systemd/system/proofline@.service"},
	{"deploy/systemd/proofline.sysusers", "/usr/lib/sysusers.d/proofline.conf"},
	{"deploy/systemd/proofline.tmpfiles", "/usr/lib/tmpfiles.d/proofline.conf"},
	{"LICENSE", "/usr/share/doc/proofline/copyright"},
	{"README.md", "/usr/share/doc/proofline/README.md"},
	{"docs/", "/usr/share/doc/proofline/"},
	{"pipeline/presets/", "/usr/share/doc/proofline/presets/"},
	{"pipeline.yaml", "/usr/share/doc/proofline/pipeline.yaml"},
	{"proofline", "/usr/lib/proofline/proofline"},
	{"proofline-keeper", "/usr/lib/proofline/proofline-keeper"},
	{"plugins/", "/usr/lib/proofline/plugins/"},
}

// place is where a file is installed.
func place(name string) (string, error) {
	for _, p := range places {
		if p.name == name {
			return p.to, nil
		}
		if rest, below := strings.CutPrefix(name, p.name); below && strings.HasSuffix(p.name, "/") {
			return p.to + rest, nil
		}
	}
	return "", fmt.Errorf("nothing is known of where %s is installed", name)
}

// debian writes the package for Debian and its relatives.
func (r release) debian(arch string, t tree) (err error) {
	info := &nfpm.Info{
		Name: "proofline", Arch: arch, Platform: "linux", Version: r.version,
		// dpkg compares this where two packages are of one release: a later commit is newer.
		VersionMetadata: "git" + r.time.Format("20060102150405") + "." + strings.ReplaceAll(r.commit, "-", "."),
		Section:         "net", Priority: "optional", Maintainer: "proofline authors <proofline@users.noreply.github.com>",
		Description: "Proves Ethereum blocks on your own machines and reports them to EthProofs",
		Homepage:    "https://github.com/proofline/proofline", License: "MIT", MTime: r.time,
	}
	info.Depends = []string{"ca-certificates"}
	info.Deb.Compression = "zstd" // read by dpkg from 1.21.18 on: Debian 12, Ubuntu 18.04
	for _, f := range t {
		to, err := place(f.name)
		if err != nil {
			return err
		}
		info.Contents = append(info.Contents, &files.Content{Source: f.path, Destination: to,
			FileInfo: &files.ContentFileInfo{Owner: "root", Group: "root", Mode: f.mode, MTime: r.time}})
	}
	info.Contents = append(info.Contents, &files.Content{Source: "/usr/lib/proofline/proofline", Destination: "/usr/bin/proofline", Type: files.TypeSymlink,
		FileInfo: &files.ContentFileInfo{Owner: "root", Group: "root", MTime: r.time}})
	for script, text := range map[*string]string{&info.Scripts.PostInstall: postinst, &info.Scripts.PreRemove: prerm} {
		f, err := os.CreateTemp(r.work, "script-")
		if err != nil {
			return err
		}
		_, err = f.WriteString(text)
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
		*script = f.Name()
	}
	info = nfpm.WithDefaults(info)
	if err := nfpm.PrepareForPackager(info, "deb"); err != nil {
		return err
	}
	out, err := os.Create(filepath.Join(r.out, fmt.Sprintf("proofline_%s_%s.deb", r.version, arch)))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	return deb.Default.Package(info, out)
}
