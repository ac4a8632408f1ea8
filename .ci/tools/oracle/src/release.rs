//! The same program text over the types of each release.

/// Calls ethrex's converter as v17 and v18 have it.
macro_rules! without_crypto {
    ($krate:ident, $witness:expr, $config:expr, $number:expr, $headers:expr) => {
        $witness.into_execution_witness($config, $number, $headers)
    };
}
pub(crate) use without_crypto;

/// Calls ethrex's converter as it is from v19 on.
macro_rules! with_crypto {
    ($krate:ident, $witness:expr, $config:expr, $number:expr, $headers:expr) => {
        $witness.into_execution_witness($config, $number, $headers, &$krate::NativeCrypto)
    };
}
pub(crate) use with_crypto;

/// A module with the functions of a `Release`, over one crate.
macro_rules! types {
    ($module:ident, $krate:ident, $($converter:ident)::+) => {
        mod $module {
            use crate::{Outcome, Root};
            use rkyv::rancor::Error;
            use serde::Deserialize;
            use $krate::types::block_execution_witness::{
                ExecutionWitness, RpcExecutionWitness, decode_witness_headers,
            };
            use $krate::types::{Block, BlockBody, BlockHeader, ChainConfig, Transaction, Withdrawal};
            use $krate::{Address, H256};

            #[derive(rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
            struct ProgramInput {
                blocks: Vec<Block>,
                execution_witness: ExecutionWitness,
            }

            #[derive(rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
            struct EthrexInput {
                block: Block,
                execution_witness: ExecutionWitness,
            }

            pub fn decode(root: Root, archive: &[u8]) -> Outcome {
                let (again, block, witness) = match root {
                    Root::Program => {
                        let mut input = rkyv::from_bytes::<ProgramInput, Error>(archive).map_err(|e| e.to_string())?;
                        let again = rkyv::to_bytes::<Error>(&input).map_err(|e| e.to_string())?;
                        if input.blocks.len() != 1 {
                            return Err(format!("{} blocks", input.blocks.len()));
                        }
                        (again, input.blocks.remove(0), input.execution_witness)
                    }
                    Root::Zec => {
                        let input = rkyv::from_bytes::<EthrexInput, Error>(archive).map_err(|e| e.to_string())?;
                        let again = rkyv::to_bytes::<Error>(&input).map_err(|e| e.to_string())?;
                        (again, input.block, input.execution_witness)
                    }
                };
                if again.as_slice() != archive {
                    return Err("written again it is other bytes".into());
                }
                Ok(format!(
                    "block {} {:?}, {} transactions, {} codes, {} headers, {} storage tries, chain {}",
                    block.header.number,
                    block.hash(),
                    block.body.transactions.len(),
                    witness.codes.len(),
                    witness.block_headers_bytes.len(),
                    witness.storage_trie_roots.len(),
                    witness.chain_config.chain_id,
                ))
            }

            /// The answer to eth_getBlockByNumber with full transactions.
            #[derive(Deserialize)]
            #[allow(dead_code)]
            struct RpcBlock {
                hash: H256,
                #[serde(with = "u64_text")]
                size: u64,
                #[serde(flatten)]
                header: BlockHeader,
                transactions: Vec<RpcTransaction>,
                uncles: Vec<H256>,
                withdrawals: Vec<Withdrawal>,
            }

            #[derive(Deserialize)]
            #[serde(rename_all = "camelCase")]
            #[allow(dead_code)]
            struct RpcTransaction {
                #[serde(flatten)]
                tx: Transaction,
                #[serde(with = "optional_u64_text")]
                block_number: Option<u64>,
                block_hash: Option<H256>,
                from: Address,
                hash: H256,
                #[serde(with = "optional_u64_text")]
                transaction_index: Option<u64>,
            }

            use $krate::serde_utils::u64::hex_str as u64_text;
            use $krate::serde_utils::u64::hex_str_opt as optional_u64_text;

            fn parse(text: &[u8]) -> Result<Block, String> {
                let block: RpcBlock = serde_json::from_slice(text).map_err(|e| e.to_string())?;
                let body = BlockBody {
                    transactions: block.transactions.into_iter().map(|t| t.tx).collect(),
                    ommers: Vec::new(),
                    withdrawals: Some(block.withdrawals),
                };
                Ok(Block::new(block.header, body))
            }

            pub fn block(text: &str) -> Result<(), String> {
                parse(text.as_bytes()).map(|_| ())
            }

            pub fn convert(root: Root, block: &[u8], witness: &[u8], config: &[u8]) -> Result<Vec<u8>, String> {
                let block = parse(block).map_err(|e| format!("block: {e}"))?;
                let witness: RpcExecutionWitness =
                    serde_json::from_slice(witness).map_err(|e| format!("witness: {e}"))?;
                let config: ChainConfig = serde_json::from_slice(config).map_err(|e| format!("config: {e}"))?;
                let headers = decode_witness_headers(&witness.headers).map_err(|e| format!("headers: {e}"))?;
                let number = block.header.number;
                let execution_witness = crate::$($converter)::+!($krate, witness, config, number, &headers)
                    .map_err(|e| format!("witness: {e}"))?;
                let bytes = match root {
                    Root::Program => rkyv::to_bytes::<Error>(&ProgramInput { blocks: vec![block], execution_witness }),
                    Root::Zec => rkyv::to_bytes::<Error>(&EthrexInput { block, execution_witness }),
                };
                Ok(bytes.map_err(|e| e.to_string())?.into_vec())
            }
        }
    };
}
pub(crate) use types;

/// The row of a release.
macro_rules! entry {
    ($name:literal, $module:ident) => {
        Release { name: $name, decode: $module::decode, convert: $module::convert, block: $module::block }
    };
}
pub(crate) use entry;
