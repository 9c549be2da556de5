//! Who may come in, and under which names.

use crate::policy::DoorPolicy;
use std::fmt;

#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    pub access_key: String,
    pub secret_key: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("access_key", &self.access_key).finish_non_exhaustive()
    }
}

#[derive(Debug, Clone)]
pub struct DoorConfig {
    pub bucket: String,
    pub region: String,
    pub credentials: Credentials,
    /// Origins of web pages that may use presigned URLs; `*` = any.
    pub cors_origins: Vec<String>,
    pub policy: DoorPolicy,
}

impl DoorConfig {
    pub fn new(credentials: Credentials) -> Self {
        Self {
            bucket: "signal-media".to_owned(),
            region: "us-east-1".to_owned(),
            credentials,
            cors_origins: vec!["*".to_owned()],
            policy: DoorPolicy::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_printed() {
        let credentials = Credentials { access_key: "visible".into(), secret_key: "hidden".into() };
        let text = format!("{:?}", DoorConfig::new(credentials));
        assert!(text.contains("visible") && !text.contains("hidden"));
    }
}
