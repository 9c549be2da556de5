//! What a client asks for when it starts an upload, and whether that makes sense.

use crate::plan::{PartPlan, PlanError, plan};
use crate::policy::UploadPolicy;
use catalog::metadata::{check_words, clean, clean_transform};
use catalog::policy::MetadataPolicy;
use catalog::{FieldError, InvalidFields, Metadata, Transform};
use serde::Serialize;
use sha2::{Digest, Sha256};
use vocab::Bytes;

/// What a client asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct StartUpload {
    pub filename: String,
    pub size_bytes: Bytes,
    pub content_type: Option<String>,
    /// SHA-256 of the whole file, hex.
    pub sha256: Option<String>,
    pub meta: Metadata,
    pub transform: Transform,
}

impl StartUpload {
    /// What two requests must share to be the same one.
    pub fn digest(&self) -> String {
        let json = serde_json::to_vec(self).unwrap_or_default();
        hex::encode(Sha256::digest(json))
    }
}

/// A request that makes sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intake {
    pub filename: String,
    pub content_type: String,
    pub sha256: Option<String>,
    pub plan: PartPlan,
    pub meta: Metadata,
    pub transform: Transform,
}

/// Checks everything and names every field at once.
pub fn intake(
    ask: &StartUpload,
    policy: &UploadPolicy,
    catalog: &MetadataPolicy,
) -> Result<Intake, Vec<FieldError>> {
    let mut errors = Vec::new();
    let filename = filename(&ask.filename, policy).map_err(|e| errors.push(e)).ok();
    let plan = plan(ask.size_bytes, policy).map_err(|e| errors.push(size_error(e))).ok();
    let sha256 = match ask.sha256.as_deref() {
        None => None,
        Some(text) => sha256_hex(text).or_else(|| {
            errors.push(FieldError::new("sha256", "malformed", "sha256 is 64 hexadecimal digits"));
            None
        }),
    };
    let content_type = ask.content_type.as_deref().unwrap_or(OCTETS);
    if !is_media_type(content_type) {
        errors.push(FieldError::new(
            "content_type",
            "malformed",
            "content_type is a media type such as video/mp4",
        ));
    }
    let meta = clean(ask.meta.clone(), catalog)
        .and_then(|meta| check_words(&meta, &Metadata::default(), catalog).map(|()| meta))
        .map_err(|e| note(&mut errors, e))
        .ok();
    // The length is not known yet; the audit says the rest.
    let transform = clean_transform(&ask.transform, None, catalog).map_err(|e| note(&mut errors, e)).ok();
    match (filename, plan, meta, transform) {
        (Some(filename), Some(plan), Some(meta), Some(transform)) if errors.is_empty() => {
            let content_type = content_type.to_owned();
            Ok(Intake { filename, content_type, sha256, plan, meta, transform })
        }
        _ => Err(errors),
    }
}

fn note(errors: &mut Vec<FieldError>, found: InvalidFields) {
    errors.extend(found.0);
}

const OCTETS: &str = "application/octet-stream";

fn filename(name: &str, policy: &UploadPolicy) -> Result<String, FieldError> {
    let name = name.trim();
    let bad = |code, message: String| Err(FieldError::new("filename", code, message));
    if name.is_empty() {
        return bad("required", "the file needs a name".into());
    }
    if name.chars().count() > policy.filename_chars_max || name.chars().any(char::is_control) {
        return bad(
            "malformed",
            format!("a name has at most {} plain characters", policy.filename_chars_max),
        );
    }
    if !policy.accepts(name) {
        return bad("unsupported", format!("the name must end in one of: {}", policy.extensions.join(", ")));
    }
    Ok(name.to_owned())
}

fn size_error(e: PlanError) -> FieldError {
    match e {
        PlanError::Empty => FieldError::new("size_bytes", "empty", "the file has no bytes"),
        PlanError::TooLarge { max } => {
            FieldError::new("size_bytes", "too_large", format!("a file has at most {} bytes", max.0))
        }
    }
}

/// 64 hex digits in lowercase.
pub fn sha256_hex(text: &str) -> Option<String> {
    (text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit())).then(|| text.to_ascii_lowercase())
}

fn is_media_type(text: &str) -> bool {
    let token =
        |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b));
    let essence = text.split(';').next().unwrap_or_default().trim();
    let plain = text.len() <= 127 && text.bytes().all(|b| (0x20..0x7f).contains(&b));
    plain && essence.split_once('/').is_some_and(|(t, s)| token(t) && token(s))
}

#[cfg(test)]
mod tests {
    use super::*;
    use vocab::Millis;

    fn ask() -> StartUpload {
        StartUpload { filename: "IMG_1.MOV".into(), size_bytes: Bytes(7_000_000), ..StartUpload::default() }
    }

    fn taken(ask: &StartUpload) -> Result<Intake, Vec<FieldError>> {
        intake(ask, &UploadPolicy::default(), &MetadataPolicy::default())
    }

    fn codes(ask: &StartUpload) -> Vec<(String, &'static str)> {
        match taken(ask) {
            Ok(_) => vec![],
            Err(errors) => errors.into_iter().map(|e| (e.field, e.code)).collect(),
        }
    }

    #[test]
    fn every_wrong_field_is_named_at_once() {
        let wrong = StartUpload {
            filename: "notes.txt".into(),
            size_bytes: Bytes(0),
            content_type: Some("video".into()),
            sha256: Some("abc".into()),
            meta: Metadata { title: "x".repeat(101), ..Metadata::default() },
            transform: Transform { trim_start_ms: Some(Millis(-1)), ..Transform::default() },
        };
        assert_eq!(
            codes(&wrong).iter().map(|(f, c)| (f.as_str(), *c)).collect::<Vec<_>>(),
            [
                ("filename", "unsupported"),
                ("size_bytes", "empty"),
                ("sha256", "malformed"),
                ("content_type", "malformed"),
                ("title", "too_long"),
                ("transform.trim_start_ms", "negative"),
            ]
        );
    }

    #[test]
    fn words_of_the_operators_list_are_refused() {
        let blocked_words = catalog::BlockedWords::new(["foul"]);
        let policy = MetadataPolicy { blocked_words, ..MetadataPolicy::default() };
        let meta = Metadata { hashtags: vec!["sun".into(), "Foul".into()], ..Metadata::default() };
        let refused = intake(&StartUpload { meta, ..ask() }, &UploadPolicy::default(), &policy);
        let Err(errors) = refused else { panic!("refused") };
        assert_eq!((errors[0].field.as_str(), errors[0].code), ("hashtags[1]", "blocked_words"));
    }

    #[test]
    fn a_phones_file_is_taken() {
        let taken = taken(&ask()).expect("taken");
        assert_eq!((taken.filename.as_str(), taken.plan.part_count), ("IMG_1.MOV", 2));
    }

    #[test]
    fn names_are_names_and_not_paths_to_trust() {
        for name in ["", "  ", "a\0.mp4", "a\n.mp4", "a.exe", &"x".repeat(300)] {
            assert_eq!(codes(&StartUpload { filename: name.into(), ..ask() }).len(), 1, "{name:?}");
        }
        // A path is only a label here: the object's key is chosen by us.
        assert!(taken(&StartUpload { filename: "../../etc/x.mp4".into(), ..ask() }).is_ok());
    }

    #[test]
    fn the_same_meaning_has_the_same_digest() {
        assert_eq!(ask().digest(), ask().digest());
        assert_ne!(ask().digest(), StartUpload { size_bytes: Bytes(1), ..ask() }.digest());
    }
}
