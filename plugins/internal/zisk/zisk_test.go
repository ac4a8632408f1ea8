package zisk_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/proofline/proofline/plugins/internal/guest"
	"github.com/proofline/proofline/plugins/internal/zisk"
)

func version(t *testing.T, text string) zisk.Version {
	t.Helper()
	v, err := zisk.ParseVersion(text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestParseVersion(t *testing.T) {
	for _, tc := range []struct {
		text, want string
		build      zisk.Build
		family     string
		setup      string
	}{
		{"cargo-zisk 0.14.0 (2f791ff 2025-11-20T09:12:11.000000000Z)", "0.14.0", "", "0.14/0.15", "0.14.0"},
		{"cargo-zisk 0.16.1 (deadbee 2026-03-20)\n", "0.16.1", "", "0.16", "0.16.0"},
		{"cargo-zisk 0.18.0 [gpu] (42ad4d0 2026-05-15)", "0.18.0", zisk.BuildGPU, "0.17/0.18", "0.18.0"},
		{"cargo-zisk 0.18.0 [cpu] (42ad4d0 2026-05-15)", "0.18.0", zisk.BuildCPU, "0.17/0.18", "0.18.0"},
		{"cargo-zisk 1.0.0-beta [gpu] (c603fe8 2026-06-13)", "1.0.0-beta", zisk.BuildGPU, "1.0", "1.0.0"},
		{"cargo-zisk 1.1.0-alpha.2+local (c603fe8)", "1.1.0-alpha.2", "", "1.0", "1.1.0"},
	} {
		v := version(t, tc.text)
		family, err := v.Family()
		if v.String() != tc.want || v.Build != tc.build || err != nil || family.String() != tc.family || v.Setup() != tc.setup {
			t.Errorf("%q: %v, build %q, family %v, setup %s, %v", tc.text, v, v.Build, family, v.Setup(), err)
		}
	}
	for _, text := range []string{"", "cargo-zisk", "bash: cargo-zisk: command not found"} {
		if v, err := zisk.ParseVersion(text); err == nil {
			t.Errorf("%q is version %v", text, v)
		}
	}
	if _, err := version(t, "cargo-zisk 0.13.1").Family(); err == nil {
		t.Error("0.13 has a family")
	}
}

func TestCommand(t *testing.T) {
	full := zisk.Request{Action: zisk.Prove, ELF: "g.elf", Input: "in.bin", OutputDir: "/o", ProvingKey: "/k", Unlock: true, VerifyProof: true}
	with := func(change func(*zisk.Request)) zisk.Request {
		r := full
		change(&r)
		return r
	}
	for _, tc := range []struct {
		name, version string
		request       zisk.Request
		want, err     string
	}{
		{"prove", "0.14.0", with(func(r *zisk.Request) { r.Port = 23200 }),
			"prove --elf g.elf --input in.bin --proving-key /k --unlock-mapped-memory --port 23200 --aggregation --verify-proofs --output-dir /o", ""},
		{"prove minimal", "0.15.0", with(func(r *zisk.Request) { r.Minimal = true }), "", "no flag for minimal proofs"},
		{"prove minimal", "0.16.1", with(func(r *zisk.Request) { r.Minimal = true }),
			"prove --elf g.elf --inputs in.bin --proving-key /k --unlock-mapped-memory --aggregation --compressed --verify-proofs --output-dir /o", ""},
		{"prove gpu", "0.16.1", with(func(r *zisk.Request) { r.GPU = true }), "", "no flag for a GPU switch"},
		{"prove", "0.18.0", with(func(r *zisk.Request) { r.GPU, r.Minimal, r.MinimalMemory = true, true, true }),
			"prove --elf g.elf --inputs in.bin --proving-key /k --unlock-mapped-memory --gpu --minimal --verify-proofs --minimal-memory --output /o/vadcop_final_proof.bin", ""},
		{"prove port", "0.17.0", with(func(r *zisk.Request) { r.Port = 23200 }), "", "no flag for a base port"},
		{"prove", "1.0.0-beta", with(func(r *zisk.Request) { r.GPU = true }),
			"prove --elf g.elf --inputs in.bin --proving-key /k --asm --unlock-mapped-memory --gpu --verify-proof --output /o/vadcop_final_proof.bin", ""},
		{"prove emulator", "1.0.0-beta", with(func(r *zisk.Request) { r.Emulator = true }),
			"prove --elf g.elf --inputs in.bin --proving-key /k --verify-proof --output /o/vadcop_final_proof.bin", ""},
		{"execute", "0.14.0", with(func(r *zisk.Request) { r.Action = zisk.Execute }),
			"execute --elf g.elf --input in.bin --proving-key /k --unlock-mapped-memory", ""},
		{"execute emulator", "0.18.0", with(func(r *zisk.Request) { r.Action, r.Emulator, r.GPU = zisk.Execute, true, true }),
			"execute --elf g.elf --inputs in.bin --proving-key /k --emulator", ""},
		{"execute", "1.0.0-beta", with(func(r *zisk.Request) { r.Action = zisk.Execute }),
			"execute --elf g.elf --inputs in.bin --asm --unlock-mapped-memory", ""},
		{"constraints", "0.17.0", with(func(r *zisk.Request) { r.Action, r.GPU = zisk.VerifyConstraints, true }),
			"verify-constraints --elf g.elf --inputs in.bin --proving-key /k --unlock-mapped-memory --gpu", ""},
		{"constraints", "1.0.0-beta", with(func(r *zisk.Request) { r.Action = zisk.VerifyConstraints }), "", "cargo-zisk-dev"},
		{"extra", "0.14.0", zisk.Request{Action: zisk.Execute, ELF: "e", Input: "i", Extra: []string{"-v"}}, "execute --elf e --input i -v", ""},
		{"emulator port", "0.14.0", zisk.Request{Action: zisk.Execute, ELF: "e", Emulator: true, Port: 1}, "", "no port"},
	} {
		t.Run(tc.version+" "+tc.name, func(t *testing.T) {
			args, err := version(t, tc.version).Command(tc.request)
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Fatalf("got %v, %v; want an error with %q", args, err, tc.err)
				}
				return
			}
			if got := strings.Join(args, " "); err != nil || got != tc.want {
				t.Errorf("\n got %s\nwant %s (%v)", got, tc.want, err)
			}
		})
	}
}

