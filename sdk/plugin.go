package sdk

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/schema"
	"github.com/proofline/proofline/sdk/wire"
)

// Plugin is a description of a plugin, made by NewSource, NewBuilder, NewProver
// or NewReporter and run by Serve. Making a Plugin starts nothing.
type Plugin struct{ def *definition }

// Manifest returns the plugin's description of itself.
func (p Plugin) Manifest() Manifest { return p.def.manifest }

// definition is a plugin without its type parameters.
type definition struct {
	manifest contract.Manifest
	// decode reads the config. If a finding is an error, the value must not be used.
	decode func(config []byte) (decoded, []Finding)
	// check makes the preflight check of a config without errors.
	check func(ctx context.Context, config decoded) []Finding
	// traits returns the traits that follow from a config without errors.
	traits   func(config decoded) contract.Traits
	open     func(ctx context.Context, config decoded, env Env) (any, error)
	commands []*cli.Command
}

// decoded is a config value and the secrets in it.
type decoded struct {
	value   any // *C
	secrets []string
}

// Option adds to a plugin's description. Options are made by Summary, Events, Commands
// and Capabilities.
type Option func(*definition)

// Summary is the one sentence that says what the plugin does. Lists of plugins show it.
func Summary(text string) Option { return func(d *definition) { d.manifest.Summary = text } }

// Events names the kinds of event that a reporter wants. Without this option a reporter
// gets every kind that this version of the SDK knows.
func Events(kinds ...EventKind) Option {
	return func(d *definition) { d.manifest.Events = slices.Clone(kinds) }
}

// Commands adds commands to the tool that the binary is when it is started by hand.
func Commands(commands ...*cli.Command) Option {
	return func(d *definition) { d.commands = append(d.commands, commands...) }
}

// Capabilities names optional features, for example CapabilityResumeToken. A prover
// that verifies need not say so: the SDK finds out when open returns a type that
// implements Verifier.
func Capabilities(names ...string) Option {
	return func(d *definition) {
		for _, name := range names {
			if !d.manifest.Has(name) {
				d.manifest.Capabilities = append(d.manifest.Capabilities, name)
			}
		}
	}
}

// NewSource describes a source. The name is the one under "plugin" in the pipeline file;
// the version is a semantic version without "v". The open function makes the source from
// a configuration, once per process. It may take minutes, and its context ends when it
// returns. An error of open has a class, as every error; see Permanent and Environment.
//
// NewSource panics when the config type C cannot be described; package schema states
// the types and tags that it supports. So do NewBuilder, NewProver and NewReporter.
func NewSource[C any, S Source](name, version string, open func(context.Context, C, Env) (S, error), options ...Option) Plugin {
	return newPlugin(contract.KindSource, name, version, open, options)
}

// NewBuilder describes a builder. Its arguments are those of NewSource.
func NewBuilder[C any, B Builder](name, version string, open func(context.Context, C, Env) (B, error), options ...Option) Plugin {
	return newPlugin(contract.KindBuilder, name, version, open, options)
}

// NewProver describes a prover. Its arguments are those of NewSource. It also panics when
// the value has a method MakesProof that the config type C lacks, because the host needs
// the answer before anything is opened.
func NewProver[C any, P Prover](name, version string, open func(context.Context, C, Env) (P, error), options ...Option) Plugin {
	return newPlugin(contract.KindProver, name, version, open, options)
}

// NewReporter describes a reporter. Its arguments are those of NewSource.
func NewReporter[C any, R Reporter](name, version string, open func(context.Context, C, Env) (R, error), options ...Option) Plugin {
	return newPlugin(contract.KindReporter, name, version, open, append([]Option{Events(contract.EventKinds()...)}, options...))
}

func newPlugin[C, V any](kind Kind, name, version string, open func(context.Context, C, Env) (V, error), options []Option) Plugin {
	s, err := schema.For[C]()
	if err != nil {
		panic(fmt.Sprintf("plugin %s: %v", name, err))
	}
	d := &definition{manifest: contract.Manifest{Name: name, Version: version, Kind: kind, Protocol: wire.ProtocolVersion, Schema: s.JSON()}}
	if kind == contract.KindProver && reflect.TypeFor[V]().Implements(reflect.TypeFor[Verifier]()) {
		Capabilities(contract.CapabilityVerify)(d)
	}
	for _, option := range options {
		option(d)
	}
	d.decode = func(config []byte) (decoded, []Finding) {
		value := new(C)
		findings := s.Decode(config, value)
		// The method set of the pointer holds the methods of both receiver kinds.
		if v, ok := any(value).(validator); ok && schema.Complete(findings) {
			findings = append(findings, v.Validate()...)
		}
		return decoded{value: value, secrets: s.Secrets(value)}, findings
	}
	d.check = func(ctx context.Context, config decoded) []Finding {
		findings := s.CheckPaths(config.value)
		if c, ok := config.value.(checker); ok {
			findings = append(findings, c.Check(ctx)...)
		}
		return findings
	}
	if misplaced := reflect.TypeFor[V]().Implements(reflect.TypeFor[gate]()) && !reflect.TypeFor[*C]().Implements(reflect.TypeFor[gate]()); misplaced {
		panic(fmt.Sprintf("plugin %s: MakesProof is a method of %v, where it is not asked for: it belongs to the config type %v",
			name, reflect.TypeFor[V](), reflect.TypeFor[C]()))
	}
	d.traits = func(config decoded) contract.Traits { return configTraits(kind, config.value) }
	d.open = func(ctx context.Context, config decoded, env Env) (any, error) {
		value, err := open(ctx, *config.value.(*C), env)
		if err != nil {
			return nil, err
		}
		if v := reflect.ValueOf(value); !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil() {
			return nil, Permanent(errors.New("open returned neither a plugin nor an error"))
		}
		return value, nil
	}
	return Plugin{d}
}

func hasError(findings []Finding) bool {
	return slices.ContainsFunc(findings, func(f Finding) bool { return f.Severity == SeverityError })
}
