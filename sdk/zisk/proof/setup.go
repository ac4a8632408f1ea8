package proof

// Setup is a published proving setup: a proving key for one release, hash family
// and kind of proof.
type Setup struct {
	Version string // the version of ZisK with which it was published
	Family  Family
	Minimal bool // whether it is for minimal proofs and not for final ones
	Key     Key
	Source  string // where the key was published
}

// Release returns the release of the setup.
func (s *Setup) Release() Release {
	r, _ := ParseRelease(s.Version)
	return r
}

// Setups lists the proving setups whose keys are known from public sources. A release may
// have several setups: 1.1.0-alpha was published with two within two days, the first on
// 18 August 2026. It is not known to which release of the 1.3 line its keys belong. The
// list must not be changed.
var Setups = []Setup{
	{"0.16.1", Poseidon2, false, Key{9211010158316595036, 7055235338110277438, 2391371252028311145, 10691781997660262077}, "eth-act/ere:crates/verifier/zisk/src/verifier.rs@v0.9.1"},
	{"0.18.0", Poseidon2, true, Key{371850295254322978, 2764832171281751502, 14747498303081942412, 8181136173693786776}, "eth-act/ere:crates/verifier/zisk/src/verifier.rs@v0.10.0"},
	{"1.0.0-alpha", Poseidon1, true, Key{9921056747671742317, 4797772910800160669, 12958514166857075847, 14532653792511329700}, "eth-act/ere:crates/verifier/zisk/src/verifier.rs@v0.13.0"},
	{"1.1.0-alpha", Poseidon1, true, Key{7077556885608687133, 1422085596864190689, 2297137918351717267, 14362995833492506538}, "eth-act/ere:crates/verifier/zisk/src/verifier/vk.rs@4a5a1ab"},
	{"1.1.0-alpha", Poseidon1, true, Key{16370293013691533579, 6864437907249201182, 12605075787481351281, 11365126049963943544}, "eth-act/ere:crates/verifier/zisk/src/verifier/vk.rs@v0.16.2"},
	{"1.3", Poseidon1, false, Key{7720455071669353216, 17350242473202279177, 12167441154672932695, 6676005994927600229}, "0xPolygonHermez/zisk:verifier/src/keys.rs@a998509"},
	{"1.3", Poseidon1, true, Key{11460674294544897374, 2320585223040589506, 14134567294518986765, 13867062699228975549}, "0xPolygonHermez/zisk:verifier/src/keys.rs@a998509"},
	{"1.3", Poseidon2, false, Key{6096219998437121679, 2254708086484257796, 6364632100581660156, 17097783617149698521}, "0xPolygonHermez/zisk:verifier/src/keys.rs@a998509"},
	{"1.3", Poseidon2, true, Key{14842246717591143122, 11392347458397675102, 10173955383267062289, 14893614764771371224}, "0xPolygonHermez/zisk:verifier/src/keys.rs@a998509"},
	{"1.3", Blake3, false, Key{3213505036805938264, 17028655392078661840, 5593895546430464126, 13641597543864939016}, "0xPolygonHermez/zisk:verifier/src/keys.rs@a998509"},
	{"1.4.0-alpha", Poseidon1, false, Key{16807801129105003610, 1480129380269065486, 6842518844123700219, 2605612804213468774}, "crates.io zisk-verifier 1.4.0-alpha: src/keys.rs"},
	{"1.4.0-alpha", Poseidon1, true, Key{3936316867833434652, 13002114981730899170, 17743900043057412555, 17794984613572371221}, "crates.io zisk-verifier 1.4.0-alpha: src/keys.rs"},
	{"1.4.0-alpha", Poseidon2, false, Key{7235627588029747190, 4964294244843319518, 15944021041411876293, 9165814394267558940}, "crates.io zisk-verifier 1.4.0-alpha: src/keys.rs"},
	{"1.4.0-alpha", Poseidon2, true, Key{4751769779349204665, 8025699667731212605, 10343005230049885991, 17515878728116835452}, "crates.io zisk-verifier 1.4.0-alpha: src/keys.rs"},
	{"1.4.0-alpha", Blake3, false, Key{17146226293136250724, 16833344589786796689, 10321050178608571017, 2095991909911874349}, "crates.io zisk-verifier 1.4.0-alpha: src/keys.rs"},
	{"1.4.0-alpha", Blake3, true, Key{12858410571421223333, 7366065819410512846, 4168917461533729924, 17247924614817440033}, "crates.io zisk-verifier 1.4.0-alpha: src/keys.rs"},
}

// FindSetup returns the published setup with the key, or nil if there is none.
func FindSetup(key Key) *Setup {
	for i := range Setups {
		if Setups[i].Key == key {
			return &Setups[i]
		}
	}
	return nil
}
