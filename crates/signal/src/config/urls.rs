//! What the URLs of the settings mean. Which engine answers to a scheme is decided here and nowhere else.

use anyhow::bail;

/// What `stores.url` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Records {
    Embedded,
    Dynamodb { region: String, prefix: String },
}

/// What `objects.url` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredBytes {
    Embedded,
    S3 { bucket: String },
}

/// What `work.queue_url` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobDelivery {
    /// Workers ask the job store.
    Asking,
    Sqs {
        region: String,
        prefix: String,
    },
}

/// What `identity.url` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entrance {
    Embedded,
    /// Tokens of another issuer count beside our own.
    Oidc {
        issuer: String,
    },
    Cognito {
        region: String,
        pool: String,
    },
}

/// Splits at the first colon; the scheme must be one of `allowed`.
fn scheme<'a>(name: &str, url: &'a str, allowed: &[&str]) -> anyhow::Result<(&'a str, &'a str)> {
    let (scheme, rest) = url.split_once(':').unwrap_or((url, ""));
    if !allowed.contains(&scheme) {
        bail!("{name} = \"{url}\": unknown scheme; allowed: {}", allowed.join(", "));
    }
    Ok((scheme, rest))
}

/// Engines that a plain build leaves out.
fn built(name: &str, scheme: &str) -> anyhow::Result<()> {
    if cfg!(feature = "aws") {
        return Ok(());
    }
    bail!("{name}: this build has no {scheme} engine: build with --features aws")
}

/// `//region/prefix`.
fn region_and_prefix(name: &str, url: &str, rest: &str) -> anyhow::Result<(String, String)> {
    let parts = rest.strip_prefix("//").and_then(|r| r.split_once('/'));
    let Some((region, prefix)) = parts.filter(|(region, _)| is_word(region)) else {
        let scheme = url.split(':').next().unwrap_or_default();
        bail!(
            "{name} = \"{url}\": write {scheme}://region/prefix, for example {scheme}://eu-central-1/signal-"
        )
    };
    if prefix.is_empty() || !is_word(prefix) {
        bail!("{name} = \"{url}\": the prefix is letters, digits, - and _, for example signal-");
    }
    Ok((region.to_owned(), prefix.to_owned()))
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

impl Records {
    pub fn of(url: &str) -> anyhow::Result<Self> {
        const NAME: &str = "stores.url";
        match scheme(NAME, url, &["embedded", "dynamodb"])? {
            ("dynamodb", rest) => {
                built(NAME, "dynamodb")?;
                let (region, prefix) = region_and_prefix(NAME, url, rest)?;
                Ok(Self::Dynamodb { region, prefix })
            }
            _ => Ok(Self::Embedded),
        }
    }
}

impl StoredBytes {
    pub fn of(url: &str) -> anyhow::Result<Self> {
        const NAME: &str = "objects.url";
        match scheme(NAME, url, &["embedded", "s3"])? {
            ("s3", rest) => {
                built(NAME, "s3")?;
                let bucket = rest.strip_prefix("//").unwrap_or_default().trim_end_matches('/');
                let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.');
                if bucket.len() < 3 || !bucket.bytes().all(fits) {
                    bail!("{NAME} = \"{url}\": write s3://bucket, for example s3://signal-media");
                }
                Ok(Self::S3 { bucket: bucket.to_owned() })
            }
            _ => Ok(Self::Embedded),
        }
    }
}

impl JobDelivery {
    pub fn of(url: &str) -> anyhow::Result<Self> {
        const NAME: &str = "work.queue_url";
        match scheme(NAME, url, &["embedded", "sqs"])? {
            ("sqs", rest) => {
                built(NAME, "sqs")?;
                let (region, prefix) = region_and_prefix(NAME, url, rest)?;
                Ok(Self::Sqs { region, prefix })
            }
            _ => Ok(Self::Asking),
        }
    }
}

impl Entrance {
    pub fn of(url: &str) -> anyhow::Result<Self> {
        const NAME: &str = "identity.url";
        match scheme(NAME, url, &["embedded", "oidc", "cognito"])? {
            ("oidc", issuer) => {
                built(NAME, "oidc")?;
                if !issuer.starts_with("https://") && !issuer.starts_with("http://127.0.0.1") {
                    bail!("{NAME} = \"{url}\": write oidc:https://issuer, exactly as its tokens say `iss`");
                }
                Ok(Self::Oidc { issuer: issuer.to_owned() })
            }
            ("cognito", rest) => {
                built(NAME, "cognito")?;
                let (region, pool) = region_and_prefix(NAME, url, rest)?;
                Ok(Self::Cognito { region, pool })
            }
            _ => Ok(Self::Embedded),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_scheme_is_told_what_there_is() {
        let said = Records::of("mysql://x").expect_err("refused").to_string();
        assert_eq!(said, "stores.url = \"mysql://x\": unknown scheme; allowed: embedded, dynamodb");
    }

    #[cfg(not(feature = "aws"))]
    #[test]
    fn a_scheme_this_build_lacks_says_how_to_get_it() {
        let said = StoredBytes::of("s3://signal-media").expect_err("refused").to_string();
        assert_eq!(said, "objects.url: this build has no s3 engine: build with --features aws");
    }

    #[cfg(feature = "aws")]
    #[test]
    fn urls_give_region_prefix_and_bucket() {
        let records = Records::of("dynamodb://eu-central-1/signal-").expect("sound");
        assert_eq!(records, Records::Dynamodb { region: "eu-central-1".into(), prefix: "signal-".into() });
        let bytes = StoredBytes::of("s3://signal-media").expect("sound");
        assert_eq!(bytes, StoredBytes::S3 { bucket: "signal-media".into() });
        for bad in ["dynamodb://", "dynamodb://eu-central-1", "dynamodb://eu central/x", "dynamodb:eu/x"] {
            let said = Records::of(bad).expect_err(bad).to_string();
            assert!(said.starts_with("stores.url = "), "{said}");
        }
    }
}
