package pipeline

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/proofline/proofline/host/selection"
	"github.com/proofline/proofline/sdk/contract"
)

// Load reads a pipeline file. It returns all findings, sorted by place. The pipeline
// is nil if the file cannot be read or is not YAML. If there are other errors, the
// pipeline holds the parts that could be read: Bind can add its findings to them,
// but the pipeline must not be run.
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

// Parse is Load for the text of a file. Relative paths in the text are relative to
// the directory of the file. The file need not exist.
func Parse(file string, text []byte, lookup Lookup) (*Pipeline, Findings) {
	d, top := parse(file, text, lookup)
	if top == nil {
		return nil, d.findings
	}
	p := d.pipeline(top)
	d.findings.Sort()
	return p, d.findings
}

// reason returns the text of an error without the path of a *fs.PathError.
func reason(err error) string {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err.Error()
	}
	return err.Error()
}

// pipeline reads the whole file from its top node.
func (d *document) pipeline(top *yaml.Node) *Pipeline {
	o, ok := d.object(top, "", reference)
	if !ok { // all keys have their defaults
		o = object{doc: d, node: top, section: reference}
	}
	if version := field(o, "version", parseNumber); version != 1 {
		d.errorAt(o.value("version"), "version", fmt.Sprintf("this program reads version 1, not %d", version), "")
	}
	p := &Pipeline{
		File: d.file, Name: field(o, "name", parseName),
		Data: o.folder("data"), Output: o.folder("output"),
		Log:     Log{Level: field(o.below("log"), "level", parseLevel), Format: field(o.below("log"), "format", parseWord)},
		Plugins: Plugins{Dirs: o.below("plugins").folders("dirs")},
		at:      d.at, paths: d.paths,
	}
	monitor, keep := o.below("monitor"), o.below("keep")
	p.Monitor = Monitor{Listen: field(monitor, "listen", parseListen), StuckAfter: field(monitor, "stuck_after", parseDuration)}
	p.Monitor.Token = strings.TrimSpace(field(monitor, "token", parseText))
	p.Monitor.Hosts, _ = listField(monitor, "hosts", parseFilled)
	prices := monitor.below("prices")
	p.Monitor.KWhPrice, p.Monitor.GPUHourPrice = field(prices, "kwh", parseDecimal), field(prices, "gpu_hour", parseDecimal)
	p.Monitor.Currency = field(prices, "currency", parseText)
	p.Keep = Keep{
		History: field(keep, "history", parseDuration),
		Failed:  field(keep, "failed", parseDuration),
		Files:   field(keep, "files", parseDuration),
		Output:  field(keep, "output", parseDuration),
	}
	p.Select = o.below("select").selection()
	if n := o.value("stages"); n != nil {
		p.Stages = d.stages(n, p.Monitor.StuckAfter)
	}
	d.findings = append(d.findings, p.checkFolders()...)
	return p
}

// folder reads the path under a key and makes it absolute.
func (o object) folder(name string) string {
	path, bad := o.doc.paths.resolve(field(o, name, parseFilled))
	if bad != nil {
		o.doc.errorAt(o.value(name), child(o.path, name), bad.summary, bad.remedy)
	}
	return path
}

// folders reads the list of paths under a key and makes them absolute.
func (o object) folders(name string) (list []string) {
	texts, where := listField(o, name, parseFilled)
	for i, text := range texts {
		path, bad := o.doc.paths.resolve(text)
		if bad != nil {
			o.doc.findings = append(o.doc.findings, Finding{Severity: contract.SeverityError, File: o.doc.file,
				Position: where[i], Path: child(o.path, name), Summary: bad.summary, Remedy: bad.remedy})
			continue
		}
		list = append(list, path)
	}
	return list
}

// selection reads the select section. Without one every block is a target.
func (o object) selection() selection.Selection {
	s := selection.Selection{
		Targets: contract.Selection{
			Every: field(o, "every", parseNumber),
			From:  optionalField(o, "from", parseNumber), To: optionalField(o, "to", parseNumber),
		},
		Order:     selection.Order(field(o, "order", parseWord)),
		DropAfter: field(o, "drop_after", parseDuration),
		Repair:    field(o, "repair", parseNumber),
	}
	t := &s.Targets
	if t.From != nil && t.To != nil && *t.From > *t.To {
		o.doc.errorAt(o.value("to"), "select.to", fmt.Sprintf("%d is below from, which is %d", *t.To, *t.From), "")
	}
	part := field(o, "shard", parseShard)
	t.ShardIndex, t.ShardCount = part.Index, part.Count
	s.Blocks, _ = listField(o, "blocks", parseNumber)
	slices.Sort(s.Blocks)
	s.Blocks = slices.Compact(s.Blocks)
	if o.given("blocks") && !o.given("every") && t.From == nil && t.To == nil && t.ShardCount == 0 {
		t.Every = 0
	}
	if !o.given("drop_after") && (t.From != nil || t.To != nil) {
		s.DropAfter = 0
	}
	return s
}
