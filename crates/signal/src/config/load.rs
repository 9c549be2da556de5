//! Settings = defaults < `config/*.toml` < `SIGNAL_…`; unknown keys are errors with a suggestion.

use super::model::Config;
use super::urls::{Encoding, JobDelivery, Records, SecondLooker, StoredBytes};
use anyhow::{Context, bail};
use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use figment::value::{Dict, Value};
use std::path::{Path, PathBuf};

/// Variables with our prefix that are no settings of the product.
const NOT_SETTINGS: &[&str] = &["shared", "test_require", "test_crash", "config", "bin"];

/// Fewer characters could be guessed.
const SECRET_LEN_MIN: usize = 32;

/// Loads the settings: `file` when given (it must exist), else `config/laptop.toml` below the current
/// directory when there, then the environment (`SIGNAL_SERVER__PORT=9090`).
pub fn load(file: Option<&Path>) -> anyhow::Result<Config> {
    let mut figment = Figment::from(Serialized::defaults(Config::default()));
    let chosen = match file {
        Some(path) if path.is_file() => Some(path.to_owned()),
        Some(path) => bail!("cannot read the configuration {}: there is no such file", path.display()),
        None => Some(PathBuf::from("config/laptop.toml")).filter(|p| p.is_file()),
    };
    if let Some(path) = &chosen {
        figment = figment.merge(Toml::file(path));
    }
    // Names come as the environment spells them: this `==` ignores their case.
    let is_setting = |k: &figment::value::UncasedStr| !NOT_SETTINGS.iter().any(|name| k == *name);
    figment = figment.merge(Env::prefixed("SIGNAL_").filter(is_setting).split("__"));
    refuse_unknown(&figment)?;
    let config: Config = figment.extract().map_err(|e| anyhow::anyhow!("bad configuration: {e}"))?;
    check(&config)?;
    Ok(config)
}

fn refuse_unknown(figment: &Figment) -> anyhow::Result<()> {
    let known = Value::serialize(Config::default()).context("the defaults are a table")?;
    let given: Value = figment.find_value("").context("the configuration is a table")?;
    let (Some(known), Some(given)) = (known.as_dict(), given.as_dict()) else { return Ok(()) };
    walk("", known, given)
}

fn walk(path: &str, known: &Dict, given: &Dict) -> anyhow::Result<()> {
    for (key, value) in given {
        let here = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        match (known.get(key), value.as_dict()) {
            (None, _) => bail!("{}", unknown(path, key, &here, known)),
            (Some(known), Some(inner)) => {
                if let Some(known) = known.as_dict() {
                    walk(&here, known, inner)?;
                }
            }
            (Some(_), None) => {}
        }
    }
    Ok(())
}

fn unknown(path: &str, key: &str, here: &str, known: &Dict) -> String {
    let best = known
        .keys()
        .map(|k| (strsim::jaro_winkler(k, key), k))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(score, _)| *score > 0.75);
    let prefix = if path.is_empty() { String::new() } else { format!("{path}.") };
    match best {
        Some((_, near)) => format!("unknown setting {here}: did you mean {prefix}{near}?"),
        None => {
            let all: Vec<_> = known.keys().map(String::as_str).collect();
            format!("unknown setting {here}: there are {}", all.join(", "))
        }
    }
}

fn check(config: &Config) -> anyhow::Result<()> {
    let (records, bytes) = (config.records()?, config.bytes()?);
    if config.delivery_of_jobs()? != JobDelivery::Asking && records == Records::Embedded {
        bail!(
            "work.queue_url = \"{}\": a queue is for several processes, and stores.url = \"embedded:\" is for one",
            config.work.queue_url
        );
    }
    config.entrance()?;
    check_encoding(config, &records, &bytes)?;
    check_moderation(config, &records, &bytes)?;
    check_secret(config, &records)?;
    if !matches!(config.log.format.as_str(), "auto" | "pretty" | "json") {
        bail!("log.format = \"{}\": allowed are auto, pretty and json", config.log.format);
    }
    let has_door = bytes == StoredBytes::Embedded;
    if has_door && config.server.port == config.objects.port && config.server.port != 0 {
        bail!("server.port and objects.port are both {}: choose two", config.server.port);
    }
    Ok(())
}

