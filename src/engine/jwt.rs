//! The tokens that consensus and execution client show each other: JWT with HMAC-SHA256 over a shared secret.
//!
//! Spec: execution-apis `authentication.md`, RFC 7519. Never: shows a secret, or reads a clock.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use std::fmt;
use std::path::{Path, PathBuf};

/// How far a token's `iat` may be from now, seconds.
pub const MAX_SKEW: u64 = 60;
/// Longer tokens are not looked at.
const MAX_TOKEN: usize = 4096;

/// 32 bytes that both sides know.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret([u8; 32]);

impl fmt::Debug for Secret {
    /// Without the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Why there is no secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file can't be read, or written.
    #[error("can't {doing} the JWT secret file {path}: {source}")]
    File {
        /// What was tried.
        doing: &'static str,
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// The file holds something else. It is not repeated: it may be a secret.
    #[error("the JWT secret file {path} does not hold 32 bytes as 64 hexadecimal digits")]
    Malformed { path: PathBuf },
}

impl Secret {
    /// A secret of these bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// 64 hexadecimal digits, with or without 0x, as the files of all clients hold them.
    pub fn from_hex(text: &str) -> Option<Self> {
        let text = text.trim();
        let mut bytes = [0; 32];
        hex::decode_to_slice(text.strip_prefix("0x").unwrap_or(text), &mut bytes).ok()?;
        Some(Self(bytes))
    }

    /// Reads a secret file.
    ///
    /// # Errors
    /// A file that can't be read, or that holds no secret.
    pub fn read(path: &Path) -> Result<Self, SecretError> {
        let failed = |source| SecretError::File { doing: "read", path: path.to_path_buf(), source };
        let bytes = std::fs::read(path).map_err(failed)?;
        let secret = std::str::from_utf8(&bytes).ok().and_then(Self::from_hex);
        secret.ok_or_else(|| SecretError::Malformed { path: path.to_path_buf() })
    }

