//! Whether the bucket is fit for use, found out at the start: one sentence that names the setting and the fix.

use super::S3Objects;
use super::error::{code, status};
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::primitives::ByteStream;
use stdx::{Clock, SystemClock};
use vocab::Millis;

/// Nobody has an upload of this name, so nothing is written.
const NO_UPLOAD: &str = "no-upload-has-this-name";
/// No key of ours looks like this.
const NOTHING: &str = "raw/00/check/nothing";

fn header<'a>(answer: Option<&'a HttpResponse>, name: &str) -> Option<&'a str> {
    answer.and_then(|a| a.headers().get(name))
}

impl S3Objects {
    /// Bucket, region, credentials, rights, clock, CORS. Writes nothing.
    pub async fn check(&self) -> Result<(), String> {
        self.check_bucket().await?;
        self.check_rights().await?;
        let origins = self.settings.origins.clone();
        for origin in &origins {
            self.check_origin(origin).await?;
        }
        Ok(())
    }

    fn region(&self) -> String {
        self.client.config().region().map(ToString::to_string).unwrap_or_default()
    }

    async fn check_bucket(&self) -> Result<(), String> {
        let bucket = &self.settings.bucket;
        let answer = self.client.head_bucket().bucket(bucket).send().await;
        let (there, ours) = match &answer {
            Ok(found) => (found.bucket_region().map(str::to_owned), self.region()),
            Err(e) => (header(e.raw_response(), "x-amz-bucket-region").map(str::to_owned), self.region()),
        };
        if let Some(there) = there.filter(|r| *r != ours) {
            return Err(format!(
                "objects.region is {ours}, but the bucket {bucket} is in {there}: set objects.region = \"{there}\""
            ));
        }
        let Err(e) = answer else { return Ok(()) };
        match status(&e) {
            Some(404) => Err(format!(
                "objects.url names the bucket {bucket}, which does not exist: create it or name another"
            )),
            // The answer to `HEAD` has no body to say why: a `GET` of nothing has.
            _ => Err(match self.get_nothing().await {
                Err(why) if status(&why) == status(&e) => self.sentence("looking at the bucket", &why),
                _ => self.sentence("looking at the bucket", &e),
            }),
        }
    }

    async fn get_nothing(&self) -> Result<(), SdkError<GetObjectError, HttpResponse>> {
        let name = self.named(NOTHING);
        self.client.get_object().bucket(&self.settings.bucket).key(name).send().await.map(drop)
    }

    /// A missing object must be told from a forbidden one, and multipart uploads must be ours to make.
    async fn check_rights(&self) -> Result<(), String> {
        let bucket = &self.settings.bucket;
        match self.get_nothing().await {
            // S3 bears a quarter of an hour; URLs would end early or late long before.
            Err(e) if code(&e) == "NoSuchKey" => self.skew(&e).map_or(Ok(()), Err)?,
            Err(e) if code(&e) == "AccessDenied" => {
                return Err(format!(
                    "the role may not list the bucket {bucket}, so a missing object looks forbidden: grant \
                     s3:ListBucket and s3:GetObject ({})",
                    self.sentence("reading", &e)
                ));
            }
            Err(e) => return Err(self.sentence("reading", &e)),
            Ok(()) => {}
        }
        let name = self.named(NOTHING);
        let parts = self.client.list_parts().bucket(bucket).key(name).upload_id(NO_UPLOAD).send().await;
        match parts {
            Err(e) if code(&e) != "NoSuchUpload" => Err(self.sentence("listing the parts of an upload", &e)),
            _ => Ok(()),
        }
    }

