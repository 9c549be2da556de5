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

/// What `encoder.url` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encoding {
    /// The command on this machine.
    Ffmpeg,
    /// Pass B by the service; everything before the verdict stays with ffmpeg.
    MediaConvert {
        region: String,
        /// The role that the service takes on.
        role: String,
        /// Name or ARN; empty = the account's default.
        queue: String,
        economy: bool,
    },
}

/// What `moderation.classifier` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FrameJudge {
    /// A model on this machine, or people: see `wiring::classifier`.
    Here,
    Rekognition {
        region: String,
    },
}

/// What `moderation.second_look` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecondLooker {
    /// More frames, and the classifier that saw the first ones.
    Frames,
    Rekognition {
        region: String,
        /// Topic and role by which the end of a look is told.
        channel: Option<(String, String)>,
    },
}

impl FrameJudge {
    pub fn of(url: &str) -> anyhow::Result<Self> {
        const NAME: &str = "moderation.classifier";
        match scheme(NAME, url, &["none", "nsfwjs", "onnx", "rekognition"])? {
            ("rekognition", rest) => {
                built(NAME, "rekognition")?;
                match rest.strip_prefix("//").filter(|region| is_word(region)) {
                    Some(region) => Ok(Self::Rekognition { region: region.to_owned() }),
                    None => bail!("{NAME} = \"{url}\": write rekognition://region"),
                }
            }
            _ => Ok(Self::Here),
        }
    }
}

impl SecondLooker {
    pub fn of(url: &str) -> anyhow::Result<Self> {
        const NAME: &str = "moderation.second_look";
        match scheme(NAME, url, &["frames", "rekognition"])? {
            ("rekognition", rest) => {
                built(NAME, "rekognition")?;
                second_look(rest).ok_or_else(|| {
                    anyhow::anyhow!(
                        "{NAME} = \"{url}\": write rekognition://region, or \
                         rekognition://region?topic=arn:aws:sns:region:account:name&role=arn:aws:iam::account:role/name"
                    )
                })
            }
            _ => Ok(Self::Frames),
        }
    }
}

fn second_look(rest: &str) -> Option<SecondLooker> {
    let rest = rest.strip_prefix("//")?;
    let (region, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (mut topic, mut role) = (None, None);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=')? {
            ("topic", arn) if arn.starts_with("arn:") && arn.contains(":sns:") => {
                topic = Some(arn.to_owned());
            }
            ("role", arn) if arn.starts_with("arn:") && arn.contains(":role/") => role = Some(arn.to_owned()),
            _ => return None,
        }
    }
    let channel = match (topic, role) {
        (Some(topic), Some(role)) => Some((topic, role)),
        (None, None) => None,
        _ => return None,
    };
    is_word(region).then(|| SecondLooker::Rekognition { region: region.to_owned(), channel })
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

impl Encoding {
    pub fn of(url: &str) -> anyhow::Result<Self> {
        const NAME: &str = "encoder.url";
        match scheme(NAME, url, &["ffmpeg", "mediaconvert"])? {
            ("mediaconvert", rest) => {
                built(NAME, "mediaconvert")?;
                media_convert(rest).ok_or_else(|| {
                    anyhow::anyhow!(
                        "{NAME} = \"{url}\": write mediaconvert://region?role=arn:aws:iam::account:role/name, and \
                         if wanted &queue=name-or-arn and &effort=balanced or economy"
                    )
                })
            }
            _ => Ok(Self::Ffmpeg),
        }
    }
}

fn media_convert(rest: &str) -> Option<Encoding> {
    let (region, query) = rest.strip_prefix("//")?.split_once('?')?;
    let (mut role, mut queue, mut economy) = ("", "", false);
    for pair in query.split('&') {
        match pair.split_once('=')? {
            ("role", value) => role = value,
            ("queue", value) => queue = value,
            ("effort", "economy") => economy = true,
            ("effort", "balanced") => economy = false,
            _ => return None,
        }
    }
    // `arn:aws:iam::111122223333:role/name`, or of another partition.
    let is_role = role.starts_with("arn:") && role.contains(":iam::") && role.contains(":role/");
    (is_word(region) && is_role).then(|| Encoding::MediaConvert {
        region: region.to_owned(),
        role: role.to_owned(),
        queue: queue.to_owned(),
        economy,
    })
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

    #[cfg(feature = "aws")]
    #[test]
    fn rekognition_is_named_with_its_region_and_topic_and_role_come_together() {
        let classifier = FrameJudge::of("rekognition://eu-central-1").expect("sound");
        assert_eq!(classifier, FrameJudge::Rekognition { region: "eu-central-1".into() });
        assert_eq!(FrameJudge::of("onnx:/model.onnx").expect("sound"), FrameJudge::Here);
        const TOPIC: &str = "topic=arn:aws:sns:eu-central-1:111122223333:signal-looks";
        const ROLE: &str = "role=arn:aws:iam::111122223333:role/signal-looks";
        let of = |rest: &str| SecondLooker::of(&format!("rekognition://{rest}"));
        let whole = of(&format!("eu-central-1?{TOPIC}&{ROLE}")).expect("sound");
        assert!(matches!(whole, SecondLooker::Rekognition { channel: Some(_), .. }));
        let asks = of("eu-central-1").expect("sound");
        assert!(matches!(asks, SecondLooker::Rekognition { channel: None, .. }));
        for bad in ["", "?", &format!("eu?{TOPIC}"), &format!("eu?{ROLE}"), "eu?topic=x&role=y", "eu?z=1"] {
            let said = of(bad).expect_err(bad).to_string();
            assert!(said.starts_with("moderation.second_look = "), "{said}");
        }
        assert_eq!(SecondLooker::of("frames:").expect("sound"), SecondLooker::Frames);
        assert!(SecondLooker::of("tea:").is_err() && FrameJudge::of("rekognition:").is_err());
    }

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

    #[cfg(feature = "aws")]
    #[test]
    fn an_encoder_by_service_names_region_and_role() {
        const ROLE: &str = "arn:aws:iam::111122223333:role/signal-mediaconvert";
        let of = |rest: &str| Encoding::of(&format!("mediaconvert://{rest}"));
        let whole = of(&format!("eu-central-1?role={ROLE}&queue=signal&effort=economy")).expect("sound");
        let (region, role, queue) = ("eu-central-1".to_owned(), ROLE.to_owned(), "signal".to_owned());
        assert_eq!(whole, Encoding::MediaConvert { region, role, queue, economy: true });
        assert!(of(&format!("eu-central-1?role={ROLE}")).is_ok());
        for bad in [
            "",
            "eu-central-1",
            "eu-central-1?queue=x",
            "eu?role=x",
            "eu?role=arn:aws:iam::1:user/x",
            "?role=",
        ] {
            let said = of(bad).expect_err(bad).to_string();
            assert!(said.starts_with("encoder.url = "), "{said}");
        }
        assert_eq!(Encoding::of("ffmpeg:").expect("sound"), Encoding::Ffmpeg);
    }
}
