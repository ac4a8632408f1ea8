package zisk

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"time"
)

// FileOutput is the name of the file with the guest's public values that ziskemu
// writes.
const FileOutput = "output.bin"

// EmulateCommand returns the arguments with which ziskemu runs the program on the
// input, writes its public values to the file output and prints the number of steps.
// The emulator needs no key, no setup and no GPU, and reads the same input files as
// cargo-zisk of its version.
// Source: 0xPolygonHermez/zisk:emulator/src/emu_options.rs@v0.14.0, @v0.16.1, @v0.18.0.
func (v Version) EmulateCommand(r Request, output string) ([]string, error) {
	if _, err := v.Family(); err != nil {
		return nil, err
	}
	return append([]string{"--elf", r.ELF, "--inputs", r.Input, "--output", output, "--log-metrics"}, r.Extra...), nil
}

// emulatorMetrics matches the line that --log-metrics prints.
// Source: 0xPolygonHermez/zisk:emulator/src/emulator.rs@v0.14.0, @v0.16.1, @v0.18.0.
var emulatorMetrics = regexp.MustCompile(`^process_rom\(\) steps=(\d{1,19}) duration=([0-9.]{1,20}) `)

// readMetrics reads the line that emulatorMetrics matches.
func (s *Summary) readMetrics(text string) {
	if m := emulatorMetrics.FindStringSubmatch(text); m != nil {
		s.Steps, _ = strconv.ParseUint(m[1], 10, 64)
		s.ProvingTime = parseSeconds(m[2])
		s.Speed = speed(s.Steps, s.ProvingTime)
	}
}

func speed(steps uint64, took time.Duration) string {
	if took <= 0 {
		return ""
	}
	return fmt.Sprintf("%.1f million steps per second", float64(steps)/took.Seconds()/1e6)
}

// maxPublics is the largest size in bytes of the public values, 64 words of 32 bits.
const maxPublics = 64 * 4

// ReadPublics reads the public values that ziskemu wrote. Up to 0.15 these are as many
// as the guest set, later all 64.
// Source: 0xPolygonHermez/zisk:emulator/src/emu.rs, get_output_8, @v0.14.0, @v0.16.1.
func ReadPublics(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxPublics || info.Size()%4 != 0 {
		return nil, fmt.Errorf("%s: %d bytes are no public values, which are at most 64 words of 4 bytes", path, info.Size())
	}
	return os.ReadFile(path)
}