fn check_moderation(config: &Config, records: &Records, bytes: &StoredBytes) -> anyhow::Result<()> {
    let set = &config.moderation;
    config.frame_judge()?;
    let by_service = config.second_looker()? != SecondLooker::Frames;
    if by_service && (*records == Records::Embedded || *bytes == StoredBytes::Embedded) {
        bail!(
            "moderation.second_look = \"{}\": Rekognition needs stores.url = \"dynamodb://…\" and objects.url = \"s3://…\"",
            set.second_look
        );
    }
    if !matches!(set.unjudged.as_str(), "allow" | "review") {
        bail!("moderation.unjudged = \"{}\": allowed are allow and review", set.unjudged);
    }
    if !(1..=100).contains(&set.reject_at) {
        bail!("moderation.reject_at = {}: allowed are 1 to 100", set.reject_at);
    }
    if set.reject_frames_min == 0 {
        bail!("moderation.reject_frames_min = 0: allowed are 1 and more");
    }
    if set.reject_share_percent > 100 {
        bail!("moderation.reject_share_percent = {}: allowed are 0 to 100", set.reject_share_percent);
    }
    if !matches!(set.lookalikes.as_str(), "review" | "reject" | "off") {
        bail!("moderation.lookalikes = \"{}\": allowed are review, reject and off", set.lookalikes);
    }
    Ok(())
}

/// The service reads and writes S3, and which job is whose stands in DynamoDB.
fn check_encoding(config: &Config, records: &Records, bytes: &StoredBytes) -> anyhow::Result<()> {
    let by_service = config.encoding()? != Encoding::Ffmpeg;
    let set = &config.encoder;
    let rungs = transcode::LadderProfile::default().rungs;
    if set.first_wave_max != 0 && !rungs.iter().any(|r| r.name.0 == set.first_wave_max) {
        let all: Vec<String> = rungs.iter().map(|r| r.name.0.to_string()).collect();
        bail!("encoder.first_wave_max = {}: allowed are 0, {}", set.first_wave_max, all.join(", "));
    }
    if set.service_jobs == 0 {
        bail!("encoder.service_jobs = 0: with none no video would be encoded; allowed are 1 and more");
    }
    if by_service && set.lazy_top_after_views != 0 {
        bail!(
            "encoder.lazy_top_after_views = {}: MediaConvert makes all rungs in one job. Set it to 0, or \
             encoder.url = \"ffmpeg:\"",
            set.lazy_top_after_views
        );
    }
    if by_service && (*records == Records::Embedded || *bytes == StoredBytes::Embedded) {
        bail!(
            "encoder.url = \"{}\": MediaConvert needs stores.url = \"dynamodb://…\" and objects.url = \"s3://…\"",
            config.encoder.url
        );
    }
    Ok(())
}

