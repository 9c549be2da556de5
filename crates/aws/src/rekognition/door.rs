//! Whether the service is there and lets us in.

use crate::checks::refusal;
use crate::sdk::Aws;
use aws_sdk_rekognition::Client;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

/// A job that there never was.
const NO_JOB: &str = "signal-asks-whether-somebody-is-there";
/// Answers of a service that has let us in.
const LETS_IN: &[&str] = &[
    "ResourceNotFoundException",
    "InvalidParameterException",
    "ThrottlingException",
    "ProvisionedThroughputExceededException",
];

/// The service of one region, asked for nothing. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Door(Client);

impl Door {
    pub fn new(aws: &Aws) -> Self {
        Self(aws.rekognition())
    }

    /// One sentence about what is wrong with region, credentials or rights; `setting` names the place. Costs
    /// nothing: the service is asked about a job that it does not know.
    pub async fn check(&self, setting: &str) -> Result<(), String> {
        let Err(e) = self.0.get_content_moderation().job_id(NO_JOB).send().await else { return Ok(()) };
        let code = e.as_service_error().and_then(|s| s.code()).unwrap_or_default();
        if LETS_IN.contains(&code) {
            return Ok(());
        }
        let fix = match code {
            "AccessDeniedException" => "; infra/contract.json lists what a worker needs under rekognition",
            _ => "",
        };
        Err(format!("{setting}: Rekognition cannot be asked: {}{fix}", refusal(setting, &e)))
    }
}
