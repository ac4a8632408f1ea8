package launch

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/proofline/proofline/sdk/contract"
	pluginv1 "github.com/proofline/proofline/sdk/proto/proofline/plugin/v1"
	"github.com/proofline/proofline/sdk/wire"
)

// prepare checks that the plugin is the one in the catalog, and configures it.
func (p *Plugin) prepare(ctx context.Context) error {
	described, err := call(ctx, p, "describe", p.spec.StartTimeout, p.base.Describe, &pluginv1.DescribeRequest{})
	if err != nil {
		return err
	}
	if p.manifest, err = wire.ManifestFromProto(described); err != nil {
		return contract.Permanent(err)
	}
	if difference := compare(p.spec.Binary.Manifest, p.manifest); difference != "" {
		return changedFileError(fmt.Errorf("plugin %s is not what the catalog says, it has changed on disk: %s", p.spec.Binary.Path, difference), p.spec.Binary)
	}
	answer, err := call(ctx, p, "configure", p.spec.ConfigureTimeout, p.base.Configure, wire.SetupToProto(contract.Setup{
		Pipeline: p.spec.Pipeline, Stage: p.spec.Stage, Config: p.spec.Config,
		StateDir: p.spec.StateDir, LogLevel: p.spec.LogLevel,
	}))
	if err != nil {
		return err
	}
	var findings []contract.Finding
	p.traits, findings = wire.TraitsFromProto(answer)
	for _, f := range findings {
		if f.Severity == contract.SeverityError {
			return contract.Permanent(&ConfigError{Stage: p.spec.Stage, Findings: findings})
		}
		p.spec.Log.Warn("configuration", "finding", f.String())
	}
	return nil
}

// compare describes the first difference between two manifests, or returns "".
func compare(want, got contract.Manifest) string {
	for _, field := range []struct {
		name      string
		want, got any
	}{
		{"name", want.Name, got.Name},
		{"kind", want.Kind, got.Kind},
		{"version", want.Version, got.Version},
	} {
		if field.want != field.got {
			return fmt.Sprintf("its %s is %q, not %q", field.name, field.got, field.want)
		}
	}
	switch {
	case !sameList(want.Capabilities, got.Capabilities):
		return fmt.Sprintf("its capabilities are %q, not %q", got.Capabilities, want.Capabilities)
	case !sameList(want.Events, got.Events):
		return fmt.Sprintf("it wants the events %q, not %q", got.Events, want.Events)
	case !sameJSON(want.Schema, got.Schema):
		return "its configuration schema is another one"
	}
	return ""
}

func sameList[T any](a, b []T) bool { return len(a) == 0 && len(b) == 0 || reflect.DeepEqual(a, b) }

func sameJSON(a, b json.RawMessage) bool {
	var compactA, compactB bytes.Buffer
	if json.Compact(&compactA, a) != nil || json.Compact(&compactB, b) != nil {
		return false
	}
	return bytes.Equal(compactA.Bytes(), compactB.Bytes())
}

// ConfigError says that a plugin does not accept its configuration.
type ConfigError struct {
	Stage    string
	Findings []contract.Finding
}

func (e *ConfigError) Error() string {
	var texts []string
	for _, f := range e.Findings {
		texts = append(texts, f.String())
	}
	return fmt.Sprintf("stage %q: %s", e.Stage, strings.Join(texts, "; "))
}
