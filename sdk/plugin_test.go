package sdk_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/urfave/cli/v2"
	"go.uber.org/goleak"

	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/wire"
)

// The test binary is also a plugin: started by a host it serves a prover that
// does what its configuration says, and so does the tool.
const (
	cookie = "PROOFLINE_PLUGIN"
	asTool = "PROOFLINE_SDK_TEST_TOOL"
	// This one is a host that starts a plugin, says its pid, and waits.
	asParent = "PROOFLINE_SDK_TEST_PARENT"
)

func TestMain(m *testing.M) {
	if os.Getenv(asParent) != "" {
		parent()
	}
	switch name := os.Getenv(asTool); {
	case name == "source":
		sdk.Serve(sdk.NewSource("source-test", "1.2.3", openSource))
	case name == "reporter":
		sdk.Serve(sdk.NewReporter("reporter-test", "1.2.3", openReporter, sdk.Commands(&cli.Command{
			Name: "greet", Action: func(c *cli.Context) error { _, err := fmt.Fprintln(c.App.Writer, "hello"); return err }})))
	case name != "" || os.Getenv(cookie) == wire.Handshake.MagicCookieValue:
		sdk.Serve(testPlugin())
		return
	}
	_ = os.Setenv("GORACE", "atexit_sleep_ms=0") // the plugins that are started end at once
	goleak.VerifyTestMain(m)
}

type testConfig struct {
	Behaviour string       `json:"behaviour" doc:"What to do with a task." default:"copy" enum:"copy,wait,panic,fail,print,lie,leak"`
	Token     sdk.Secret   `json:"token" doc:"A secret."`
	Delay     sdk.Duration `json:"delay" doc:"Time before the answer." default:"0s"`
	Key       string       `json:"key" doc:"Something that must be given." required:"true"`
	Gate      bool         `json:"gate" doc:"Makes no proof."`
}

func (c testConfig) Validate() []sdk.Finding {
	if c.Key == "bad" {
		return []sdk.Finding{{Severity: sdk.SeverityError, Pointer: "/key", Summary: "the key is bad"}}
	}
	return nil
}

func (c testConfig) MakesProof() bool { return !c.Gate }

func (c testConfig) Provides() map[string]string {
	return map[string]string{contract.TraitGuest: "guest-" + c.Key, contract.TraitNetwork: ""}
}

func (c testConfig) Requires() map[string][]string {
	return map[string][]string{contract.TraitInputFormat: {"g3", "g4"}, contract.TraitChainID: nil}
}

func (c *testConfig) Check(context.Context) []sdk.Finding {
	return []sdk.Finding{{Severity: sdk.SeverityWarning, Summary: "checked with " + c.Token.Reveal(), Remedy: "none"}}
}

type testProver struct {
	config testConfig
	env    sdk.Env
}

func testPlugin() sdk.Plugin {
	return sdk.NewProver("prover-test", "1.2.3",
		func(_ context.Context, c testConfig, env sdk.Env) (*testProver, error) {
			env.Log.Info("opened", "token", c.Token, "revealed", c.Token.Reveal())
			return &testProver{c, env}, nil
		},
		sdk.Summary("Does what a test wants."))
}

func (p *testProver) Note() string { return "a test" }

// Provides tells what only the opened plugin knows.
func (p *testProver) Provides() map[string]string {
	return map[string]string{contract.TraitZiskVersion: "0.16.1", "state": filepath.Base(p.env.StateDir)}
}
func (p *testProver) Close() error {
	return os.WriteFile(filepath.Join(p.env.StateDir, "closed"), nil, 0o600)
}

func (p *testProver) Verify(_ context.Context, t *sdk.Task) error {
	proof, err := read(t, "proof.bin")
	if err != nil {
		return err
	}
	input, err := read(t, sdk.ArtifactInput)
	if err == nil && proof != strings.ToUpper(input) {
		err = sdk.Permanent(fmt.Errorf("the proof is not valid"))
	}
	return err
}

