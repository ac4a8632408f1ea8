package pipeline

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/proofline/proofline/sdk/contract"
)

const maxNumber = 1<<64 - 1

// Load reads a pipeline file. It returns every finding, sorted by place. The
// pipeline is nil when the file cannot be read as YAML at all; with other
// errors it holds what could be understood, good enough for Bind to add its
// findings, not for running.
func Load(file string, lookup Lookup) (*Pipeline, Findings) {
	text, err := os.ReadFile(file)
	if err != nil {
		f := Finding{Severity: contract.SeverityError, File: file, Summary: "the file cannot be read: " + reason(err)}
		if errors.Is(err, fs.ErrNotExist) {
			f.Summary, f.Remedy = "no such file", "name a pipeline file, or write one with: proofline init zisk"
		}
		return nil, Findings{f}
	}
	return Parse(file, text, lookup)
}

// Parse is Load for a text already read. Relative paths in the text are
// relative to the directory of the file, which need not exist.
func Parse(file string, text []byte, lookup Lookup) (*Pipeline, Findings) {
	d, top := parse(file, text, lookup)
	if top == nil {
		return nil, d.findings
	}
	p := d.pipeline(top)
	d.findings.Sort()
	return p, d.findings
}

// reason is the cause of a path error; the path is known already.
func reason(err error) string {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err.Error()
	}
	return err.Error()
}

func (d *document) pipeline(top *yaml.Node) *Pipeline {
	p := &Pipeline{
		File: d.file, Data: DefaultData, Output: DefaultOutput,
		Monitor: Monitor{Listen: DefaultListen, StuckAfter: DefaultStuck},
		Keep:    Keep{History: DefaultHistory, Failed: DefaultFailed, Files: DefaultFiles},
	}
	o, ok := d.object(top, "", "version", "name", "data", "output", "log", "monitor", "select", "keep", "plugins", "stages")
	if !ok {
		return p
	}
	o.require("version", "write version: 1 as the first line")
	version := uint64(1)
	if read(o, "version", "a number", parseNumber(0, maxNumber), &version) && version != 1 {
		d.errorAt(o.value("version"), "version", fmt.Sprintf("this program reads version 1, not %d", version), "")
	}
	o.require("name", "write name: mainnet, or what this pipeline is to be called")
	read(o, "name", "text", parseName, &p.Name)
	read(o, "data", "a folder", parseFilled, &p.Data)
	read(o, "output", "a folder", parseFilled, &p.Output)
	p.Data, p.Output = d.absolute(p.Data), d.absolute(p.Output)

	if log, ok := o.section("log", "level"); ok {
		read(log, "level", "a word", parseLevel, &p.Log.Level)
	}
	if m, ok := o.section("monitor", "listen", "stuck_after"); ok {
		read(m, "listen", "an address", parseListen, &p.Monitor.Listen)
		read(m, "stuck_after", "a duration", parseDuration(time.Second, ""), &p.Monitor.StuckAfter)
	}
	p.Select = d.selection(o)
	if keep, ok := o.section("keep", "history", "failed", "files"); ok {
		read(keep, "history", "a duration", parseDuration(time.Hour, ""), &p.Keep.History)
		read(keep, "failed", "a duration", parseDuration(time.Hour, ""), &p.Keep.Failed)
		read(keep, "files", "a duration", parseDuration(0, ""), &p.Keep.Files)
	}
	if plugins, ok := o.section("plugins", "dirs"); ok {
		for _, dir := range readList(plugins, "dirs", "a folder", 100, parseFilled) {
			p.Plugins.Dirs = append(p.Plugins.Dirs, d.absolute(dir))
		}
	}
	o.require("stages", "a pipeline needs a list of stages, a source first; proofline init zisk writes an example")
	if n := o.value("stages"); n != nil {
		p.Stages = d.stages(n, p.Monitor.StuckAfter)
	}
	return p
}

// absolute makes a path of the file absolute; it is relative to the file's
// directory.
func (d *document) absolute(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	abs, err := filepath.Abs(filepath.Join(filepath.Dir(d.file), path))
	if err != nil { // the working directory is gone
		return filepath.Join(filepath.Dir(d.file), path)
	}
	return abs
}

// selection reads the select section. Without one every block is a target.
func (d *document) selection(o object) Select {
	s := Select{Selection: contract.Selection{Every: 1}, Order: NewestFirst, DropAfter: DefaultDropAfter, Repair: DefaultRepair}
	sel, ok := o.section("select", "every", "from", "to", "shard", "blocks", "order", "drop_after", "repair")
	if !ok {
		return s
	}
	every := read(sel, "every", "a number", parseNumber(1, maxNumber), &s.Every)
	var from, to uint64
	if read(sel, "from", "a block number", parseNumber(0, maxNumber), &from) {
		s.From = &from
	}
	if read(sel, "to", "a block number", parseNumber(0, maxNumber), &to) {
		s.To = &to
	}
	if s.From != nil && s.To != nil && from > to {
		d.errorAt(sel.value("to"), "select.to", fmt.Sprintf("%d is below from, which is %d", to, from), "")
	}
	var part shard
	if read(sel, "shard", "a shard", parseShard, &part) {
		s.ShardIndex, s.ShardCount = part.Index, part.Count
	}
	s.Blocks = readList(sel, "blocks", "a block number", 100_000, parseNumber(0, maxNumber))
	if sel.value("blocks") != nil && !every && s.From == nil && s.To == nil && s.ShardCount == 0 {
		s.Every = 0
	}
	read(sel, "order", "a word", parseWord(NewestFirst, OldestFirst), &s.Order)
	read(sel, "repair", "a number", parseNumber(0, maxRepair), &s.Repair)
	read(sel, "drop_after", "a duration", parseDuration(time.Minute, "never"), &s.DropAfter)
	return s
}
