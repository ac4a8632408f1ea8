package zisk

import (
	"regexp"
	"strconv"
)

// cudaLine matches the line that the tool prints of a failed CUDA call before it
// aborts. 0.14 writes "failed:", later versions "failed due to:". A second line may
// name the last error that the device still holds.
// Source: 0xPolygonHermez/pil2-proofman:pil2-stark/src/goldilocks/utils/cuda_utils.cuh@v0.14.0, @v0.15.0;
// pil2-stark/src/utils/cuda_utils.cuh@v0.16.0, @v0.18.0, @v1.1.0-alpha.
var cudaLine = regexp.MustCompile(`^\[CUDA\] .*\((\d{1,5})\)(?: at .*)?$`)

// cudaFault is the meaning of an error number of CUDA.
type cudaFault struct {
	kind            Kind
	code            Code
	summary, remedy string
}

const (
	driverRemedy = "check `nvidia-smi`; after an update of the driver restart the machine, or unload and load its modules; in a container match the image's CUDA with the driver of the host"
	deviceRemedy = "look for Xid lines in `dmesg` and at `nvidia-smi -q`; reset the card (nvidia-smi --gpu-reset -i N) or restart the machine; a card that does it again is defective"
	buildRemedy  = "build it for this card: CUDA_ARCHS=<compute capability without the dot> cargo build --release (0.14: make CUDA_ARCH=sm_<…>); `nvidia-smi --query-gpu=compute_cap --format=csv` shows the capability"
	memoryRemedy = "end what else uses the card (`nvidia-smi --query-compute-apps=pid,used_memory --format=csv`), lower max-witness-stored (`extra_args: [-x, \"2\"]`), set `minimal_memory: true`, or give this stage other cards with `gpus`"
)

// cudaFaults maps the error numbers whose cause is known to lie outside the block. Any
// other number is a fault of the machine with an unknown cause.
// Source: enum cudaError of the CUDA Runtime API, driver_types.h of CUDA 12.
var cudaFaults = map[int]cudaFault{
	2:   {Machine, CodeGPUMemory, "the memory of the GPU ran out", memoryRemedy},                                                                                   // MemoryAllocation
	3:   {Configuration, CodeGPU, "CUDA cannot be initialized", driverRemedy},                                                                                      // InitializationError
	34:  {Configuration, CodeGPU, "CUDA finds a stub in place of its driver", driverRemedy},                                                                        // StubLibrary
	35:  {Configuration, CodeGPU, "the GPU's driver is too old for this cargo-zisk", driverRemedy},                                                                 // InsufficientDriver
	36:  {Configuration, CodeGPU, "the GPU's driver is too old for this cargo-zisk", driverRemedy},                                                                 // CallRequiresNewerDriver
	46:  {Machine, CodeGPU, "the GPU is busy or unavailable", "see who holds it (`nvidia-smi`), and its compute mode (`nvidia-smi -c DEFAULT`)"},                   // DevicesUnavailable
	48:  {Configuration, CodeGPUBuild, "cargo-zisk was built for another GPU", buildRemedy},                                                                        // NoKernelImageForDevice before CUDA 10.1
	100: {Configuration, CodeGPU, "no GPU is visible", noGPURemedy},                                                                                                // NoDevice
	101: {Configuration, CodeGPU, "a GPU that does not exist was asked for", noGPURemedy},                                                                          // InvalidDevice
	102: {Configuration, CodeGPU, "the GPU's licence does not allow it", driverRemedy},                                                                             // DeviceNotLicensed
	127: {Configuration, CodeGPU, "the GPU's software is not valid", driverRemedy},                                                                                 // SoftwareValidityNotEstablished
	200: {Configuration, CodeGPUBuild, "the GPU cannot load the code of cargo-zisk", buildRemedy},                                                                  // InvalidKernelImage
	209: {Configuration, CodeGPUBuild, "cargo-zisk was built for another GPU", buildRemedy},                                                                        // NoKernelImageForDevice
	214: {Machine, CodeGPU, "the memory of the GPU has an error that cannot be corrected", deviceRemedy},                                                           // ECCUncorrectable
	218: {Configuration, CodeGPUBuild, "the GPU cannot compile the code of cargo-zisk", buildRemedy},                                                               // InvalidPtx
	220: {Machine, CodeGPU, "the link between the GPUs has an error that cannot be corrected", deviceRemedy},                                                       // NvlinkUncorrectable
	221: {Configuration, CodeGPU, "the driver's compiler is missing", driverRemedy},                                                                                // JitCompilerNotFound
	222: {Configuration, CodeGPUBuild, "the driver is too old to compile the code of cargo-zisk", driverRemedy},                                                    // UnsupportedPtxVersion
	304: {Machine, CodeCUDA, "a call of the operating system failed below CUDA", "look at the limits of this user (`ulimit -a`) and at `dmesg`"},                   // OperatingSystem
	802: {Configuration, CodeGPU, "the GPUs are not ready", "start the fabric manager (systemctl start nvidia-fabricmanager), whose version must be the driver's"}, // SystemNotReady
	803: {Configuration, CodeGPU, "the GPU's driver and its library are of two versions", driverRemedy},                                                            // SystemDriverMismatch
	804: {Configuration, CodeGPU, "the GPU does not work with the installed compatibility package", driverRemedy},                                                  // CompatNotSupportedOnDevice
	805: {Machine, CodeGPU, "the CUDA MPS server cannot be reached", mpsRemedy},                                                                                    // MpsConnectionFailed
	806: {Machine, CodeGPU, "the CUDA MPS server failed", mpsRemedy},                                                                                               // MpsRpcFailure
	807: {Machine, CodeGPU, "the CUDA MPS server is not ready", mpsRemedy},                                                                                         // MpsServerNotReady
	808: {Machine, CodeGPU, "the CUDA MPS server has too many clients", mpsRemedy},                                                                                 // MpsMaxClientsReached
	809: {Machine, CodeGPU, "the CUDA MPS server has too many connections", mpsRemedy},                                                                             // MpsMaxConnectionsReached
	810: {Machine, CodeGPU, "the CUDA MPS server ended the client", mpsRemedy},                                                                                     // MpsClientTerminated
	999: {Machine, CodeCUDA, "CUDA failed for a reason of its own", driverRemedy},                                                                                  // Unknown
}

const (
	noGPURemedy = "check `nvidia-smi`, the driver (525.60.13 or newer), the container's --gpus flag and the stage's `gpus`"
	mpsRemedy   = "restart it (nvidia-cuda-mps-control), or do without it"
)

// cudaSign returns the sign for a line that begins with [CUDA].
func cudaSign(text string) *sign {
	s := &sign{kind: Machine, code: CodeCUDA, summary: "a CUDA call failed", remedy: deviceRemedy}
	if m := cudaLine.FindStringSubmatch(text); m != nil {
		number, _ := strconv.Atoi(m[1])
		if fault, ok := cudaFaults[number]; ok {
			s.kind, s.code, s.summary, s.remedy = fault.kind, fault.code, fault.summary, fault.remedy
		}
	}
	return s
}