func read(t *sdk.Task, name string) (string, error) {
	path, err := t.Input(name)
	if err != nil {
		return "", err
	}
	data, err := os.ReadFile(path)
	return string(data), err
}

func (p *testProver) Prove(ctx context.Context, t *sdk.Task) (*sdk.Result, error) {
	time.Sleep(p.config.Delay.Std()) // simulated work, no synchronisation
	switch p.config.Behaviour {
	case "wait":
		t.Progress(sdk.Progress{Phase: "WAITING", Fraction: 0.5})
		<-ctx.Done()
		return nil, ctx.Err()
	case "panic":
		panic("as told, with " + p.config.Token.Reveal())
	case "fail":
		return nil, sdk.Environment(fmt.Errorf("no gpu for %s", p.config.Token.Reveal()), "plug one in")
	case "print":
		fmt.Println("text on stdout, cookie", os.Getenv(cookie) == "")
		fmt.Fprintln(os.Stderr, "text on stderr")
		t.Log.Info("a line", "secret", p.config.Token.Reveal())
		return nil, nil
	case "lie":
		return &sdk.Result{Outputs: []sdk.Artifact{{Name: "proof.bin", Path: "out/proof.bin", Size: 1}}}, nil
	case "leak":
		go func() { t.Progress(sdk.Progress{Phase: "LATE"}) }()
		return nil, nil
	}
	if err := t.SaveResume([]byte("token")); err != nil {
		return nil, err
	}
	data, err := read(t, sdk.ArtifactInput)
	if err != nil {
		return nil, err
	}
	proof, err := t.WriteFile("proof.bin", []byte(strings.ToUpper(data)))
	if err != nil {
		return nil, err
	}
	proof.Role = sdk.RoleProof
	return &sdk.Result{Outputs: []sdk.Artifact{proof}, WorkTime: time.Second, Facts: map[string]string{"bytes": fmt.Sprint(len(data))}}, nil
}

// testSource knows the blocks below 10.
type testSource struct{}

func openSource(context.Context, struct{}, sdk.Env) (testSource, error) { return testSource{}, nil }

func (testSource) Poll(context.Context, sdk.PollRequest) (sdk.PollResponse, error) {
	return sdk.PollResponse{Done: true}, nil
}

func (testSource) Resolve(_ context.Context, numbers []uint64) (out []sdk.Resolution, err error) {
	for _, n := range numbers {
		r := sdk.Resolution{Number: n, Reason: "it is beyond the head"}
		if n < 10 {
			r = sdk.Resolution{Number: n, Block: &sdk.Block{ChainID: 7, Number: n, Hash: sdk.Hash{byte(n + 1)}}}
		}
		out = append(out, r)
	}
	return out, nil
}

func (testSource) Fetch(_ context.Context, t *sdk.Task) (*sdk.Result, error) {
	a, err := t.WriteFile(sdk.ArtifactBlock, fmt.Appendf(nil, "{\"hash\":%q}", t.Block.Hash))
	return &sdk.Result{Outputs: []sdk.Artifact{a}}, err
}

// testReporter publishes what it was told.
type testReporter struct{}

func openReporter(context.Context, struct{}, sdk.Env) (testReporter, error) {
	return testReporter{}, nil
}

func (testReporter) Report(_ context.Context, e *sdk.Event) (*sdk.Result, error) {
	_, proof, ok := e.ByRole(sdk.RoleProof)
	if !ok {
		return nil, sdk.Permanent(fmt.Errorf("no proof for %s", e.Kind))
	}
	e.Progress(sdk.Progress{Phase: "SENDING", Fraction: 0.5, Note: "half", ETA: time.Second})
	if err := os.WriteFile(filepath.Join(e.Temp(), "body"), []byte(e.Kind), 0o600); err != nil {
		return nil, err
	}
	a, err := e.WriteFile("body.json", fmt.Appendf(nil, "%s of %d bytes", e.Kind, proof.Size))
	if err != nil {
		return nil, err
	}
	return &sdk.Result{Outputs: []sdk.Artifact{a}, Facts: map[string]string{"sent": "yes"}}, e.Publish(a)
}
