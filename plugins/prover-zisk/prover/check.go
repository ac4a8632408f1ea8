package prover

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/proofline/proofline/plugins/internal/zisk"
	"github.com/proofline/proofline/plugins/internal/zisk/tool"
	"github.com/proofline/proofline/plugins/prover-zisk/machine"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/procfs"
)

// The sizes below which Check warns.
const (
	minShared = 16 << 30 // bytes of /dev/shm, which the assembly services use
	minVRAM   = 16 << 10 // MiB of one card; the prover's largest buffer has 7 GB
)

// findings collects the findings of a preflight check.
type findings []sdk.Finding

func (f *findings) add(severity sdk.Severity, pointer, remedy, format string, args ...any) {
	*f = append(*f, sdk.Finding{Severity: severity, Pointer: pointer, Summary: fmt.Sprintf(format, args...), Remedy: remedy})
}

// Check checks whether the machine has what the config needs. The remedies say how to
// install or free what is missing.
func (c *Config) Check(ctx context.Context) []sdk.Finding {
	var f findings
	bin, version, known := c.checkTool(ctx, &f)
	if known {
		c.installed = &version
	}
	c.checkELF(&f)
	if c.action() == zisk.Emulate {
		return f
	}
	c.checkLocks(&f)
	gpus := c.checkGPUs(ctx, &f)
	if known {
		c.checkVersion(version, gpus, &f)
		c.checkKernels(bin, gpus, &f)
	}
	// The checks below do not need the tool, so that everything that is missing is
	// reported at once.
	c.checkKey(version, &f)
	if c.Executor == "assembly" {
		c.checkServices(version, &f)
	}
	if c.warm() {
		for _, l := range machine.Listeners(c.ServerPort, 1) {
			f.add(sdk.SeverityWarning, "/server_port", "stop that process, or set another `server_port`", "%v", l)
		}
	}
	return f
}

// Requires returns the framing of the input that the installed version reads. It is nil
// before Check has found the tool.
func (c *Config) Requires() map[string][]string {
	if c.installed == nil {
		return nil
	}
	return map[string][]string{contract.TraitInputFraming: {string(c.installed.Framing())}}
}

func (c Config) checkTool(ctx context.Context, f *findings) (bin string, v zisk.Version, known bool) {
	bin, err := tool.Locate(c.tool())
	if err == nil {
		if v, err = tool.Detect(ctx, bin); err == nil {
			f.add(sdk.SeverityInfo, "/bin", "", "ZisK %v at %s", v, bin)
			return bin, v, true
		}
	}
	summary, remedy := err.Error(), ""
	if e, ok := errors.AsType[*sdk.Error](err); ok {
		summary, remedy = e.Err.Error(), e.Remedy
	}
	f.add(sdk.SeverityError, "/bin", remedy, "%s", summary)
	return "", zisk.Version{}, false
}

func (c Config) checkELF(f *findings) {
	file, err := elf.Open(c.ELF)
	if errors.Is(err, os.ErrNotExist) {
		return // the schema's check of the field reports it
	}
	if err != nil {
		f.add(sdk.SeverityError, "/elf", "set `elf` to the guest program built for ZisK, as its project releases it", "%s is not an ELF file: %v", c.ELF, err)
		return
	}
	defer file.Close()
	if file.Machine != elf.EM_RISCV || file.Class != elf.ELFCLASS64 {
		f.add(sdk.SeverityError, "/elf", "set `elf` to the guest program, not to a program of this machine",
			"%s is for %v, not for 64-bit RISC-V as ZisK needs it", c.ELF, file.Machine)
	}
}

func (c Config) checkLocks(f *findings) {
	problem, remedy, fatal := machine.CheckLockDir(c.lockDir())
	severity := sdk.SeverityWarning
	if fatal {
		severity = sdk.SeverityError
	}
	if problem != "" {
		f.add(severity, "/lock_dir", remedy, "%s", problem)
	}
}