func TestSetupAndVerifyCommand(t *testing.T) {
	r := zisk.Request{ELF: "g.elf", ProvingKey: "/k", Unlock: true}
	for _, tc := range []struct {
		version string
		gpu     bool
		want    string
	}{
		{"0.14.0", false, "check-setup --proving-key /k --aggregation | rom-setup --elf g.elf --proving-key /k | verify --proof p --vk K"},
		{"0.16.1", false, "check-setup --proving-key /k --aggregation | rom-setup --elf g.elf --proving-key /k | verify --proof p --proving-key K"},
		{"0.18.0", true, "check-setup --proving-key /k --gpu | program-setup --elf g.elf --proving-key /k --gpu | verify --proof p"},
		{"1.0.0-beta", true, "setup --elf g.elf --proving-key /k --asm --unlock-mapped-memory | verify --proof p"},
	} {
		v := version(t, tc.version)
		r.GPU = tc.gpu
		commands, err := v.SetupCommands(r)
		if err != nil {
			t.Fatal(err)
		}
		key := ""
		if v.PinsVerifyKey() {
			key = "K"
		}
		verify, err := v.VerifyCommand("p", key)
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		for _, c := range append(commands, verify) {
			lines = append(lines, strings.Join(c, " "))
		}
		if got := strings.Join(lines, " | "); got != tc.want {
			t.Errorf("%s:\n got %s\nwant %s", tc.version, got, tc.want)
		}
	}
	if _, err := version(t, "0.18.0").VerifyCommand("p", "K"); err == nil {
		t.Error("0.18 took a key for verify")
	}
}