    /// A part of no upload, sent as a page of this origin would: the answer must be readable to the page.
    async fn check_origin(&self, origin: &str) -> Result<(), String> {
        let name = self.named(NOTHING);
        let from = origin.to_owned();
        let put = self.signer.upload_part().bucket(&self.settings.bucket).key(name).upload_id(NO_UPLOAD);
        let sent = put
            .part_number(1)
            .body(ByteStream::from_static(b"?"))
            .customize()
            .mutate_request(move |r| {
                r.headers_mut().insert("origin", from.clone());
            })
            .send()
            .await;
        let Err(e) = sent else {
            return Err("the store took a part of an upload that does not exist".into());
        };
        if code(&e) != "NoSuchUpload" {
            return Err(self.sentence("writing a part", &e));
        }
        let allowed = header(e.raw_response(), "access-control-allow-origin").unwrap_or_default();
        if allowed != "*" && allowed != origin {
            return Err(format!(
                "the CORS rules of the bucket {} do not let pages of {origin} send parts: allow PUT from this \
                 origin (server.public_url, server.allowed_origins)",
                self.settings.bucket
            ));
        }
        let exposed = header(e.raw_response(), "access-control-expose-headers").unwrap_or_default();
        if !exposed.split(',').any(|h| matches!(h.trim(), "*") || h.trim().eq_ignore_ascii_case("etag")) {
            return Err(format!(
                "the CORS rules of the bucket {} hide the ETag from pages: add it to ExposeHeaders",
                self.settings.bucket
            ));
        }
        Ok(())
    }

    /// Why a call failed, by the setting that mends it.
    fn sentence<E>(&self, what: &str, e: &SdkError<E, HttpResponse>) -> String
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        if let Some(said) = self.skew(e) {
            return said;
        }
        if e.raw_response().is_none()
            && let Some(said) = crate::checks::of_chain(&DisplayErrorContext(e).to_string())
        {
            return said;
        }
        let bucket = &self.settings.bucket;
        match code(e) {
            "InvalidAccessKeyId" => "the access key of the credentials is unknown to the store: set \
                                     AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the role"
                .into(),
            "SignatureDoesNotMatch" => {
                "the secret of the credentials is not the one of the access key, or objects.region is wrong: set \
                 AWS_SECRET_ACCESS_KEY"
                    .into()
            }
            "ExpiredToken" | "TokenRefreshRequired" => {
                "the credentials have expired: renew AWS_SESSION_TOKEN, or use a role".into()
            }
            "PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException" => {
                format!("the bucket {bucket} is not in {}: set objects.region", self.region())
            }
            "NoSuchBucket" => {
                format!("objects.url names the bucket {bucket}, which does not exist: create it or name another")
            }
            _ => match (e, status(e)) {
                (SdkError::DispatchFailure(_) | SdkError::TimeoutError(_), _) => format!(
                    "the store does not answer {what}: check objects.endpoint, objects.public_url and the network ({})",
                    DisplayErrorContext(e)
                ),
                (SdkError::ConstructionFailure(_), _) => {
                    format!("there are no credentials, or no region: set AWS_ACCESS_KEY_ID or a role ({})",
                        DisplayErrorContext(e))
                }
                (_, Some(403)) => format!(
                    "the credentials may not use the bucket {bucket} ({what} is refused): grant the actions of \
                     `signal contract`"
                ),
                _ => format!("{what} of the bucket {bucket} failed: {}", DisplayErrorContext(e)),
            },
        }
    }

    /// A wrong clock makes every signature wrong, in other words each time: the answer's date tells.
    fn skew<E: ProvideErrorMetadata>(&self, e: &SdkError<E, HttpResponse>) -> Option<String> {
        let date = header(e.raw_response(), "date")?;
        let format = aws_smithy_types::date_time::Format::HttpDate;
        let theirs = aws_smithy_types::DateTime::from_str(date, format).ok()?.to_millis().ok()?;
        let Millis(ours) = SystemClock.now();
        let by = (ours - theirs) / 1000;
        let is_told = code(e) == "RequestTimeTooSkewed";
        let most = i64::try_from(self.settings.policy.skew_max.as_secs()).unwrap_or(i64::MAX);
        (is_told || by.abs() > most).then(|| {
            let way = if by < 0 { "behind" } else { "before" };
            format!("the clock of this machine is {} s {way} the store's: let it be set by NTP", by.abs())
        })
    }
}