// checkGPUs reports and returns the cards that the stage would use.
func (c Config) checkGPUs(ctx context.Context, f *findings) []machine.GPU {
	gpus, err := machine.GPUs(ctx)
	severity := sdk.SeverityWarning
	if c.Device == "gpu" || len(c.GPUs) > 0 {
		severity = sdk.SeverityError
	}
	switch {
	case errors.Is(err, machine.ErrNoGPUTool):
		f.add(severity, "/gpus", "install the NVIDIA driver (525.60.13 or newer); in a container add --gpus all", "nvidia-smi is not installed: no GPU can be seen")
		return nil
	case err != nil:
		f.add(severity, "/gpus", "run nvidia-smi by hand; load the driver (modprobe nvidia) or restart the machine after an update", "%v", err)
		return nil
	}
	var chosen []machine.GPU
	for _, g := range gpus {
		if len(c.GPUs) == 0 || isChosen(g, c.GPUs) {
			chosen = append(chosen, g)
		}
	}
	for i, want := range c.GPUs {
		found := false
		for _, g := range gpus {
			found = found || isChosen(g, []string{want})
		}
		if !found {
			f.add(sdk.SeverityError, fmt.Sprintf("/gpus/%d", i), "nvidia-smi --query-gpu=index,uuid,name --format=csv lists the cards", "there is no GPU %s", want)
		}
	}
	for _, g := range chosen {
		f.add(sdk.SeverityInfo, "/gpus", "", "GPU %d: %s, compute capability %s, %d of %d MiB free, driver %s", g.Index, g.Name, g.Capability, g.FreeMiB, g.TotalMiB, g.Driver)
		switch {
		case g.TotalMiB > 0 && g.TotalMiB < minVRAM:
			f.add(sdk.SeverityWarning, "/gpus", "use a card with 24 GiB or more", "GPU %d has %d MiB; ZisK's largest buffer alone takes about 7 GB", g.Index, g.TotalMiB)
		case g.TotalMiB > 0 && g.FreeMiB*10 < g.TotalMiB*9:
			f.add(sdk.SeverityWarning, "/gpus", "nvidia-smi --query-compute-apps=pid,used_memory --format=csv shows who holds it", "GPU %d has only %d of %d MiB free; ZisK wants nearly all", g.Index, g.FreeMiB, g.TotalMiB)
		}
	}
	return chosen
}

// checkVersion reports settings that the version does not have.
func (c Config) checkVersion(v zisk.Version, gpus []machine.GPU, f *findings) {
	if !v.Tested() {
		f.add(sdk.SeverityWarning, "/bin", "watch the first proofs, or install 0.14 to 1.0", "ZisK %v is newer than any known release; it is driven like 1.0", v)
	}
	if c.Minimal == "yes" && !v.HasMinimal() {
		f.add(sdk.SeverityError, "/minimal", "set `minimal: auto`, or install ZisK 0.16 or later", "ZisK %v makes no minimal proofs", v)
	}
	if c.Port > 0 && !v.HasPort() {
		f.add(sdk.SeverityError, "/port", "remove `port`", "the services of ZisK %v have no ports", v)
	}
	if c.warm() && !v.HasServer() {
		f.add(sdk.SeverityError, "/server", "set `server: off`, or install ZisK 0.15", "ZisK %v has no server that stays loaded between proofs", v)
	}
	if c.Cache != "" && v.Major == 0 && v.Minor < 18 {
		f.add(sdk.SeverityWarning, "/cache", "remove `cache`, or install ZisK 0.18 or later", "ZisK %v always uses ~/.zisk/cache", v)
	}
	if c.action() == zisk.VerifyConstraints && v.Major >= 1 {
		f.add(sdk.SeverityError, "/action", "use `action: execute`", "ZisK %v has no verify-constraints in cargo-zisk", v)
	}
	if c.Device == "gpu" && v.Build == zisk.BuildCPU {
		f.add(sdk.SeverityError, "/device", "install the GPU build of ZisK "+v.String(), "this cargo-zisk is built for the CPU only")
	}
	if c.action() == zisk.Execute && v.Build == zisk.BuildUnknown && v.Major == 0 && v.Minor <= 15 && len(gpus) > 0 {
		f.add(sdk.SeverityWarning, "/action", "install the CPU build of ZisK "+v.String()+" beside it and name it in `bin`", "a GPU build of ZisK %v refuses execute", v)
	}
}

