//! The look at the bucket before the start: one sentence that names the setting.

use crate::s3::{PAGE, Weather, aws, settings};
use aws::AwsSettings;
use aws::objects::{S3Objects, S3Settings};
use std::path::PathBuf;
use testkit::Trial;

type Found = Result<(), String>;

fn refused(status: u16, code: &'static str) -> Found {
    let objects = S3Objects::new(
        &aws(Weather::Says(status, code), |_| {}),
        settings("check/", PathBuf::from("/nonexistent")),
    );
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(objects.check())
}

fn checked(wire: impl FnOnce(&mut AwsSettings), bucket: impl FnOnce(&mut S3Settings)) -> Found {
    let mut settings = settings("check/", PathBuf::from("/nonexistent"));
    bucket(&mut settings);
    let objects = S3Objects::new(&aws(Weather::Calm, wire), settings);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(objects.check())
}

fn says(found: Found, words: &[&str]) -> Found {
    let said = found.expect_err("is found out");
    assert!(!said.contains('\n') && words.iter().all(|w| said.contains(w)), "{said}");
    Ok(())
}

pub fn trials() -> Vec<Trial> {
    let test = |name: &str, run: fn() -> Found| Trial::test(format!("s3_check::{name}"), move || Ok(run()?));
    vec![
        test("a_good_bucket_is_good", || {
            assert_eq!(checked(|_| {}, |_| {}), Ok(()));
            Ok(())
        }),
        test("a_missing_bucket_is_named", || {
            says(checked(|_| {}, |s| s.bucket = "other".into()), &["objects.url", "other", "does not exist"])
        }),
        test("a_wrong_region_is_told_the_right_one", || {
            says(
                checked(|a| a.region = "eu-central-1".into(), |_| {}),
                &["objects.region", "eu-central-1", "us-east-1"],
            )
        }),
        test("an_unknown_key_is_told_from_a_wrong_secret", || {
            let unknown = |a: &mut AwsSettings| a.credentials = Some(("nobody".into(), "x".into()));
            says(checked(unknown, |_| {}), &["AWS_ACCESS_KEY_ID"])?;
            let wrong = |a: &mut AwsSettings| {
                if let Some((_, secret)) = &mut a.credentials {
                    *secret = "wrong".into();
                }
            };
            says(checked(wrong, |_| {}), &["AWS_SECRET_ACCESS_KEY"])
        }),
        test("pages_that_may_not_send_are_named", || {
            let origins = |s: &mut S3Settings| s.origins = vec![PAGE.into(), "http://other.example".into()];
            says(checked(|_| {}, origins), &["CORS", "http://other.example", "PUT"])
        }),
        test("expired_credentials_a_wrong_clock_and_a_missing_right_are_told_apart", || {
            says(refused(400, "ExpiredToken"), &["expired", "AWS_SESSION_TOKEN"])?;
            says(refused(403, "RequestTimeTooSkewed"), &["clock", "NTP"])?;
            says(refused(403, "AccessDenied"), &["may not use the bucket", "grant"])?;
            says(refused(301, "PermanentRedirect"), &["objects.region"])
        }),
        test("silence_names_the_endpoint", || {
            let nobody = |a: &mut AwsSettings| a.endpoint = Some("http://127.0.0.1:9".into());
            says(checked(nobody, |_| {}), &["objects.endpoint"])
        }),
    ]
}
