package launch

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/proofline/proofline/host/keeper"
	"github.com/proofline/proofline/sdk/contract"
)

func TestLifeOfAPlugin(t *testing.T) {
	spec := chaosSpec(t, "")
	began := time.Now()
	p := launch(t, spec)
	t.Logf("up after %v", time.Since(began).Round(time.Millisecond))
	if !p.Traits().MakesProof || p.Traits().Note != "chaos prove" || p.Manifest().Name != "prover-chaos" {
		t.Errorf("%+v %+v", p.Traits(), p.Manifest())
	}
	if !alive(p.PID()) || !alive(p.KeeperPID()) || p.PID() == p.KeeperPID() {
		t.Errorf("plugin %d, keeper %d", p.PID(), p.KeeperPID())
	}
	if h, err := p.Health(t.Context()); err != nil || h.State != contract.HealthReady {
		t.Errorf("%+v %v", h, err)
	}
	if a, err := p.Check(t.Context(), []byte("{}"), true); err != nil || len(a.Findings) != 1 || a.Findings[0].Summary != "offline true" {
		t.Errorf("%+v %v", a, err)
	}
	if err := p.Verify(t.Context(), task(t, ""), nil); err != nil {
		t.Error(err)
	}

	var phases, tokens []string
	_, err := p.Do(t.Context(), task(t, "count"), func(e contract.WorkEvent) error {
		switch {
		case e.Result != nil:
			t.Error("the result came as an event")
		case e.Resume != nil:
			tokens = append(tokens, string(e.Resume))
		case e.Progress.Phase != "":
			phases = append(phases, e.Progress.Phase)
		}
		return nil
	})
	if err != nil || len(phases) != 100 || !slices.Equal(tokens, []string{"token"}) {
		t.Fatalf("%v, %d phases, tokens %q", err, len(phases), tokens)
	}
	for i, phase := range phases {
		if phase != strconv.Itoa(i) {
			t.Fatalf("phase %d is %s", i, phase)
		}
	}
	_, err = p.Do(t.Context(), task(t, "refuse"), ignore)
	if contract.ClassOf(err) != contract.ClassPermanent || err.Error() != "the block has no transactions" {
		t.Errorf("%v (%v)", err, contract.ClassOf(err))
	}
	if _, err := p.Do(t.Context(), task(t, "empty"), ignore); contract.ClassOf(err) != contract.ClassPermanent {
		t.Errorf("%v", err)
	}
	_, err = p.Do(t.Context(), contract.Task{Job: "no block"}, ignore)
	if err != nil {
		t.Errorf("%v", err)
	}

	began = time.Now()
	stop(t, p)
	t.Logf("down after %v", time.Since(began).Round(time.Millisecond))
	if alive(p.PID()) || alive(p.KeeperPID()) {
		t.Error("the plugin outlives Stop")
	}
	if left, _ := os.ReadDir(spec.Run.Sockets); len(left) > 0 {
		t.Errorf("left in the socket directory: %v", left)
	}
	if _, err := p.Do(t.Context(), task(t, "count"), ignore); contract.ClassOf(err) != contract.ClassInterrupted {
		t.Errorf("%v", err)
	}
}

// TestPluginInAnotherLanguage shows that a plugin without go-plugin works: it has no TLS
// and no call that ends the process.
func TestPluginInAnotherLanguage(t *testing.T) {
	p := launch(t, chaosSpec(t, "bare"))
	if _, err := p.Do(t.Context(), task(t, "count"), ignore); err != nil {
		t.Error(err)
	}
	began := time.Now()
	stop(t, p)
	t.Logf("down after %v", time.Since(began).Round(time.Millisecond))
}

func TestOutputCannotHarmTheHost(t *testing.T) {
	spec := chaosSpec(t, "")
	records := &recorder{}
	spec.Log = slog.New(records)
	p := launch(t, spec)
	if _, err := p.Do(t.Context(), task(t, "flood"), ignore); err != nil {
		t.Fatal(err)
	}
	stop(t, p)
	for _, want := range []string{
		"DEBUG line n=1000",
		`DEBUG {"@message":5,"@level":{},"@timestamp":[]}`,
		"INFO the end block=7",
		"DEBUG text on stdout",
	} {
		if !records.has(func(text string) bool { return text == want }) {
			t.Errorf("no record %q", want)
		}
	}
	if !records.has(func(text string) bool { return strings.Contains(text, "lines are left out") }) {
		t.Error("nothing says that lines were left out")
	}
	if !records.has(func(text string) bool {
		return strings.HasPrefix(text, "DEBUG long long") && strings.HasSuffix(text, "bytes)") && len(text) < 2*maxPlain
	}) {
		t.Error("no record of the long line")
	}
}