// checkKernels reports cards for which the tool holds no GPU code. On such a card the tool
// ends with "no kernel image is available".
func (c Config) checkKernels(bin string, gpus []machine.GPU, f *findings) {
	if c.Device == "cpu" || len(gpus) == 0 {
		return
	}
	kernels, err := machine.KernelsOf(bin)
	if err != nil {
		f.add(sdk.SeverityWarning, "/bin", "compare by hand: cuobjdump --list-elf "+bin, "it cannot be seen for which GPUs the tool is built: %v", err)
		return
	}
	for _, g := range gpus {
		if !kernels.Runs(g) {
			f.add(sdk.SeverityError, "/bin", "install a build for that card: of ZisK's source with CUDA_ARCHS="+strings.Replace(g.Capability, ".", "", 1)+" (0.14: CUDA_ARCH=sm_"+strings.Replace(g.Capability, ".", "", 1)+")",
				"GPU %d (%s) has compute capability %s, and %s carries code for %v alone", g.Index, g.Name, g.Capability, bin, kernels)
		}
	}
}

// checkKey looks for the proving key, which every action of cargo-zisk reads. The version
// is zero if it is not known. From 1.0 on execute reads only the key in the tool's default
// directory.
func (c Config) checkKey(v zisk.Version, f *findings) {
	dir := c.provingKeyDir()
	if c.action() == zisk.Execute && v.Major >= 1 {
		dir = Config{}.provingKeyDir()
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		remedy := "ziskup --provingkey, or set `proving_key`"
		if v != (zisk.Version{}) {
			remedy = "ziskup --provingkey (archive zisk-provingkey-" + v.Setup() + ".tar.gz), or set `proving_key`"
		}
		f.add(sdk.SeverityError, "/proving_key", remedy, "there is no proving key at %s", dir)
		return
	}
	if v == (zisk.Version{}) || c.action() != zisk.Prove {
		return
	}
	minimal := c.Minimal == "yes" || c.Minimal == "auto" && !v.HasPort()
	if _, err := c.setupKey(minimal); err != nil {
		f.add(sdk.SeverityWarning, "/verify_key", "install the whole proving key: ziskup --provingkey",
			"the verification key of the proving setup cannot be read: %v", err)
	}
	if space, err := machine.SpaceOf(dir); err == nil && space.Free < 1<<30 {
		f.add(sdk.SeverityWarning, "/proving_key", "free space on the file system of "+dir, "only %d MiB are free beside the proving key", space.Free>>20)
	}
}

// checkServices checks what the assembly services need: locked memory, shared memory and
// ports. The version is zero if it is not known.
func (c Config) checkServices(v zisk.Version, f *findings) {
	if limit, enough := machine.Memlock(); !enough {
		remedy := "ulimit -l unlimited; systemd: LimitMEMLOCK=infinity; docker: --ulimit memlock=-1"
		if c.Unlock == "never" {
			f.add(sdk.SeverityError, "/unlock", remedy+"; or set `unlock: auto`", "only %d KiB may be locked in memory, and the services lock theirs", limit>>10)
		} else {
			f.add(sdk.SeverityWarning, "/unlock", remedy, "only %d KiB may be locked in memory: the services run unlocked (-u), which is slower when memory is short", limit>>10)
		}
	}
	if space, err := machine.SharedSpace(); err != nil {
		f.add(sdk.SeverityError, "", "mount -t tmpfs -o size=32g tmpfs /dev/shm", "there is no shared memory: %v", err)
	} else if space.Total < minShared {
		f.add(sdk.SeverityWarning, "", "mount -o remount,size=32g /dev/shm; docker: --shm-size 32g", "/dev/shm has %d MiB; the services want 20 to 32 GiB", space.Total>>20)
	}
	if !v.HasPort() {
		return
	}
	first := c.Port
	if first == 0 {
		first = machine.DefaultPort
	}
	for _, l := range machine.Listeners(first, machine.PortsPerRank) {
		remedy := "wait until it has ended, or set another `port`"
		if l.PID > 0 && !strings.Contains(procfs.Name(l.PID), "cargo-zisk") {
			remedy = fmt.Sprintf("end it if it is left over (kill %d), or set another `port`", l.PID)
		}
		f.add(sdk.SeverityWarning, "/port", remedy, "%v", l)
	}
	if _, err := os.Stat(filepath.Join("/proc", "net", "tcp")); err != nil {
		f.add(sdk.SeverityInfo, "/port", "", "the ports of the services cannot be checked on this system")
	}
}