    /// Reads a secret file; makes one, that only its owner can read, if there is none. Says whether it was made.
    ///
    /// # Errors
    /// As [`Self::read`], or a file that can't be made.
    pub fn read_or_create(path: &Path) -> Result<(Self, bool), SecretError> {
        match Self::read(path) {
            Err(SecretError::File { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {}
            other => return other.map(|secret| (secret, false)),
        }
        let failed = |source| SecretError::File { doing: "write", path: path.to_path_buf(), source };
        let secret = Self(rand::random());
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path).map_err(failed)?;
        let text = format!("{}\n", hex::encode(secret.0));
        std::io::Write::write_all(&mut file, text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
        Ok((secret, true))
    }

    fn mac(&self, text: &str) -> Hmac<Sha256> {
        let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.chain_update(text.as_bytes())
    }

    /// A token issued at `now` (unix seconds).
    pub fn token(&self, now: u64) -> String {
        let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let signed = format!("{}.{}", encode(r#"{"typ":"JWT","alg":"HS256"}"#), encode(&format!(r#"{{"iat":{now}}}"#)));
        let signature = URL_SAFE_NO_PAD.encode(self.mac(&signed).finalize().into_bytes());
        format!("{signed}.{signature}")
    }

    /// Whether `token` was made with this secret, no more than [`MAX_SKEW`] from `now` (unix seconds).
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn verify(&self, token: &str, now: u64) -> Result<(), TokenError> {
        if token.len() > MAX_TOKEN {
            return Err(TokenError::Malformed);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(TokenError::Malformed)?;
        let json = |part: &str| -> Option<Value> { serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok() };
        let header = json(header).ok_or(TokenError::Malformed)?;
        if header.get("alg").and_then(Value::as_str) != Some("HS256") {
            return Err(TokenError::Algorithm);
        }
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| TokenError::Malformed)?;
        self.mac(signed).verify_slice(&signature).map_err(|_| TokenError::Signature)?;
        let claims = json(claims).ok_or(TokenError::Malformed)?;
        let issued = claims.get("iat").and_then(Value::as_f64).ok_or(TokenError::Malformed)?;
        // Whole seconds fit a double; a fraction is no harm.
        match (issued - now as f64).abs() <= MAX_SKEW as f64 {
            true => Ok(()),
            false => Err(TokenError::Skew),
        }
    }
}

/// Why a token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// No JWT, or one without `iat`.
    #[error("the token is no JWT with an `iat` claim")]
    Malformed,
    /// `none`, say.
    #[error("the token's algorithm is not HS256")]
    Algorithm,
    /// Another secret.
    #[error("the token was made with another secret")]
    Signature,
    /// Made too long ago, or in the future.
    #[error("the token's `iat` is more than 60 seconds from now: do the clocks agree?")]
    Skew,
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_700_000_000;

    #[test]
    fn tokens_hold_within_the_window_and_for_their_secret() {
        let secret = Secret::new([7; 32]);
        let token = secret.token(NOW);
        for (now, verdict) in [
            (NOW, Ok(())),
            (NOW + 60, Ok(())),
            (NOW - 60, Ok(())),
            (NOW + 61, Err(TokenError::Skew)),
            (NOW - 61, Err(TokenError::Skew)),
        ] {
            assert_eq!(secret.verify(&token, now), verdict, "{now}");
        }
        assert_eq!(Secret::new([8; 32]).verify(&token, NOW), Err(TokenError::Signature));
    }

    #[test]
    fn a_token_made_elsewhere_is_understood() {
        // Made by Python's hmac and base64 modules: {"alg":"HS256"}.{"iat":1700000000,"id":"x","clv":"y"}
        let token = concat!(
            "eyJhbGciOiJIUzI1NiJ9.eyJpYXQiOjE3MDAwMDAwMDAsImlkIjoieCIsImNsdiI6InkifQ.",
            "rAahmFu2YJy2P1_SBYL7bYWCma6uSx7L_dwQWIsFQas"
        );
        assert_eq!(Secret::new([7; 32]).verify(token, NOW), Ok(()));
    }

    #[test]
    fn forgeries_are_refused() {
        let secret = Secret::new([7; 32]);
        let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let signed = |header: &str, claims: &str| {
            let signed = format!("{}.{}", encode(header), encode(claims));
            format!("{signed}.{}", URL_SAFE_NO_PAD.encode(secret.mac(&signed).finalize().into_bytes()))
        };
        let none = format!("{}.{}.", encode(r#"{"alg":"none"}"#), encode(r#"{"iat":1700000000}"#));
        let verdict = |token: &str| secret.verify(token, NOW).expect_err(token);
        assert_eq!(verdict(&none), TokenError::Algorithm);
        assert_eq!(verdict(&signed(r#"{"alg":"HS256"}"#, r#"{"exp":1700000000}"#)), TokenError::Malformed);
        assert_eq!(verdict(&signed(r#"{"alg":"HS512"}"#, r#"{"iat":1700000000}"#)), TokenError::Algorithm);
        assert_eq!(verdict(&signed(r#"{"alg":"HS256"}"#, r#"{"iat":null}"#)), TokenError::Malformed);
        for junk in ["", ".", "..", "a.b.c", "a.b.c.d", &"x".repeat(5000)] {
            verdict(junk);
        }
        let token = secret.token(NOW);
        let (signed, signature) = token.rsplit_once('.').expect("a token");
        assert_eq!(verdict(&format!("{signed}.{}", &signature[..20])), TokenError::Signature, "cut short");
        assert_eq!(verdict(&format!("{signed}.{}", &signature[..21])), TokenError::Malformed, "no base64");
        assert_eq!(verdict(&format!("{signed}.")), TokenError::Signature);
    }

    #[test]
    fn secret_files_are_read_made_and_never_shown() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("jwt.hex");
        assert!(matches!(Secret::read(&path), Err(SecretError::File { .. })));
        let (made, new) = Secret::read_or_create(&path).expect("made");
        assert!(new);
        assert_eq!(Secret::read_or_create(&path).expect("read"), (made.clone(), false));
        assert_eq!(format!("{made:?}"), "Secret(..)");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        }
        std::fs::write(&path, format!("0x{}\n", "0b".repeat(32))).expect("writes");
        assert_eq!(Secret::read(&path).expect("0x is allowed"), Secret::new([11; 32]));
        for wrong in ["", "0x12", &"zz".repeat(32), &"0b".repeat(33)] {
            std::fs::write(&path, wrong).expect("writes");
            let error = Secret::read_or_create(&path).expect_err("no secret").to_string();
            assert!(error.contains("64 hexadecimal digits") && (wrong.is_empty() || !error.contains(wrong)), "{error}");
        }
    }
}
