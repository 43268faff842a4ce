//! The accounts that an execution chain begins with, and the root of its state.
//!
//! The same on every network: the system contracts that the forks from deneb to fulu call, so that their addresses hold
//! code whenever a fork comes, and a few accounts with money whose keys everybody knows.

use super::trie::secure_trie_root;
use crate::crypto::{keccak256, rlp};
use crate::ssz::{Bytes, Root, Uint256};
use crate::types::ExecutionAddress;
use std::sync::LazyLock;

/// An account of a genesis block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Where it is.
    pub address: ExecutionAddress,
    /// Transactions sent, or 1 for a contract.
    pub nonce: u64,
    /// Wei.
    pub balance: Uint256,
    /// Of a contract.
    pub code: Vec<u8>,
    /// Of a contract: slots that are not zero.
    pub storage: Vec<(Root, Uint256)>,
}

impl Account {
    /// As it stands in the state: its address, and `rlp([nonce, balance, storage_root, code_hash])`.
    fn entry(&self) -> ([u8; 20], Vec<u8>) {
        let slots: Vec<_> = self.storage.iter().map(|(slot, value)| (slot.0, rlp::uint256(value))).collect();
        let fields = rlp::List::default().number(self.nonce).uint256(&self.balance);
        let fields = fields.bytes(&secure_trie_root(&slots).0).bytes(&keccak256(&self.code).0);
        (self.address.0, fields.finish())
    }
}

/// The root of a state of these accounts.
pub fn state_root(accounts: &[Account]) -> Root {
    let entries: Vec<_> = accounts.iter().map(Account::entry).collect();
    secure_trie_root(&entries)
}

/// The accounts of every network's genesis block, and their root.
pub fn genesis_accounts() -> &'static (Vec<Account>, Root) {
    static ACCOUNTS: LazyLock<(Vec<Account>, Root)> = LazyLock::new(|| {
        let contracts = SYSTEM_CONTRACTS.iter().map(|(address, code)| Account {
            address: Bytes(fixed(address)),
            nonce: 1,
            code: hex::decode(code).expect("the table holds well-formed hex"),
            ..Account::default()
        });
        let funded = FUNDED.iter().map(|(address, _)| Account {
            address: Bytes(fixed(address)),
            balance: Uint256::from(FUNDS_ETHER) * Uint256::from(1_000_000_000_000_000_000u64),
            ..Account::default()
        });
        let accounts: Vec<Account> = contracts.chain(funded).collect();
        let root = state_root(&accounts);
        (accounts, root)
    });
    &ACCOUNTS
}

fn fixed<const N: usize>(digits: &str) -> [u8; N] {
    let mut bytes = [0; N];
    hex::decode_to_slice(digits, &mut bytes).expect("the tables hold well-formed hex");
    bytes
}

/// Ether of each funded account.
const FUNDS_ETHER: u64 = 1_000_000_000;

/// Accounts with money, and their secrets: the first four of the mnemonic "test test test test test test test test test
/// test test junk", which development tools have built in. Known to everybody.
pub const FUNDED: [(&str, &str); 4] = [
    ("f39fd6e51aad88f6f4ce6ab8827279cfffb92266", "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"),
    ("70997970c51812dc3a010c7d01b50e0d17dc79c8", "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d"),
    ("3c44cdddb6a900fa2b585dd299e03d12fa4293bc", "5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a"),
    ("90f79bf6eb2c4f870365e785982e1f101e93b906", "7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6"),
];

