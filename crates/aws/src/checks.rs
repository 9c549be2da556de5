//! Whether what the settings name is there and as it should be: one sentence, with the setting and the fix.

pub mod scratch;

use crate::dynamo::{Attr, Dynamo, Kind, Table};
use aws_sdk_dynamodb::types::{KeySchemaElement, KeyType, TableDescription, TableStatus};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

/// The table stands, with its keys and indexes.
pub async fn table(dynamo: &Dynamo, table: &Table) -> Result<(), String> {
    let name = dynamo.name_of(table);
    let answer = dynamo.client().describe_table().table_name(&name).send().await.map_err(|e| {
        if e.as_service_error().is_some_and(|e| e.is_resource_not_found_exception()) {
            return format!(
                "there is no table {name} in this region: check region and prefix in stores.url, or create \
                 the tables of infra/contract.json (`signal contract --create` does for local doubles)"
            );
        }
        format!("the table {name} cannot be looked at: {}", refusal("stores.url", &e))
    })?;
    let described = answer.table().ok_or_else(|| format!("nothing is said about the table {name}"))?;
    matches_contract(&name, table, described)
}

/// The address of the queue, which stands.
pub async fn queue(sqs: &aws_sdk_sqs::Client, name: &str) -> Result<String, String> {
    let answer = sqs.get_queue_url().queue_name(name).send().await.map_err(|e| {
        if e.as_service_error().is_some_and(|e| e.is_queue_does_not_exist()) {
            return format!(
                "there is no queue {name} in this region: check region and prefix in work.queue_url, or create \
                 the queues of infra/contract.json (`signal contract --create` does for local doubles)"
            );
        }
        format!("the queue {name} cannot be asked for: {}", refusal("work.queue_url", &e))
    })?;
    answer.queue_url.ok_or_else(|| format!("nothing is said about the queue {name}"))
}

/// The bus stands.
pub async fn bus(eventbridge: &aws_sdk_eventbridge::Client, name: &str) -> Result<(), String> {
    let answer = eventbridge.describe_event_bus().name(name).send().await.map_err(|e| {
        if e.as_service_error().is_some_and(|e| e.is_resource_not_found_exception()) {
            return format!(
                "there is no bus {name} in this region: check region and prefix in work.queue_url, or create \
                 the bus of infra/contract.json (`signal contract --create` does for local doubles)"
            );
        }
        format!("the bus {name} cannot be looked at: {}", refusal("work.queue_url", &e))
    });
    answer.map(drop)
}

fn matches_contract(name: &str, table: &Table, found: &TableDescription) -> Result<(), String> {
    if !matches!(found.table_status(), None | Some(TableStatus::Active | TableStatus::Updating)) {
        return Err(format!("the table {name} is not active yet: try again in a minute"));
    }
    let wanted = keys(table.hash, table.range);
    let there = schema(found.key_schema(), found);
    if there != wanted {
        return Err(format!(
            "the table {name} has the key {there}, but this version wants {wanted}: another program's table \
             has the prefix of stores.url; choose another prefix, or create the table anew"
        ));
    }
    for index in table.indexes {
        let of_name = |i: &&aws_sdk_dynamodb::types::GlobalSecondaryIndexDescription| {
            i.index_name() == Some(index.name)
        };
        let Some(there) = found.global_secondary_indexes().iter().find(of_name) else {
            return Err(format!(
                "the table {name} has no index {}: add it as infra/contract.json describes it",
                index.name
            ));
        };
        let (wanted, there) = (keys(index.hash, index.range), schema(there.key_schema(), found));
        if there != wanted {
            return Err(format!(
                "the index {} of {name} has the key {there}, but this version wants {wanted}: create it anew",
                index.name
            ));
        }
    }
    Ok(())
}

fn keys(hash: Attr, range: Option<Attr>) -> String {
    let word = |a: Attr| format!("{} ({})", a.name, if a.kind == Kind::S { "S" } else { "N" });
    range.map_or_else(|| word(hash), |range| format!("{}, {}", word(hash), word(range)))
}

fn schema(elements: &[KeySchemaElement], found: &TableDescription) -> String {
    let mut elements: Vec<_> = elements.iter().collect();
    elements.sort_by_key(|e| *e.key_type() != KeyType::Hash);
    let word = |e: &&KeySchemaElement| {
        let of = found.attribute_definitions().iter().find(|d| d.attribute_name() == e.attribute_name());
        let kind = of.map_or("?", |d| d.attribute_type().as_str());
        format!("{} ({kind})", e.attribute_name())
    };
    elements.iter().map(word).collect::<Vec<_>>().join(", ")
}

/// What AWS says where nothing about the resource itself is wrong. `setting` is what names the place.
pub fn refusal<E, R>(setting: &str, e: &SdkError<E, R>) -> String
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    let code = e.as_service_error().and_then(|s| s.code()).unwrap_or_default();
    let said = e.as_service_error().and_then(|s| s.message()).unwrap_or_default();
    match code {
        "" => unheard(setting, e),
        _ => by_code(setting, code, said),
    }
}

/// The sentence of a service's refusal; every service spells some of these its own way.
fn by_code(setting: &str, code: &str, said: &str) -> String {
    let skewed = said.contains("Signature expired") || said.contains("Signature not yet current");
    match code {
        "ExpiredTokenException" | "ExpiredToken" | "RequestExpired" => expired(),
        "RequestTimeTooSkewed" => skew(),
        "InvalidSignatureException" | "SignatureDoesNotMatch" if skewed => skew(),
        "InvalidSignatureException" | "SignatureDoesNotMatch"
            if said.contains("scoped to a valid region") =>
        {
            format!("the region in {setting} is not the one of the endpoint beside it: set it ({said})")
        }
        "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidAccessKeyId"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch" => {
            format!(
                "AWS does not know the credentials, or not in this region: check them and {setting} ({said})"
            )
        }
        "AccessDeniedException" | "AccessDenied" | "AuthorizationError" => {
            format!("the credentials may not do this: extend their policy ({said})")
        }
        other => format!("{said} ({other})"),
    }
}

fn expired() -> String {
    "the credentials have expired: renew them where the AWS chain finds them (AWS_SESSION_TOKEN, a profile, a role)"
        .to_owned()
}

fn skew() -> String {
    "this machine's clock is off by more than five minutes: let it be set by NTP".to_owned()
}

/// No answer came, or no request went out.
fn unheard<E, R>(setting: &str, e: &SdkError<E, R>) -> String
where
    E: std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    let text = aws_smithy_types::error::display::DisplayErrorContext(e).to_string();
    if let Some(said) = of_chain(&text) {
        return said;
    }
    if text.contains("dispatch failure") || matches!(e, SdkError::TimeoutError(_)) {
        return format!("nobody answers there: check the region and endpoint beside {setting}");
    }
    text
}

/// What is wrong with the chain of credentials, where a request did not go out for that. `text`: the error
/// with all its causes.
pub(crate) fn of_chain(text: &str) -> Option<String> {
    if !text.contains("credential") && !text.contains("identity") {
        return None;
    }
    // Of STS, or of the service that a role's credentials come from.
    Some(if text.contains("ExpiredToken") || text.contains("is expired") {
        expired()
    } else if text.contains("Signature expired") || text.contains("RequestTimeTooSkewed") {
        skew()
    } else if text.contains("InvalidIdentityToken") || text.contains("AccessDenied") {
        "STS refuses the role of the AWS chain: check its trust policy, AWS_ROLE_ARN and the profile's role_arn"
            .to_owned()
    } else {
        "the AWS chain finds no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, or a \
         role of the machine"
            .to_owned()
    })
}
