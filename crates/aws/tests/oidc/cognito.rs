//! A Cognito user pool on the double, spoken to as its clients speak to it.

use crate::{deps, support};
use aws::identity::oidc::{OidcProvider, OidcSettings};
use aws::identity::{DynamoAccountStore, DynamoLinkStore, TABLES};
use identity::outside::OutsideDeps;
use identity::{TokenError, TokenVerifier};
use serde_json::{Value, json};
use std::sync::Arc;
use stdx::SystemClock;
use testkit::{Case, case};

pub struct Pool {
    endpoint: String,
    pub id: String,
    pub client: String,
}

pub struct Tokens {
    pub access: String,
    pub id: String,
    pub refresh: String,
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

async fn call(endpoint: &str, operation: &str, body: Value) -> Value {
    let answer = reqwest::Client::new()
        .post(endpoint)
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", format!("AWSCognitoIdentityProviderService.{operation}"))
        .header(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/cognito-idp/aws4_request, SignedHeaders=host, Signature=0",
        )
        .body(body.to_string())
        .send()
        .await
        .expect("the double answers");
    let (status, text) = (answer.status(), answer.text().await.expect("a body"));
    assert!(status.is_success(), "{operation}: {status} {text}");
    serde_json::from_str(&text).unwrap_or(Value::Null)
}

impl Pool {
    pub async fn make(endpoint: &str) -> Self {
        let pool = call(endpoint, "CreateUserPool", json!({ "PoolName": "people" })).await;
        let id = text(&pool["UserPool"]["Id"]);
        let mut pool = Self { endpoint: endpoint.to_owned(), id, client: String::new() };
        pool.client = pool.make_client("app").await;
        pool
    }

    pub async fn make_client(&self, name: &str) -> String {
        let asked = json!({ "UserPoolId": self.id, "ClientName": name,
            "ExplicitAuthFlows": ["ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"] });
        let made = call(&self.endpoint, "CreateUserPoolClient", asked).await;
        text(&made["UserPoolClient"]["ClientId"])
    }

    pub async fn make_user(&self, name: &str, group: Option<&str>) {
        let mut user = json!({ "UserPoolId": self.id, "Username": name });
        call(&self.endpoint, "AdminCreateUser", user.clone()).await;
        let mut password = user.clone();
        password["Password"] = json!("Correct-horse-7");
        password["Permanent"] = json!(true);
        call(&self.endpoint, "AdminSetUserPassword", password).await;
        if let Some(group) = group {
            call(&self.endpoint, "CreateGroup", json!({ "UserPoolId": self.id, "GroupName": group })).await;
            user["GroupName"] = json!(group);
            call(&self.endpoint, "AdminAddUserToGroup", user).await;
        }
    }

    pub async fn sign_in(&self, name: &str, client: &str) -> Tokens {
        let asked = json!({ "UserPoolId": self.id, "ClientId": client,
            "AuthFlow": "ADMIN_USER_PASSWORD_AUTH",
            "AuthParameters": { "USERNAME": name, "PASSWORD": "Correct-horse-7" } });
        self.tokens(call(&self.endpoint, "AdminInitiateAuth", asked).await)
    }

    pub async fn refresh(&self, refresh: &str) -> Tokens {
        let asked = json!({ "UserPoolId": self.id, "ClientId": self.client,
            "AuthFlow": "REFRESH_TOKEN_AUTH", "AuthParameters": { "REFRESH_TOKEN": refresh } });
        self.tokens(call(&self.endpoint, "AdminInitiateAuth", asked).await)
    }