/// Processes that share records must agree on what they sign cursors and tickets with.
fn check_secret(config: &Config, records: &Records) -> anyhow::Result<()> {
    let length = config.server.secret.len();
    if length == 0 && *records == Records::Embedded || length >= SECRET_LEN_MIN {
        return Ok(());
    }
    if length == 0 {
        bail!(
            "server.secret is empty: all API processes over stores.url = \"{}\" need the same one; set \
             SIGNAL_SERVER__SECRET to {SECRET_LEN_MIN} random characters or more",
            config.stores.url
        );
    }
    bail!("server.secret has {length} characters: give it {SECRET_LEN_MIN} random ones or more")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load_text(text: &str) -> anyhow::Result<Config> {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("c.toml");
        std::fs::write(&path, text).expect("written");
        load(Some(&path))
    }

    #[test]
    fn the_defaults_bind_loopback_only() {
        let c = load_text("").expect("loads");
        assert_eq!((c.server.host.as_str(), c.server.port, c.objects.port), ("127.0.0.1", 8080, 8081));
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest_known_one() {
        let e = load_text("[server]\nprot = 9\n").expect_err("refused").to_string();
        assert!(e.contains("server.prot") && e.contains("server.port"), "{e}");
    }

    #[test]
    #[cfg(not(feature = "aws"))]
    fn an_engine_that_is_not_built_in_is_named() {
        let e = load_text("[stores]\nurl = \"dynamodb://eu/x-\"\n").expect_err("refused").to_string();
        assert!(e.contains("no dynamodb engine: build with --features aws"), "{e}");
    }

    #[test]
    #[cfg(feature = "aws")]
    fn shared_records_want_a_shared_secret() {
        let shared = "[stores]\nurl = \"dynamodb://eu-central-1/x-\"\n";
        let e = load_text(shared).expect_err("refused").to_string();
        assert!(e.contains("SIGNAL_SERVER__SECRET"), "{e}");
        let e =
            load_text(&format!("{shared}[server]\nsecret = \"short\"\n")).expect_err("refused").to_string();
        assert!(e.contains("5 characters"), "{e}");
        load_text(&format!("{shared}[server]\nsecret = \"{}\"\n", "r".repeat(32))).expect("loads");
    }

    #[test]
    #[cfg(feature = "aws")]
    fn an_encoder_outside_wants_its_records_and_objects_outside() {
        let url = "mediaconvert://eu-central-1?role=arn:aws:iam::111122223333:role/signal-mediaconvert";
        let e = load_text(&format!("[encoder]\nurl = \"{url}\"\n")).expect_err("refused").to_string();
        assert!(e.contains("stores.url = \"dynamodb://") && e.contains("objects.url = \"s3://"), "{e}");
        let lazy = format!("[encoder]\nurl = \"{url}\"\nlazy_top_after_views = 50\n");
        let e = load_text(&lazy).expect_err("refused").to_string();
        assert!(e.starts_with("encoder.lazy_top_after_views = 50: MediaConvert makes all rungs"), "{e}");
        let e = load_text("[encoder]\nurl = \"vhs:\"\n").expect_err("refused").to_string();
        assert!(e.contains("unknown scheme; allowed: ffmpeg, mediaconvert"), "{e}");
    }

    #[test]
    fn a_wrong_type_is_refused_with_its_key() {
        let e = load_text("[server]\nport = \"many\"\n").expect_err("refused").to_string();
        assert!(e.contains("port"), "{e}");
    }

    #[test]
    fn the_shipped_laptop_file_loads_and_equals_the_defaults() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/laptop.toml");
        let shipped = toml::to_string(&load(Some(&file)).expect("loads")).expect("text");
        assert_eq!(shipped, toml::to_string(&Config::default()).expect("text"));
    }

    /// The keys under the headings of a file, those in comments too.
    fn keys_said(text: &str) -> Vec<String> {
        let (mut section, mut keys) = (String::new(), Vec::new());
        for line in text.lines().map(|l| l.trim_start_matches(['#', ' '])) {
            if let Some(name) = line.strip_prefix('[').and_then(|l| l.split(']').next()) {
                section = name.to_owned();
            } else if let Some((key, _)) = line.split_once(" = ") {
                keys.push(format!("{section}.{key}"));
            }
        }
        keys
    }

    #[test]
    fn the_shipped_laptop_file_shows_every_key() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/laptop.toml");
        let said = keys_said(&std::fs::read_to_string(file).expect("there"));
        let all = toml::Table::try_from(Config::default()).expect("a table");
        for (section, keys) in &all {
            for key in keys.as_table().expect("a section").keys() {
                let key = format!("{section}.{key}");
                assert!(said.contains(&key), "config/laptop.toml does not say {key}");
            }
        }
    }

    #[test]
    fn the_shipped_files_for_aws_say_nothing_that_is_no_setting() {
        let all = toml::Table::try_from(Config::default()).expect("a table");
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config");
        for file in ["aws.toml", "local-aws.toml"] {
            let set: toml::Table =
                std::fs::read_to_string(dir.join(file)).expect("there").parse().expect("TOML");
            for (section, keys) in &set {
                let known = all.get(section).and_then(|s| s.as_table()).expect("a section");
                for key in keys.as_table().expect("a section").keys() {
                    assert!(known.contains_key(key), "{file}: {section}.{key}");
                }
            }
        }
    }

    #[test]
    fn a_wave_a_limit_or_a_number_that_cannot_be_is_refused_in_one_sentence() {
        for (text, said) in [
            (
                "[encoder]\nfirst_wave_max = 300",
                "encoder.first_wave_max = 300: allowed are 0, 240, 360, 540, 720",
            ),
            (
                "[encoder]\nservice_jobs = 0",
                "encoder.service_jobs = 0: with none no video would be encoded; allowed are 1 and more",
            ),
            ("[moderation]\nreject_at = 0", "moderation.reject_at = 0: allowed are 1 to 100"),
            ("[moderation]\nreject_at = 101", "moderation.reject_at = 101: allowed are 1 to 100"),
            (
                "[moderation]\nreject_frames_min = 0",
                "moderation.reject_frames_min = 0: allowed are 1 and more",
            ),
            (
                "[moderation]\nreject_share_percent = 101",
                "moderation.reject_share_percent = 101: allowed are 0 to 100",
            ),
        ] {
            assert_eq!(load_text(text).expect_err(text).to_string(), said);
        }
        for (text, key) in [
            ("[encoder]\nlazy_top_after_views = \"many\"", "encoder.lazy_top_after_views"),
            ("[encoder]\nlazy_top_after_views = -1", "encoder.lazy_top_after_views"),
            ("[encoder]\nper_title = \"sometimes\"", "encoder.per_title"),
            ("[moderation]\nmachine_may_reject = \"yes\"", "moderation.machine_may_reject"),
        ] {
            let said = load_text(text).expect_err(text).to_string();
            assert!(said.starts_with("bad configuration: ") && said.contains(key), "{said}");
        }
    }

    #[test]
    #[cfg(feature = "aws")]
    fn the_shipped_files_for_aws_load() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config");
        load(Some(&dir.join("local-aws.toml"))).expect("loads");
        let text = std::fs::read_to_string(dir.join("aws.toml")).expect("there");
        let e = load_text(&text).expect_err("no secret stands in a file").to_string();
        assert!(e.contains("SIGNAL_SERVER__SECRET"), "{e}");
        let secret = "secret = \"01234567890123456789012345678901\"";
        load_text(&text.replace("secret = \"\"", secret)).expect("loads");
    }
}
