//! Keeps secrets out of the journal.

/// A command line with the secrets blotted out: hexadecimal keys, passwords and tokens given as values of flags that
/// are named so, and credentials inside URLs. Paths of secret files stay: they tell no secret.
pub fn redact(command: &[String]) -> Vec<String> {
    let mut after_secret_flag = false;
    command
        .iter()
        .map(|argument| {
            let named = secret_flag(argument);
            let value_at = match named {
                Some(end) if end < argument.len() => Some(end + 1),
                _ if after_secret_flag && argument.starts_with('-') => argument.find('=').map(|at| at + 1).or(Some(0)),
                _ => after_secret_flag.then_some(0),
            };
            after_secret_flag = named == Some(argument.len());
            match value_at.map(|at| argument.split_at(at)) {
                Some((flag, value)) if tells(value) => format!("{flag}{BLOT}"),
                _ => without_credentials(argument),
            }
        })
        .collect()
}

/// Where the first flag ends in an argument that names a secret. It may be the value of another flag, as in
/// `--arg=prysm.beacon=--x-token=...`.
fn secret_flag(argument: &str) -> Option<usize> {
    let mut from = 0;
    for part in argument.split('=') {
        let end = from + part.len();
        if part.starts_with('-') && names_a_secret(part) {
            return Some(end);
        }
        from = end + 1;
    }
    None
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
            "--arg=prysm.beacon=--x-token=ab==",
            "--arg=prysm.beacon=--password",
            "--arg=prysm.beacon=hunter2",
            "--arg",
            "prysm.beacon=--password=hunter2",
            "--arg=a.b=--url=http://user:pass@127.0.0.1/",
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
            "--arg=prysm.beacon=--x-token=<redacted>",
            "--arg=prysm.beacon=--password",
            "--arg=<redacted>",
            "--arg",
            "prysm.beacon=--password=<redacted>",
            "--arg=a.b=--url=http://<redacted>@127.0.0.1/",
        ]
        .map(str::to_owned);
        assert_eq!(redact(&given), want);
    }
}
