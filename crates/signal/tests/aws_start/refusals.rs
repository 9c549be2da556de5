//! Services that refuse, in the words of the real ones: the process ends at its start with one sentence that
//! names the setting and the fix.

use crate::doubles::{Double, with};
use crate::stub::{Answer, Asked, json_error, s3_error, serve};

const CORAL: &str = "com.amazon.coral.service#";

/// Runs `args` until it ends and takes its one sentence apart.
#[track_caller]
fn says(double: &Double, args: &[&str], env: &[(&str, &str)], words: &[&str]) {
    let (ok, said) = double.run(args, &with(env));
    assert!(!ok && said.starts_with("cannot start: ") && said.lines().count() == 1, "{said}");
    for word in words {
        assert!(said.contains(word), "no {word:?}: {said}");
    }
}

/// Every table is refused like this.
#[track_caller]
fn tables_refuse(code: &'static str, message: &'static str, words: &[&str]) {
    let Some(double) = Double::start() else { return };
    let stub = serve(move |_| json_error(&format!("{CORAL}{code}"), message));
    says(&double, &["operator"], &[("SIGNAL_STORES__ENDPOINT", &stub)], words);
}

#[test]
fn expired_credentials_at_the_tables_are_to_be_renewed() {
    let said = "The security token included in the request is expired";
    tables_refuse("ExpiredTokenException", said, &["the credentials have expired", "AWS_SESSION_TOKEN"]);
}

#[test]
fn unknown_credentials_at_the_tables_name_the_chain_and_the_region() {
    let said = "The security token included in the request is invalid.";
    tables_refuse("UnrecognizedClientException", said, &["does not know the credentials", "stores.url"]);
}

#[test]
fn a_wrong_clock_at_the_tables_is_to_be_set() {
    let late = "Signature expired: 20261122T200000Z is now earlier than 20261122T202500Z (20261122T203000Z - 5 min.)";
    tables_refuse("InvalidSignatureException", late, &["clock is off", "NTP"]);
    let early = "Signature not yet current: 20261122T210000Z is still later than 20261122T203500Z (20261122T203000Z + 5 min.)";
    tables_refuse("InvalidSignatureException", early, &["clock is off", "NTP"]);
}

#[test]
fn a_region_that_is_not_the_endpoints_names_the_setting() {
    let said = "Credential should be scoped to a valid region, not 'us-east-1'. ";
    tables_refuse("InvalidSignatureException", said, &["the region in stores.url", "set it"]);
}

#[test]
fn a_missing_right_at_the_tables_is_to_be_granted() {
    let said = "User: arn:aws:sts::123456789012:assumed-role/api/x is not authorized to perform: dynamodb:DescribeTable";
    tables_refuse("AccessDeniedException", said, &["may not do this", "policy", "dynamodb:DescribeTable"]);
}

#[test]
fn an_expired_token_of_a_web_identity_is_told_from_missing_credentials() {
    let Some(double) = Double::start() else { return };
    let sts = serve(|_| {
        let message =
            "Token expired: current date/time 1795378200 must be before the expiration date/time 1795374600";
        let body = format!(
            "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
             <Code>ExpiredTokenException</Code><Message>{message}</Message></Error></ErrorResponse>"
        );
        Answer { status: 400, headers: vec![("content-type", "text/xml".into())], body }
    });
    let token = double.data.path().join("token");
    std::fs::write(&token, "a.web.token").expect("written");
    let (ok, said) = double.run(
        &["operator"],
        &[
            ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/signal"),
            ("AWS_WEB_IDENTITY_TOKEN_FILE", token.to_str().expect("a path")),
            ("AWS_ENDPOINT_URL_STS", &sts),
        ],
    );
    assert!(!ok && said.contains("the credentials have expired") && said.lines().count() == 1, "{said}");
}

/// Made tables, and settings of a bucket at `stub`.
fn bucket(double: &Double, stub: &str, region: &str, words: &[&str]) {
    let (ok, said) = double.run(&["contract", "--create"], &with(&[]));
    assert!(ok, "{said}");
    let env = [
        ("SIGNAL_OBJECTS__URL", "s3://signal-media"),
        ("SIGNAL_OBJECTS__REGION", region),
        ("SIGNAL_OBJECTS__ENDPOINT", stub),
        ("SIGNAL_OBJECTS__PATH_STYLE", "true"),
        ("SIGNAL_SERVER__PUBLIC_URL", "https://signal.example"),
    ];
    says(double, &["run", "worker"], &env, words);
}

fn bucket_answers(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static, words: &[&str]) {
    let Some(double) = Double::start() else { return };
    bucket(&double, &serve(answer), "us-east-1", words);
}

#[test]
fn expired_credentials_at_the_bucket_are_to_be_renewed() {
    bucket_answers(
        |_| s3_error(400, "ExpiredToken", "The provided token has expired."),
        &["the credentials have expired", "AWS_SESSION_TOKEN"],
    );
}