    fn tokens(&self, answer: Value) -> Tokens {
        let result = &answer["AuthenticationResult"];
        let refresh = result["RefreshToken"].as_str().unwrap_or_default().to_owned();
        Tokens { access: text(&result["AccessToken"]), id: text(&result["IdToken"]), refresh }
    }
}

pub fn cases() -> Vec<Case<String>> {
    vec![
        case("an_access_token_counts_and_an_id_token_does_not", an_access_token_counts),
        case("tokens_of_another_client_or_pool_are_refused", tokens_of_another_client_or_pool),
        case("discovery_finds_the_keys_as_well", discovery_finds_the_keys_as_well),
        case("a_person_keeps_their_record_in_dynamodb", a_person_keeps_their_record),
    ]
}

async fn at_cognito(endpoint: &str, pool: &Pool, deps: OutsideDeps) -> OidcProvider {
    let clients = vec![pool.client.clone()];
    let settings = OidcSettings::cognito("us-east-1", &pool.id, clients, Some(endpoint));
    OidcProvider::start(settings, deps).await.expect("the pool is there")
}

async fn an_access_token_counts(endpoint: String) {
    let pool = Pool::make(&endpoint).await;
    pool.make_user("ada", Some("operator")).await;
    pool.make_user("eve", None).await;
    let provider = at_cognito(&endpoint, &pool, deps(Arc::new(SystemClock))).await;
    let tokens = pool.sign_in("ada", &pool.client).await;
    let ada = provider.verify(&tokens.access).await.unwrap();
    assert!(ada.is_operator() && !ada.guest);
    let id = provider.verify(&tokens.id).await;
    assert!(matches!(id, Err(TokenError::Invalid(_))), "{id:?}");
    let refreshed = provider.verify(&pool.refresh(&tokens.refresh).await.access).await.unwrap();
    assert_eq!((refreshed.user, refreshed.session), (ada.user, ada.session), "one sign-in, one session");
    let eve = provider.verify(&pool.sign_in("eve", &pool.client).await.access).await.unwrap();
    assert!(!eve.is_moderator() && eve.user != ada.user);
    let again = provider.verify(&pool.sign_in("ada", &pool.client).await.access).await.unwrap();
    assert_eq!(again.user, ada.user);
    assert_ne!(again.session, ada.session, "another sign-in, another session");
}

async fn tokens_of_another_client_or_pool(endpoint: String) {
    let (pool, other) = (Pool::make(&endpoint).await, Pool::make(&endpoint).await);
    pool.make_user("ada", None).await;
    other.make_user("ada", Some("operator")).await;
    let provider = at_cognito(&endpoint, &pool, deps(Arc::new(SystemClock))).await;
    let partner = pool.make_client("partner").await;
    let foreign = pool.sign_in("ada", &partner).await;
    assert!(matches!(provider.verify(&foreign.access).await, Err(TokenError::Invalid("client"))));
    let stranger = other.sign_in("ada", &other.client).await;
    // The double signs for every pool with one key: the issuer decides.
    assert!(matches!(provider.verify(&stranger.access).await, Err(TokenError::Invalid("issuer"))));
}

async fn discovery_finds_the_keys_as_well(endpoint: String) {
    let pool = Pool::make(&endpoint).await;
    let document = reqwest::get(format!("{endpoint}/{}/.well-known/openid-configuration", pool.id)).await;
    let document: Value = serde_json::from_str(&document.unwrap().text().await.unwrap()).unwrap();
    // What discovery says is what `OidcSettings::cognito` builds without asking.
    let clients = vec![pool.client.clone()];
    let own = OidcSettings::cognito("us-east-1", &pool.id, clients, Some(&endpoint));
    assert_eq!(document["issuer"], own.policy.issuer.as_str());
    assert_eq!(document["jwks_uri"].as_str(), own.jwks_url.as_deref());
}

async fn a_person_keeps_their_record(endpoint: String) {
    let pool = Pool::make(&endpoint).await;
    pool.make_user("ada", Some("moderator")).await;
    let dynamo = tokio::task::spawn_blocking(|| support::dynamo(TABLES, support::Storm::LostAnswer));
    let dynamo = dynamo.await.unwrap();
    let fresh = || OutsideDeps {
        links: Arc::new(DynamoLinkStore::new(dynamo.clone())),
        accounts: Arc::new(DynamoAccountStore::new(dynamo.clone())),
        ..deps(Arc::new(SystemClock))
    };
    let token = pool.sign_in("ada", &pool.client).await.access;
    let mut seen = Vec::new();
    for _process in 0..3 {
        let provider = at_cognito(&endpoint, &pool, fresh()).await;
        seen.push(provider.verify(&token).await.unwrap());
    }
    seen.dedup();
    assert_eq!(seen.len(), 1, "one person in every process");
    let record = fresh().accounts.get(seen[0].user).await.unwrap();
    assert_eq!((record.roles, record.guest), (seen[0].roles.clone(), false));
}