/// Address and code of the contracts that the protocol itself calls.
const SYSTEM_CONTRACTS: [(&str, &str); 4] = [
    // EIP-4788: roots of beacon blocks.
    (
        "000f3df6d732807ef1319fb7b8bb8522d0beac02",
        "3373fffffffffffffffffffffffffffffffffffffffe14604d57602036146024575f5ffd5b5f35801560495762001fff8106\
        90815414603c575f5ffd5b62001fff01545f5260205ff35b5f5ffd5b62001fff42064281555f359062001fff015500",
    ),
    // EIP-2935: hashes of past blocks.
    (
        "0000f90827f1c53a10cb7a02335b175320002935",
        "3373fffffffffffffffffffffffffffffffffffffffe14604657602036036042575f35600143038111604257611fff814303\
        11604257611fff9006545f5260205ff35b5f5ffd5b5f35611fff60014303065500",
    ),
    // EIP-7002: withdrawal requests.
    (
        "00000961ef480eb55e80d19ad83579a64c007002",
        "3373fffffffffffffffffffffffffffffffffffffffe1460cb5760115f54807fffffffffffffffffffffffffffffffffffff\
        ffffffffffffffffffffffffffff146101f457600182026001905f5b5f821115606857810190830284830290049160010191\
        90604d565b909390049250505036603814608857366101f457346101f4575f5260205ff35b34106101f45760015460010160\
        0155600354806003026004013381556001015f35815560010160203590553360601b5f5260385f601437604c5fa060010160\
        0355005b6003546002548082038060101160df575060105b5f5b8181146101835782810160030260040181604c0281546060\
        1b8152601401816001015481526020019060020154807fffffffffffffffffffffffffffffffff0000000000000000000000\
        0000000000168252906010019060401c908160381c81600701538160301c81600601538160281c81600501538160201c8160\
        0401538160181c81600301538160101c81600201538160081c81600101535360010160e1565b910180921461019557906002\
        556101a0565b90505f6002555f6003555b5f54807fffffffffffffffffffffffffffffffffffffffffffffffffffffffffff\
        ffffff14156101cd57505f5b6001546002828201116101e25750505f6101e8565b01600290035b5f555f600155604c025ff3\
        5b5f5ffd",
    ),
    // EIP-7251: consolidation requests.
    (
        "0000bbddc7ce488642fb579f8b00f3a590007251",
        "3373fffffffffffffffffffffffffffffffffffffffe1460d35760115f54807fffffffffffffffffffffffffffffffffffff\
        ffffffffffffffffffffffffffff1461019a57600182026001905f5b5f821115606857810190830284830290049160010191\
        90604d565b9093900492505050366060146088573661019a573461019a575f5260205ff35b341061019a5760015460010160\
        0155600354806004026004013381556001015f358155600101602035815560010160403590553360601b5f5260605f601437\
        60745fa0600101600355005b6003546002548082038060021160e7575060025b5f5b81811461012957828101600402600401\
        81607402815460601b815260140181600101548152602001816002015481526020019060030154905260010160e9565b9101\
        80921461013b5790600255610146565b90505f6002555f6003555b5f54807fffffffffffffffffffffffffffffffffffffff\
        ffffffffffffffffffffffffff141561017357505f5b6001546001828201116101885750505f61018e565b01600190035b5f\
        555f6001556074025ff35b5f5ffd",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use k256::ecdsa::SigningKey;

    #[test]
    fn the_secrets_are_those_of_the_addresses() {
        for (address, secret) in FUNDED {
            let key = SigningKey::from_slice(&fixed::<32>(secret)).expect("a secret");
            let point = key.verifying_key().to_sec1_point(false);
            assert_eq!(hex::encode(&keccak256(&point.as_bytes()[1..]).0[12..]), address);
        }
    }

    #[test]
    fn accounts_are_told_apart_by_every_field() {
        let account = Account { address: Bytes([1; 20]), nonce: 1, ..Account::default() };
        let mut seen = std::collections::BTreeSet::from([state_root(&[]), state_root(std::slice::from_ref(&account))]);
        for other in [
            Account { address: Bytes([2; 20]), ..account.clone() },
            Account { nonce: 2, ..account.clone() },
            Account { balance: Uint256::from(1), ..account.clone() },
            Account { code: vec![0], ..account.clone() },
            Account { storage: vec![(Bytes::ZERO, Uint256::from(1))], ..account.clone() },
        ] {
            assert!(seen.insert(state_root(&[other])));
        }
        assert_eq!(seen.len(), 7);
    }
}
