package main

import (
	"debug/buildinfo"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// materials writes the bill of materials: every module that is linked into a program, as
// the programs themselves say (CycloneDX 1.6).
func (r release) materials(arch string, t tree) (err error) {
	modules := map[string]cdx.Component{}
	for _, f := range t {
		if f.mode != 0o755 {
			continue
		}
		info, err := buildinfo.ReadFile(f.path)
		if err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
		modules["go"] = cdx.Component{Type: cdx.ComponentTypeLibrary, Name: "go", Version: info.GoVersion, PackageURL: "pkg:golang/std@" + info.GoVersion}
		for _, m := range info.Deps {
			if m.Replace != nil {
				m = m.Replace
			}
			url := "pkg:golang/" + m.Path + "@" + m.Version
			modules[url] = cdx.Component{BOMRef: url, Type: cdx.ComponentTypeLibrary, Name: m.Path, Version: m.Version, PackageURL: url}
		}
	}
	bom := cdx.NewBOM()
	bom.Metadata = &cdx.Metadata{Timestamp: r.time.Format(time.RFC3339), Component: &cdx.Component{
		BOMRef: "proofline", Type: cdx.ComponentTypeApplication, Name: "proofline", Version: r.version + "+" + r.commit,
	}}
	var components []cdx.Component
	for _, key := range slices.Sorted(maps.Keys(modules)) {
		components = append(components, modules[key])
	}
	bom.Components = &components
	out, err := os.Create(filepath.Join(r.out, r.name(arch)+".cdx.json"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	return cdx.NewBOMEncoder(out, cdx.BOMFileFormatJSON).SetPretty(true).Encode(bom)
}