func TestText(t *testing.T) {
	for line, want := range map[string]string{
		"2025-11-20T10:00:00.123456Z INFO: >>> EXECUTE":                             ">>> EXECUTE",
		"2025-11-20T10:00:00.123Z [rank=0] INFO: >>> EXECUTE":                       ">>> EXECUTE",
		"2025-11-20T10:00:00Z [rank=3] proofman::x DEBUG: <<< PLAN (12ms)":          "<<< PLAN (12ms)",
		"INFO zisk_sdk::prover: >>> EXECUTE":                                        ">>> EXECUTE",
		"2026-05-01T10:00:00.1Z  INFO: \x1b[1;92m✓ Stark proof was verified\x1b[0m": "✓ Stark proof was verified",
		"Error: Error executing Prove command":                                      "Error: Error executing Prove command",
	} {
		if got := zisk.Text(line); got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}

func TestTracker(t *testing.T) {
	var tracker zisk.Tracker
	var phases []string
	last := -1.0
	for _, line := range []string{
		"2026-03-20T10:00:00Z INFO: >>> STARTING_ASM_MICROSERVICES",
		"2026-03-20T10:00:01Z INFO: <<< STARTING_ASM_MICROSERVICES (900ms)",
		"2026-03-20T10:00:01Z INFO: >>> EXECUTE",
		"2026-03-20T10:00:01Z INFO: ··· Assembly execution speed: 512 MHz",
		"2026-03-20T10:00:03Z INFO: <<< EXECUTE (2300ms)",
		"2026-03-20T10:00:03Z INFO: AirGroup | AIR: 3 | Total global instances: 296",
		"2026-03-20T10:00:03Z INFO: >>> CALCULATING_CONTRIBUTIONS",
		"2026-03-20T10:00:10Z INFO: <<< CALCULATING_CONTRIBUTIONS (7300ms)",
		"2026-03-20T10:00:10Z INFO: >>> GENERATING_PROOFS",
		"2026-03-20T10:00:10Z DEBUG: >>> GEN_PROOF_12 [0:1]",
		"2026-03-20T10:00:11Z DEBUG: <<< GEN_PROOF_12 [0:1] (100ms)",
		"2026-03-20T10:00:20Z INFO: <<< GENERATING_PROOFS (10000ms)",
		"2026-03-20T10:00:20Z INFO: >>> GENERATE_VADCOP_FINAL_PROOF",
	} {
		p, moved := tracker.Line(line)
		if !moved {
			continue
		}
		if p.Fraction < last || p.Fraction > 1 {
			t.Errorf("%q: fraction %g after %g", line, p.Fraction, last)
		}
		last = p.Fraction
		phases = append(phases, p.Phase)
		if strings.Contains(line, "<<< GEN_PROOF") && p.Note != "1 of 296 instances" {
			t.Errorf("note %q", p.Note)
		}
	}
	phases = slices.Compact(phases)
	want := []string{"STARTING_ASM_MICROSERVICES", "EXECUTE", "CALCULATING_CONTRIBUTIONS", "GENERATING_PROOFS", "GENERATE_VADCOP_FINAL_PROOF"}
	if !slices.Equal(phases, want) || last < 0.9 {
		t.Errorf("phases %v, fraction %g", phases, last)
	}
}

func TestSummary(t *testing.T) {
	id := strings.Repeat("ab", 32)
	for _, tc := range []struct {
		name  string
		lines []string
		want  zisk.Summary
	}{
		{"0.14", []string{"INFO: --- PROVE SUMMARY ---", "INFO:       Proof ID: " + id, "INFO:       time: 33.25 seconds, steps: 73211"},
			zisk.Summary{ProofID: id, Steps: 73211, ProvingTime: 33250 * time.Millisecond}},
		{"0.14 execute", []string{"INFO: Execution completed in 1.50s, executed steps: 85309"},
			zisk.Summary{Steps: 85309, ProvingTime: 1500 * time.Millisecond}},
		{"0.16", []string{"INFO: Proof ID: " + id, "INFO: Proof Time: 12.500 seconds", "INFO: Execution completed in 12000ms, steps: 99"},
			zisk.Summary{ProofID: id, Steps: 99, ProvingTime: 12500 * time.Millisecond}},
		{"beta", []string{"INFO: Proof generated in 7.125s, steps: 42", "INFO: ··· Assembly execution speed: 12.000ms (512 MHz)"},
			zisk.Summary{Steps: 42, ProvingTime: 7125 * time.Millisecond, Speed: "512 MHz"}},
	} {
		var s zisk.Summary
		for _, line := range tc.lines {
			s.Line(line)
		}
		if s != tc.want {
			t.Errorf("%s: %+v, want %+v", tc.name, s, tc.want)
		}
	}
	if words, ok := zisk.RootHash("INFO: Root hash: [1, 2, 3, 18446744069414584320]"); !ok || words != [4]uint64{1, 2, 3, 18446744069414584320} {
		t.Errorf("root hash %v, %t", words, ok)
	}
}

func TestVerdict(t *testing.T) {
	for line, want := range map[string][2]bool{
		"INFO: ✓ Stark proof was verified":            {true, true},
		"INFO: ✗ Stark proof was not verified":        {false, true},
		"INFO: ··· ✓ Vadcop Final proof was verified": {true, true},
		"INFO: hello": {true, false},
	} {
		if valid, verdict := zisk.Verified(line); [2]bool{valid, verdict} != want {
			t.Errorf("%q: %t, %t", line, valid, verdict)
		}
	}
}

func TestDecodeResult(t *testing.T) {
	r, err := zisk.DecodeResult([]byte(`{"cycles": 18446744073709551615, "id": "ab", "time": 33.5}`))
	if err != nil || r.Cycles != 1<<64-1 || r.ProvingTime() != 33500*time.Millisecond {
		t.Errorf("%+v, %v", r, err)
	}
	for _, text := range []string{``, `{}`, `[]`, `{"cycles":1,"id":"","time":1}`, `{"cycles":-1,"id":"a","time":1}`, `{"cycles":1,"id":"a"}`, `{"cycles":1,"id":"a","time":-1}`} {
		if _, err := zisk.DecodeResult([]byte(text)); err == nil {
			t.Errorf("%q was accepted", text)
		}
	}
}

func frame(data []byte) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(data)))
	b = append(b, data...)
	return append(b, make([]byte, -len(data)&7)...)
}

