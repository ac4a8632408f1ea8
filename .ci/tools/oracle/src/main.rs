//! Reads and writes guest inputs of ethrex with the published types of ethrex, so
//! that a layout is never inferred from texts alone.
//!
//! ```text
//! oracle releases
//! oracle decode  RELEASE ROOT ARCHIVE
//! oracle convert RELEASE ROOT BLOCK WITNESS CONFIG OUT
//! oracle block   RELEASE            one block in JSON per line of standard input
//! ```
//!
//! RELEASE is the major version of the crate ethrex-common; ROOT is `program`
//! (ProgramInput of ethrex) or `zec` (EthrexInput of zisk-eth-client). `decode`
//! fails unless rkyv's checking reader accepts the archive and the decoded value
//! is written as the same bytes again; it prints what the archive holds.
//! `convert` makes an archive from block, witness and chain configuration in JSON,
//! with ethrex's own converter. `block` answers each line with `ok` or the reason
//! why ethrex's JSON types refuse the block.
//!
//! The root objects are restated here, because ethrex publishes them in no crate:
//! lambdaclass/ethrex:crates/guest-program/src/l1/input.rs@52e4b646 and
//! 0xPolygonHermez/zisk-eth-client:crates/guest-ethrex. So is the answer to
//! eth_getBlockByNumber, from lambdaclass/ethrex:crates/networking/rpc/types/block.rs@891528d.

mod release;

use std::io::{BufRead, Write};
use std::{env, fs, io, process::ExitCode};

type Outcome = Result<String, String>;

/// A root object.
#[derive(Clone, Copy)]
pub enum Root {
    Program,
    Zec,
}

/// What can be done with the types of one release.
struct Release {
    name: &'static str,
    decode: fn(Root, &[u8]) -> Outcome,
    convert: fn(Root, &[u8], &[u8], &[u8]) -> Result<Vec<u8>, String>,
    block: fn(&str) -> Result<(), String>,
}

release::types!(types17, v17, release::without_crypto);
release::types!(types18, v18, release::without_crypto);
release::types!(types19, v19, release::with_crypto);
release::types!(types20, v20, release::with_crypto);
release::types!(types21, v21, release::with_crypto);
release::types!(types22, v22, release::with_crypto);
release::types!(types23, v23, release::with_crypto);

const RELEASES: &[Release] = &[
    release::entry!("v17", types17),
    release::entry!("v18", types18),
    release::entry!("v19", types19),
    release::entry!("v20", types20),
    release::entry!("v21", types21),
    release::entry!("v22", types22),
    release::entry!("v23", types23),
];

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    match run(&args.iter().map(String::as_str).collect::<Vec<_>>()) {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(reason) => {
            eprintln!("oracle: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[&str]) -> Outcome {
    match args {
        ["releases"] => Ok(RELEASES.iter().map(|r| r.name).collect::<Vec<_>>().join("\n")),
        ["decode", name, root, archive] => (find(name)?.decode)(root_of(root)?, &read(archive)?),
        ["convert", name, root, block, witness, config, out] => {
            let archive = (find(name)?.convert)(root_of(root)?, &read(block)?, &read(witness)?, &read(config)?)?;
            fs::write(out, &archive).map_err(|e| format!("{out}: {e}"))?;
            Ok(format!("{} bytes", archive.len()))
        }
        ["block", name] => blocks(find(name)?),
        _ => Err("usage: oracle releases | decode | convert | block; see the head of main.rs".into()),
    }
}

fn blocks(release: &Release) -> Outcome {
    let mut out = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let line = line.map_err(|e| e.to_string())?;
        let answer = match (release.block)(&line) {
            Ok(()) => "ok".to_string(),
            Err(reason) => reason.replace('\n', " "),
        };
        writeln!(out, "{answer}").map_err(|e| e.to_string())?;
    }
    Ok(String::new())
}

fn find(name: &str) -> Result<&'static Release, String> {
    RELEASES.iter().find(|r| r.name == name).ok_or_else(|| format!("no release {name}"))
}

fn root_of(name: &str) -> Result<Root, String> {
    match name {
        "program" => Ok(Root::Program),
        "zec" => Ok(Root::Zec),
        _ => Err(format!("no root {name}: program or zec")),
    }
}

fn read(path: &str) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|e| format!("{path}: {e}"))
}
