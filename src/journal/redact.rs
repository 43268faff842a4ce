//! Keeps secrets out of the journal.

/// A command line with the secrets blotted out: hexadecimal keys, passwords and tokens given as values of flags that
/// are named so, and credentials inside URLs. Paths of secret files stay: they tell no secret.
pub fn redact(command: &[String]) -> Vec<String> {
    let mut after_secret_flag = false;
    command
        .iter()
        .map(|argument| {
            let (flag, value) = match argument.split_once('=') {
                Some((flag, value)) if flag.starts_with('-') => (Some(flag), value),
                _ => (None, argument.as_str()),
            };
            let secret = after_secret_flag || flag.is_some_and(names_a_secret);
            after_secret_flag = flag.is_none() && argument.starts_with('-') && names_a_secret(argument);
            let value = if secret && tells(value) { BLOT.to_owned() } else { without_credentials(value) };
            flag.map_or_else(|| value.clone(), |flag| format!("{flag}={value}"))
        })
        .collect()
}

const BLOT: &str = "<redacted>";

fn names_a_secret(flag: &str) -> bool {
    let flag = flag.to_ascii_lowercase();
    ["secret", "password", "passphrase", "token", "private", "mnemonic", "jwt", "key"].iter().any(|w| flag.contains(w))
}

/// Whether a value may be the secret itself: neither a path, as far as it looks like one, nor another flag nor a number such as a key count.
fn tells(value: &str) -> bool {
    let path = ["/", "./", "../", "~"].iter().any(|start| value.starts_with(start));
    !value.is_empty() && !path && !value.starts_with('-') && value.parse::<u32>().is_err()
}

fn without_credentials(value: &str) -> String {
    let Some((scheme, rest)) = value.split_once("://") else { return value.to_owned() };
    let host_end = rest.find('/').unwrap_or(rest.len());
    match rest[..host_end].rfind('@') {
        Some(at) => format!("{scheme}://{BLOT}{}", &rest[at..]),
        None => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go_and_the_rest_stays() {
        let hex = "0x1111111111111111111111111111111111111111111111111111111111111111";
        let given = [
            "node",
            &format!("--node-key={hex}"),
            "--jwt-secret=/run/jwt.hex",
            "--password",
            "hun.ter/2",
            "--peer=/ip4/127.0.0.1/tcp/1",
            &format!("--genesis-root={hex}"),
            "--engine=http://user:pass@127.0.0.1:8551/x@y",
            "--keys=16",
        ]
        .map(str::to_owned);
        let want = [
            "node",
            "--node-key=<redacted>",
            "--jwt-secret=/run/jwt.hex",
            "--password",
            "<redacted>",
            "--peer=/ip4/127.0.0.1/tcp/1",
            &format!("--genesis-root={hex}"),
            "--engine=http://<redacted>@127.0.0.1:8551/x@y",
            "--keys=16",
        ]
        .map(str::to_owned);
        assert_eq!(redact(&given), want);
    }
}
