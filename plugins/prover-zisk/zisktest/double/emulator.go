package double

import (
	"encoding/hex"
	"fmt"
	"os"
	"time"
)

// ziskemu imitates the emulator: its flags, the lines that it prints, and the file that it
// writes. The guest's public values are Scenario.Publics.
//
// Source, not a recording: 0xPolygonHermez/zisk:emulator/src/emu_options.rs,
// emulator/src/emulator.rs, emulator/src/emu.rs, emulator/src/bin/ziskemu.rs
// @v0.14.0, @v0.16.1, @v0.18.0.
func (s *Scenario) ziskemu(args []string) int {
	if len(args) == 1 && args[0] == "--version" {
		fmt.Printf("ziskemu %s (0000000 2026-01-01T00:00:00.000000000Z)\n", s.Version)
		return 0
	}
	before, err := s.record(append([]string{"ziskemu"}, args...))
	if err != nil {
		fmt.Fprintln(os.Stderr, "test double:", err)
		return 70
	}
	flags := "rom/r=!elf elf/e=!rom inputs/i= output/o= max-steps/n= print-step/p= trace/t= verbose/v log-step/l log-output/c log-metrics/m tracerv/a stats/x generate-minimal-traces/g"
	if s.minor >= 16 {
		flags = "rom/r=!elf elf/e=!rom inputs/i= legacy-inputs= output/o= max-steps/n= print-step/p= trace/t= verbose/v log-step/l log-output/c log-metrics/m tracerv/a legacy-stats/x stats/X generate-minimal-traces/g steps with-progress max-input-mem="
	}
	given, status := parse("ziskemu", args, flags)
	if status != 0 {
		return status
	}
	if s.FailTimes > 0 && before >= s.FailTimes || s.FailEvery > 1 && (before+1)%s.FailEvery != 0 {
		s.Fail = Succeed
	}
	if !exists(given["elf"]) {
		fmt.Fprintln(os.Stderr, `Error during emulation: Unknown("Error reading ELF file: No such file or directory (os error 2)")`)
		return 1
	}
	input, err := os.ReadFile(given["inputs"])
	if err != nil {
		fmt.Fprintf(os.Stderr, "Error during emulation: WrongArguments(ErrWrongArguments { description: \"Could not read inputs file '%s': No such file or directory (os error 2)\" })\n", given["inputs"])
		return 1
	}
	if s.minor >= 16 && len(input)%8 != 0 {
		return panicked(fmt.Sprintf("EmuContext::new() input size must be a multiple of 8 size=%d", len(input)))
	}
	time.Sleep(time.Duration(s.PhaseMS) * time.Millisecond)
	switch s.Fail {
	case GuestPanic:
		fmt.Print("panicked at src/main.rs:27:59:\nBlock validation failed: InvalidBlock(ReceiptsRootMismatch)\n")
		return panicked("called `Option::unwrap()` on a `None` value")
	case GuestError: // the emulator goes on and ends with exit status 0
		fmt.Fprintf(os.Stderr, "Emu::run_fast() finished with error at step=%d pc=0x800001c8\n", s.Steps)
	case StepLimit:
		fmt.Fprintln(os.Stderr, "Error during emulation: EmulationNoCompleted")
		return 1
	}
	if status, over := s.failNow("Emulate", &services{}); over {
		return status
	}
	if has(given, "log-metrics") {
		fmt.Printf("process_rom() steps=%d duration=%.4f tp=%.4f Msteps/s freq=%.4f %.4f clocks/step\n", s.Steps, s.Seconds, float64(s.Steps)/s.Seconds/1e6, 3000.0, 25.0)
	}
	publics, err := hex.DecodeString(s.Publics)
	if err == nil && has(given, "output") && s.Fail != NoFiles {
		if s.minor >= 16 { // it writes all 64 words; older versions write those that were set
			publics = append(publics, make([]byte, 256-len(publics))...)
		}
		err = os.WriteFile(given["output"], append(publics, make([]byte, -len(publics)&3)...), 0o644)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "Error during emulation: Unknown(%q)\n", err.Error())
		return 1
	}
	return 0
}
