//! What the kernel can do to the packets of containers, as far as it tells.

use super::Finding;
use std::{fs, io::Read, path::Path};

/// What faults need of a kernel: what it is for, the kernel's option, and the module that it may be.
const FEATURES: [(&str, &str, &str); 2] = [
    ("nftables (partition, loss)", "CONFIG_NF_TABLES", "nf_tables"),
    ("nftables' limit (bandwidth)", "CONFIG_NFT_LIMIT", "nft_limit"),
];

/// A line for each, of this machine's kernel.
pub(super) fn look() -> Vec<Finding> {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let release = release.trim();
    let config = config(release);
    let line = |(what, option, module): (&str, &str, &str)| {
        let what = format!("kernel: {what}");
        let mend = format!("modprobe {module}, or a kernel that has {option}; such faults are `unsupported` else");
        match has(config.as_deref(), option, module, release) {
            Some(true) => Finding::ok(what, format!("{release} has it")),
            Some(false) => Finding::lacks(what, format!("{release} does not have it"), mend),
            None => Finding::lacks(what, format!("{release} does not tell"), mend),
        }
    };
    FEATURES.map(line).into()
}

/// The options that the kernel was built with, where it or its package tells them.
fn config(release: &str) -> Option<String> {
    if let Ok(packed) = fs::read("/proc/config.gz") {
        let mut text = String::new();
        flate2::read::GzDecoder::new(packed.as_slice()).read_to_string(&mut text).ok()?;
        return Some(text);
    }
    fs::read_to_string(format!("/boot/config-{release}")).ok()
}

/// Whether it has a feature, built in or as a module that is there; `None` if it can't be known.
fn has(config: Option<&str>, option: &str, module: &str, release: &str) -> Option<bool> {
    let modules = format!("/lib/modules/{release}");
    let listed = |file: &str| {
        fs::read_to_string(format!("{modules}/{file}")).is_ok_and(|text| text.contains(&format!("/{module}.ko")))
    };
    if Path::new("/sys/module").join(module).exists() || listed("modules.builtin") || listed("modules.dep") {
        return Some(true);
    }
    let value = |line: &str| line.strip_prefix(option)?.strip_prefix('=').map(str::to_owned);
    match config.map(|config| config.lines().find_map(value)) {
        Some(Some(value)) => Some(value == "y"),
        Some(None) => Some(false),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_off_a_configuration() {
        let config = "CONFIG_NF_TABLES=y\n# CONFIG_A is not set\nCONFIG_A_B=y\nCONFIG_M=m\n";
        let has = |option| has(Some(config), option, "no_such_module", "0.0.0");
        assert_eq!(has("CONFIG_NF_TABLES"), Some(true));
        // A module of which there is no file; one that is named like the beginning of another; one that is not there.
        assert_eq!([has("CONFIG_M"), has("CONFIG_A"), has("CONFIG_Z")], [Some(false); 3]);
        assert_eq!(super::has(None, "CONFIG_M", "no_such_module", "0.0.0"), None);
    }
}