func TestStartFailures(t *testing.T) {
	for _, c := range []struct {
		name, start, config, want string
		class                     contract.Class
	}{
		{name: "garbage", start: "garbage", want: `it wrote "Hello, world!" to stdout before the handshake`},
		{name: "long garbage", start: "long garbage", want: "to stdout before the handshake"},
		{name: "blank line", start: "blank", want: `it wrote "" to stdout before the handshake`},
		{name: "exit", start: "exit", want: "it ended before the handshake: exit status 3; it wrote: libcuda.so.1: cannot open"},
		{name: "late", start: "late", want: "no handshake within 300ms"},
		{name: "frozen", start: "frozen", want: "no handshake within 300ms"},
		{name: "stranger", start: "stranger", want: `it has changed on disk: its version is "9.9.9", not "1.0.0"`, class: contract.ClassEnvironment},
		{name: "finding", config: "finding", want: "config/elf: no such file (build the guest)", class: contract.ClassPermanent},
		{name: "environment", config: "environment", want: "no GPU (load the driver)", class: contract.ClassEnvironment},
		{name: "dies in configure", config: "exit", want: "exit status 2; it wrote: panic: assignment", class: contract.ClassInterrupted},
	} {
		t.Run(c.name, func(t *testing.T) {
			spec := chaosSpec(t, c.start)
			if c.start == "late" || c.start == "frozen" {
				spec.StartTimeout = 300 * time.Millisecond
			}
			spec.Config, _ = json.Marshal(map[string]string{"Configure": c.config})
			p, err := Launch(t.Context(), spec)
			if err == nil {
				stop(t, p)
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), c.want) || c.class != "" && contract.ClassOf(err) != c.class {
				t.Errorf("%v (%v), want %q", err, contract.ClassOf(err), c.want)
			}
			if err := keeper.WaitFree(t.Context(), spec.Run.lock("prove")); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("unexecutable", func(t *testing.T) {
		spec := chaosSpec(t, "")
		spec.Binary.Path = filepath.Join(t.TempDir(), "prover-chaos")
		if _, err := Launch(t.Context(), spec); err == nil || !strings.Contains(err.Error(), "could not be executed") {
			t.Error(err)
		}
	})
	t.Run("not the locked file", func(t *testing.T) {
		spec := chaosSpec(t, "")
		spec.Binary.Locked = true // with a hash that no file has
		if _, err := Launch(t.Context(), spec); err == nil || !strings.Contains(err.Error(), "has changed") {
			t.Error(err)
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		spec := chaosSpec(t, "late")
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if _, err := Launch(ctx, spec); contract.ClassOf(err) != contract.ClassInterrupted {
			t.Error(err)
		}
	})
}

func TestEnvironmentIsScrubbed(t *testing.T) {
	t.Setenv("ETHPROOFS_API_KEY", "hunter2")
	t.Setenv("CUDA_VISIBLE_DEVICES", "3")
	t.Setenv("ZISK_DIR", "/opt/zisk")
	t.Setenv("LD_LIBRARY_PATH", "/opt/lib")
	t.Setenv("LD_PRELOAD_OF_MINE", "x")
	spec := chaosSpec(t, "")
	spec.Env = append(spec.Env, "ZISK_*")
	spec.Config = json.RawMessage(`{"Secret":"hunter3"}`)
	p := launch(t, spec)
	result, err := p.Do(t.Context(), task(t, "environment"), ignore)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"PATH": os.Getenv("PATH"), "CUDA_VISIBLE_DEVICES": "3", "ZISK_DIR": "/opt/zisk", "LD_LIBRARY_PATH": "/opt/lib",
		keeper.EnvInstance: spec.Run.Instance, keeper.EnvRunID: spec.Run.ID, keeper.EnvStage: "prove",
	} {
		if got := result.Facts[name]; got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	for _, name := range []string{"ETHPROOFS_API_KEY", "LD_PRELOAD_OF_MINE"} {
		if _, ok := result.Facts[name]; ok {
			t.Errorf("the plugin sees %s", name)
		}
	}
	for _, pid := range []int{p.PID(), p.KeeperPID()} {
		for _, file := range []string{"cmdline", "environ"} {
			text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(text), "hunter") {
				t.Errorf("/proc/%d/%s shows a secret", pid, file)
			}
		}
	}
}

// TestConfinedPlugin: a plugin in a sandbox works like any other.
func TestConfinedPlugin(t *testing.T) {
	if kernel := keeper.Supported(); !kernel.FilesEnforced() {
		t.Skipf("needs Landlock: %v", kernel)
	}
	spec := chaosSpec(t, "")
	spec.Confine = &keeper.Confinement{}
	p := launch(t, spec)
	if _, err := p.Do(t.Context(), task(t, "count"), ignore); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(spec.StateDir); err != nil {
		t.Error(err)
	}
	stop(t, p)
}

// TestSecretInName: a plugin starts and works if a secret is a part of its name and of an
// artifact's name.
func TestSecretInName(t *testing.T) {
	spec := chaosSpec(t, "")
	spec.Secrets = []string{"chaos", chaosManifest.Version, "prover"}
	p := launch(t, spec)
	if p.Manifest().Name != "prover-chaos" {
		t.Errorf("%+v", p.Manifest())
	}
	if _, err := p.Do(t.Context(), task(t, "count"), ignore); err != nil {
		t.Error(err)
	}
}
