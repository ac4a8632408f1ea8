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
// Names lists the checks for a kind of plugin, and Demands says what each of them
// requires. They talk to a binary as any host does, through the handshake and gRPC alone,
// so that the plugin may be written in any language. With InProcess the checks that need a
// process of the plugin's own are skipped. Checks for which the suite lacks something,
// such as a slow configuration, are skipped too. The reason of a skip is in the Outcome.
package sdktest
