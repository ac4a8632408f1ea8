package proof

// Setup is a published proving setup.
type Setup struct {
	Release string // of ZisK
	Minimal bool
	Hash    string
	Key     Key
}

// Setups lists the proving setups whose keys are known from public sources. A
// key proves only that a proof was made for that setup.
var Setups = []Setup{
	// Source: eth-act/ere:crates/verifier/zisk/src/verifier/vk.rs@v0.16.2.
	{"1.1.0-alpha", true, "Poseidon1", Key{0xe32ef6c32e24890b, 0x5f4361e84450801e, 0xaeee39a4e7b40471, 0x9db909ed6ba3a678}},
}

// FindSetup returns the setup with the key, or nil.
func FindSetup(key Key) *Setup {
	for i := range Setups {
		if Setups[i].Key == key {
			return &Setups[i]
		}
	}
	return nil
}
