//! The EIP's own examples, and what must not be opened.

use super::*;

/// The password of the EIP's examples: letters of other alphabets, which become `testpassword`, and a key.
const PASSWORD: &str = "𝔱𝔢𝔰𝔱𝔭𝔞𝔰𝔰𝔴𝔬𝔯𝔡🔑";
const SECRET: &str = "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f";
const PUBKEY: &str = "9612d7a727c9d0a22e185a1c768478dfe919cada9266988cb32359c11f2b7b27f4ae4040902382ae2910c15e2b420d07";

fn example(kdf: &str, checksum: &str, cipher: &str) -> String {
    format!(
        r#"{{"crypto": {{
            "kdf": {{"function": {kdf}, "message": ""}},
            "checksum": {{"function": "sha256", "params": {{}}, "message": "{checksum}"}},
            "cipher": {{"function": "aes-128-ctr", "params": {{"iv": "264daa3f303d7259501c93d997d84fe6"}},
                        "message": "{cipher}"}}}},
        "description": "An example.", "pubkey": "{PUBKEY}", "path": "m/12381/60/0/0",
        "uuid": "64625def-3331-4eea-ab6f-782f3ed16a83", "version": 4}}"#
    )
}

fn by_pbkdf2() -> String {
    example(
        r#""pbkdf2", "params": {"dklen": 32, "c": 262144, "prf": "hmac-sha256",
           "salt": "d4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3"}"#,
        "8a9f5d9912ed7e75ea794bc5a89bca5f193721d30868ade6f73043c6ea6febf1",
        "cee03fde2af33149775b7223e7845e4fb2c8ae1792e5f99fe9ecf474cc8c16ad",
    )
}

fn by_scrypt() -> String {
    example(
        r#""scrypt", "params": {"dklen": 32, "n": 262144, "p": 1, "r": 8,
           "salt": "d4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3"}"#,
        "d2217fe5f3e9a1e34581ef8a78f7c9928e436d36dacc5e846690a5581e8ea484",
        "06ae90d55fe0a6e9c5c3bc5b170827b2e5cce3929ed3f116c2811e6366dfe20f",
    )
}

fn opened(keystore: &Keystore, password: &str) -> Result<SecretKey, KeystoreError> {
    keystore.open(password).and_then(|message| keystore.key_in(&message))
}

#[test]
fn the_eips_examples_are_opened() {
    for json in [by_pbkdf2(), by_scrypt()] {
        let keystore = Keystore::from_json(&json).expect("a keystore");
        let key = opened(&keystore, PASSWORD).expect("opens");
        assert_eq!(hex::encode(key.to_bytes()), SECRET);
        assert_eq!(keystore.pubkey(), Some(key.public_key()));
        let again = Keystore::from_json(&keystore.to_json()).expect("our own JSON");
        assert_eq!(again, keystore);
    }
    // Control characters don't count.
    assert!(
        opened(&Keystore::from_json(&by_pbkdf2()).expect("a keystore"), &format!("\u{7f}{PASSWORD}\n\u{80}")).is_ok()
    );
}

#[test]
fn what_is_sealed_is_opened_by_its_password_only() {
    let secret = SecretKey::from_bytes(&[7; 32]).expect("below the order");
    let salts = Salts { salt: [1; 32], iv: [2; 16], id: [0xff; 16] };
    for kdf in [Kdf::QUICK, Kdf::QUICK_SCRYPT] {
        let keystore = Keystore::of_key(&secret, "a password", kdf, salts);
        assert_eq!(opened(&keystore, "a password").expect("opens").to_bytes(), [7; 32]);
        assert_eq!(opened(&keystore, "another").expect_err("wrong"), KeystoreError::Password);
        let json: serde_json::Value = serde_json::from_str(&keystore.to_json()).expect("JSON");
        assert_eq!(json["uuid"], "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(json["version"], 4);
        assert_eq!(json["crypto"]["checksum"]["params"], serde_json::json!({}));
        assert_eq!(json["crypto"]["kdf"]["message"], "");
    }
}

#[test]
fn what_is_odd_is_refused_with_the_reason() {
    let refused = |json: &str| match Keystore::from_json(json) {
        Ok(keystore) => opened(&keystore, PASSWORD).expect_err("odd").to_string(),
        Err(error) => error.to_string(),
    };
    let good = by_pbkdf2();
    for (was, becomes, why) in [
        ("\"version\": 4", "\"version\": 3", "version 3 is not known"),
        ("\"function\": \"pbkdf2\"", "\"function\": \"argon2\"", "`argon2` is not known"),
        ("hmac-sha256", "hmac-sha512", "prf is not hmac-sha256"),
        ("262144", "4294967295", "out of reasonable range"),
        ("262144", "0", "out of reasonable range"),
        ("\"dklen\": 32", "\"dklen\": 16", "dklen is not 32"),
        ("aes-128-ctr", "aes-256-ctr", "`aes-256-ctr` is not known"),
        ("264daa3f", "264daa3g", "no hex"),
        ("264daa3f", "", "not 16 bytes"),
        ("cee03f", "cee03e", "password does not open"),
        ("\"salt\"", "\"pepper\"", "lacks its parameter `salt`"),
    ] {
        // The derivation itself is slow, and its outcome decides only the last cases.
        assert!(refused(&good.replace(was, becomes)).contains(why), "{was} -> {becomes}: {}", refused(&good));
    }
    let huge = by_scrypt().replace("262144", "1073741824");
    assert!(refused(&huge).contains("out of reasonable range"));
    // Few blocks to walk through, but 16 lanes of 128 MiB.
    let broad = by_scrypt().replace(r#""n": 262144, "p": 1, "r": 8"#, r#""n": 2, "p": 16, "r": 1048576"#);
    assert!(refused(&broad).contains("out of reasonable range"));
    assert!(refused("{}").contains("no keystore"));
    let other = good.replace(PUBKEY, &"ab".repeat(48));
    assert!(refused(&other).contains("but says that it is of"), "{}", refused(&other));
}