#[test]
fn a_wrong_clock_at_the_bucket_is_to_be_set() {
    bucket_answers(
        |_| {
            let said = "The difference between the request time and the current time is too large.";
            let mut answer = s3_error(403, "RequestTimeTooSkewed", said);
            answer.headers.push(("date", "Sat, 01 Jan 2022 00:00:00 GMT".into()));
            answer
        },
        &["the clock of this machine", "NTP"],
    );
}

#[test]
fn a_bucket_of_another_region_names_the_right_one() {
    let elsewhere = |status, code, message| {
        move |_: &Asked| {
            let mut answer = s3_error(status, code, message);
            answer.headers.push(("x-amz-bucket-region", "eu-central-1".into()));
            answer
        }
    };
    let moved = "The bucket you are attempting to access must be addressed using the specified endpoint.";
    let right = ["objects.region is us-east-1", "set objects.region = \"eu-central-1\""];
    bucket_answers(elsewhere(301, "PermanentRedirect", moved), &right);
    let scoped =
        "The authorization header is malformed; the region 'us-east-1' is wrong; expecting 'eu-central-1'";
    bucket_answers(elsewhere(400, "AuthorizationHeaderMalformed", scoped), &right);
    // A store that does not say where it is.
    bucket_answers(move |_| s3_error(400, "AuthorizationHeaderMalformed", scoped), &["set objects.region"]);
}

/// A bucket that is well but for what it tells pages.
fn cors_says(headers: Vec<(&'static str, String)>, words: &[&str]) {
    bucket_answers(
        move |asked| match asked.method.as_str() {
            "HEAD" => Answer { status: 200, ..Answer::default() },
            "GET" if !asked.target.contains("uploadId") => {
                s3_error(404, "NoSuchKey", "The specified key does not exist.")
            }
            _ => {
                let mut answer = s3_error(404, "NoSuchUpload", "The specified upload does not exist.");
                if !asked.header("origin").is_empty() {
                    answer.headers.extend(headers.clone());
                }
                answer
            }
        },
        words,
    );
}

#[test]
fn a_bucket_without_cors_names_the_origin_and_the_rule() {
    cors_says(vec![], &["CORS", "signal-media", "https://signal.example", "allow PUT", "server.public_url"]);
}

#[test]
fn a_bucket_whose_cors_hides_the_etag_says_what_to_expose() {
    let allowed = vec![("access-control-allow-origin", "https://signal.example".into())];
    cors_says(allowed, &["CORS", "hide the ETag", "ExposeHeaders"]);
}

/// Made tables, and queues at `answer`.
#[track_caller]
fn queues_refuse(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static, words: &[&str]) {
    let Some(double) = Double::start() else { return };
    let (ok, said) = double.run(&["contract", "--create"], &with(&[]));
    assert!(ok, "{said}");
    let stub = serve(answer);
    let env =
        [("SIGNAL_WORK__QUEUE_URL", "sqs://us-east-1/start-"), ("SIGNAL_WORK__ENDPOINT", stub.as_str())];
    says(&double, &["operator"], &env, words);
}

/// An error as SQS sends it: the old name stands in a header.
fn sqs_error(shape: &str, old: &str, message: &str) -> Answer {
    let mut answer = json_error(shape, message);
    answer.headers.push(("x-amzn-query-error", format!("{old};Sender")));
    answer
}

#[test]
fn a_missing_queue_is_named_with_the_setting() {
    let shape = "com.amazonaws.sqs#QueueDoesNotExist";
    queues_refuse(
        move |_| {
            sqs_error(shape, "AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist.")
        },
        &["there is no queue start-jobs", "work.queue_url", "infra/contract.json"],
    );
}

#[test]
fn expired_credentials_at_the_queues_are_to_be_renewed() {
    let said = "The security token included in the request is expired";
    queues_refuse(
        move |_| sqs_error(&format!("{CORAL}ExpiredToken"), "ExpiredToken", said),
        &["start-jobs", "the credentials have expired"],
    );
}

#[test]
fn a_wrong_clock_at_the_queues_is_to_be_set() {
    let said = "Signature expired: 20261122T200000Z is now earlier than 20261122T201500Z (20261122T203000Z - 15 min.)";
    queues_refuse(
        move |_| sqs_error(&format!("{CORAL}SignatureDoesNotMatch"), "SignatureDoesNotMatch", said),
        &["clock is off", "NTP"],
    );
}

#[test]
fn a_missing_bus_is_named_with_the_setting() {
    queues_refuse(
        |asked| match asked.header("x-amz-target") {
            "AWSEvents.DescribeEventBus" => json_error(
                "com.amazonaws.events#ResourceNotFoundException",
                "Event bus start-events does not exist.",
            ),
            _ => Answer {
                status: 200,
                headers: vec![("content-type", "application/x-amz-json-1.0".into())],
                body: "{\"QueueUrl\":\"http://127.0.0.1/123456789012/start-jobs\"}".into(),
            },
        },
        &["there is no bus start-events", "work.queue_url", "infra/contract.json"],
    );
}
