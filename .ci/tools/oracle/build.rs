//! Every release of ethrex-crypto exports the same assembly function, KeccakF1600,
//! under the same name: the first one serves all releases.

fn main() {
    println!("cargo:rustc-link-arg-bins=-Wl,--allow-multiple-definition");
}