func TestCheckInput(t *testing.T) {
	for _, tc := range []struct {
		name    string
		data    []byte
		framing guest.Framing
	}{
		{"raw", []byte("some archive of the guest"), guest.Raw},
		{"raw, eight bytes of zero first", append(make([]byte, 8), "payload!"...), guest.Raw},
		{"zeros", make([]byte, 64), guest.Raw},
		{"one frame", frame([]byte("payload")), guest.Framed},
		{"two frames", append(frame(bytes.Repeat([]byte{1}, 4096)), frame([]byte("b"))...), guest.Framed},
		{"cut frame", frame(bytes.Repeat([]byte{1}, 4096))[:2048], guest.Raw},
		{"padding not zero", append(frame([]byte("payload"))[:15], 1), guest.Raw},
		{"length out of range", append(bytes.Repeat([]byte{0xff}, 8), 1, 2, 3, 4, 5, 6, 7, 8), guest.Raw},
	} {
		path := filepath.Join(t.TempDir(), "input.bin")
		if err := os.WriteFile(path, tc.data, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, v := range []string{"0.14.0", "0.16.1"} {
			v := version(t, v)
			err := v.CheckInput(path)
			if fits := v.Framing() == tc.framing; fits != (err == nil) {
				t.Errorf("%s for %v: %v", tc.name, v, err)
			} else if err != nil && !strings.Contains(err.Error(), "`framing: "+string(v.Framing())+"`") {
				t.Errorf("%s: no remedy in %v", tc.name, err)
			}
		}
	}
}

func TestExplain(t *testing.T) {
	const generating = "Error: Error executing Prove command"
	for _, tc := range []struct {
		name  string
		lines []string
		exit  zisk.Exit
		kind  zisk.Kind
		text  string // of the message
	}{
		{"usage", []string{"error: unexpected argument '--frob' found"}, zisk.Exit{Code: 2}, zisk.Usage, "--frob"},
		{"usage without a line", nil, zisk.Exit{Code: 2}, zisk.Usage, "command line"},
		{"kernel image", []string{"[CUDA] cudaLaunchKernel failed due to: no kernel image is available for execution on the device (209) at x.cu:1"}, zisk.Exit{Signal: syscall.SIGABRT}, zisk.Configuration, "another GPU"},
		{"vram", []string{generating, "Not enough GPU memory to run the proof. At least: 8 GB are required but only 2 GB is Available"}, zisk.Exit{Code: 1}, zisk.Configuration, "too little"},
		{"vram at allocation", []string{"GPU 0: Insufficient memory. Need 8 GB"}, zisk.Exit{Code: 1}, zisk.Configuration, "too little"},
		{"cuda", []string{"[CUDA] cudaMemcpy failed due to: unspecified launch failure (719) at x.cu:1"}, zisk.Exit{Code: 134}, zisk.Machine, "CUDA"},
		{"cuda memory", []string{"[CUDA] cudaMalloc failed: out of memory (2) at x.cu:1"}, zisk.Exit{Signal: syscall.SIGABRT}, zisk.Machine, "the memory of the GPU ran out"},
		{"asm missing", []string{generating, "Caused by:", "    ASM file not found: /root/.zisk/cache/x-mt.bin"}, zisk.Exit{Code: 1}, zisk.Configuration, "assembly files"},
		{"check-setup", []string{"thread 'main' panicked at x.rs:1:2:", "const tree file missing. Please run cargo-zisk check-setup -a"}, zisk.Exit{Code: 101}, zisk.Configuration, "constant trees"},
		{"key missing", []string{"Error: Failed to read /root/.zisk/provingKey/pilout.globalInfo.json: No such file or directory (os error 2)"}, zisk.Exit{Code: 1}, zisk.Configuration, "proving key"},
		{"memlock", []string{"mmap(rom) failed with MAP_LOCKED errno=11=Resource temporarily unavailable"}, zisk.Exit{Code: 1}, zisk.Configuration, "lock"},
		{"gpu execute", []string{"Error: Error executing Execute command", "    Command is not supported on GPU mode"}, zisk.Exit{Code: 1}, zisk.Configuration, "no execute"},
		{"guest", []string{"Service mo process crashed with signal: 11", generating}, zisk.Exit{Code: 1}, zisk.Guest, "guest program fails"},
		{"service out of memory", []string{"Service mo process crashed with signal: 9"}, zisk.Exit{Code: 1}, zisk.Machine, "kernel for memory"},
		{"oom", nil, zisk.Exit{Signal: syscall.SIGKILL}, zisk.Transient, "kernel for memory"},
		{"oom after a panic", []string{"thread 'main' panicked at x.rs:1:2:", "boom"}, zisk.Exit{Code: 137}, zisk.Transient, "kernel for memory"},
		{"sigill", nil, zisk.Exit{Signal: syscall.SIGILL}, zisk.Configuration, "AVX-512"},
		{"segfault", nil, zisk.Exit{Code: 139}, zisk.Transient, "crashed"},
		{"service timeout", []string{"thread 'main' (77) panicked at asm-runner/services.rs:9:9:", "Timeout: service `mo` not ready on 127.0.0.1:23115"}, zisk.Exit{Code: 101}, zisk.Transient, "did not start"},
		{"panic", []string{"thread 'main' panicked at x.rs:1:2:", "index out of bounds"}, zisk.Exit{Code: 101}, zisk.Transient, "index out of bounds"},
		{"verdict", []string{"2025-11-20T10:00:00Z INFO: ··· ✗ Vadcop Final proof was not verified", generating}, zisk.Exit{Code: 1}, zisk.Invalid, "does not verify"},
		{"verdict with exit 0", []string{"INFO: ✗ Stark proof was not verified"}, zisk.Exit{}, zisk.Invalid, "does not verify"},
		{"not there", []string{"/opt/cargo-zisk: 1: exec: /opt/cargo-zisk: not found"}, zisk.Exit{Code: 127}, zisk.Configuration, "cannot be started"},
		{"unknown", []string{generating}, zisk.Exit{Code: 1}, zisk.Transient, generating},
		{"silence", nil, zisk.Exit{Code: 1}, zisk.Transient, "exit status 1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var d zisk.Diagnosis
			for _, line := range tc.lines {
				d.Line(line)
			}
			f := d.Explain(tc.exit)
			if f == nil || f.Kind != tc.kind || !strings.Contains(f.Error(), tc.text) {
				t.Errorf("got %+v", f)
			}
			if f != nil && f.Kind != zisk.Transient && f.Kind != zisk.Invalid && f.Remedy == "" {
				t.Error("no remedy")
			}
		})
	}
	var d zisk.Diagnosis
	d.Line("2025 ERROR: [CUDA] something was retried")
	if f := d.Explain(zisk.Exit{}); f != nil {
		t.Errorf("exit status 0 was explained as %v", f)
	}
}

