// Package sdktest checks that a plugin keeps the contract of package sdk.
//
//	func TestConformance(t *testing.T) {
//		sdktest.Test(t, sdktest.Suite{
//			Target: sdktest.Binary("../../bin/plugins/prover-example"), // or sdktest.InProcess(plugin)
//			Config: json.RawMessage(`{"elf":"testdata/fib.elf"}`),
//			Inputs: []sdktest.Input{{Name: "input.bin", File: "testdata/input.bin"}},
//		})
//	}
//
// The checks are an explicit list, Names, each with what it demands. They talk to
// a binary as any host would, over the handshake and gRPC alone, so that the
// plugin may be written in any language. In process the checks that need a
// process of its own are skipped, and say so; so are those for which the suite
// says too little.
package sdktest