func FuzzOutput(f *testing.F) {
	f.Add("2026-03-20T10:00:00Z INFO: >>> GENERATING_PROOFS")
	f.Add("AirGroup | AIR: 3 | Total instances: 296\n<<< GEN_PROOF_1")
	f.Add("thread 'main' panicked at x:\nTimeout: service `mo` not ready")
	f.Fuzz(func(t *testing.T, output string) {
		var tracker zisk.Tracker
		var summary zisk.Summary
		var diagnosis zisk.Diagnosis
		last := 0.0
		for line := range strings.Lines(output) {
			if p, _ := tracker.Line(line); p.Fraction < last || p.Fraction > 1 {
				t.Fatalf("fraction %g after %g", p.Fraction, last)
			} else {
				last = p.Fraction
			}
			summary.Line(line)
			diagnosis.Line(line)
			zisk.RootHash(line)
		}
		if summary.ProvingTime < 0 {
			t.Fatalf("proving time %v", summary.ProvingTime)
		}
		if diagnosis.Explain(zisk.Exit{Code: 1}) == nil {
			t.Fatal("a failure without an explanation")
		}
		zisk.ParseVersion(output)
		zisk.DecodeResult([]byte(output))
	})
}

func FuzzFraming(f *testing.F) {
	f.Add(frame([]byte("payload")))
	f.Add(append(frame(nil), frame([]byte("12345678"))...))
	f.Add(bytes.Repeat([]byte{0xff}, 24))
	f.Fuzz(func(t *testing.T, data []byte) {
		framing, frames, err := zisk.DetectFraming(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		if framing == guest.Framed && (frames == 0 || len(data)%8 != 0) {
			t.Fatalf("%d bytes are %d frames", len(data), frames)
		}
		// Whatever it is, in a frame it is framed, and with a byte more it is not.
		if len(data) == 0 {
			return
		}
		framed := frame(data)
		if got, n, _ := zisk.DetectFraming(bytes.NewReader(framed), int64(len(framed))); got != guest.Framed || n != 1 {
			t.Fatalf("a frame counts as %s, %d frames", got, n)
		}
		if got, _, _ := zisk.DetectFraming(bytes.NewReader(append(framed, 1)), int64(len(framed)+1)); got != guest.Raw {
			t.Fatal("a frame with a byte too many counts as framed")
		}
	})
}
