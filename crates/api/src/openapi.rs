//! The OpenAPI 3.1 document, from the code of the routes.

use crate::problem::{CONTENT_TYPE, FieldError, Problem, Slug, TYPE_PREFIX};
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, ContentBuilder, Ref, RefOr, ResponseBuilder};
use utoipa::{OpenApi, ToSchema};

/// An answer that is not the one asked for (RFC 9457). Some types carry more members.
#[derive(ToSchema)]
#[schema(as = Problem)]
#[expect(dead_code, reason = "only its schema is used; the body is written by `problem`")]
struct ProblemSchema {
    /// Stable, one of the types listed in the description of this API.
    #[schema(example = "https://signal.video/problems/not-found")]
    r#type: String,
    title: String,
    status: u16,
    /// About this case, for a person.
    detail: String,
    /// The request id.
    instance: Option<String>,
    /// Wrong fields, when fields are wrong.
    errors: Option<Vec<FieldError>>,
}

#[derive(OpenApi)]
#[openapi(
    info(title = "Signal Video", license(name = "Apache-2.0", identifier = "Apache-2.0")),
    components(schemas(ProblemSchema, FieldError)),
    tags(
        (name = "auth", description = "Guests, accounts, sessions, devices."),
        (name = "users", description = "Profiles."),
        (name = "uploads", description = "Multipart uploads, signed part by part."),
        (name = "videos", description = "Videos, their life, likes and saves."),
        (name = "feed", description = "What to watch next."),
        (name = "events", description = "What viewers did."),
        (name = "push", description = "Status changes as they happen."),
        (name = "moderation", description = "For moderators: review and decide."),
        (name = "ops", description = "For operators: is it well?"),
        (name = "media", description = "Playlists, segments and pictures."),
        (name = "system", description = "Health, configuration, this document."),
    )
)]
struct Base;

/// What the routers start from.
pub fn base() -> utoipa::openapi::OpenApi {
    Base::openapi()
}

/// Adds what every operation shares: the bearer scheme and problem answers.
pub fn finish(mut api: utoipa::openapi::OpenApi) -> utoipa::openapi::OpenApi {
    api.info.description = Some(description());
    let components = api.components.take().unwrap_or_else(|| ComponentsBuilder::new().build());
    let mut components = components;
    let mut scheme = Http::new(HttpAuthScheme::Bearer);
    scheme.bearer_format = Some("JWT".into());
    components.add_security_scheme("bearer", SecurityScheme::Http(scheme));
    api.components = Some(components);
    for item in api.paths.paths.values_mut() {
        let all =
            [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch, &mut item.head];
        all.into_iter().flatten().for_each(with_problems);
    }
    api
}

fn description() -> String {
    let mut text = String::from(
        "Short vertical videos: upload, moderation, playback, feed. Times are integers, milliseconds since \
         1970. Errors are RFC 9457 problems; their types are stable:\n\n",
    );
    for slug in Slug::ALL {
        text.push_str(&format!(
            "- `{TYPE_PREFIX}{}` ({}): {}\n",
            slug.word(),
            slug.status().as_u16(),
            slug.title()
        ));
    }
    text
}

fn with_problems(operation: &mut Operation) {
    let problem = ResponseBuilder::new()
        .description("A problem; see its type.")
        .content(
            CONTENT_TYPE,
            ContentBuilder::new().schema(Some(RefOr::Ref(Ref::from_schema_name("Problem")))).build(),
        )
        .build();
    let responses = &mut operation.responses.responses;
    for (status, reply) in responses.iter_mut() {
        let failed = status.starts_with('4') || status.starts_with('5');
        if let (true, RefOr::T(reply)) = (failed, reply)
            && reply.content.is_empty()
        {
            reply.content.clone_from(&problem.content);
        }
    }
    responses.entry("default".into()).or_insert_with(|| RefOr::T(problem));
}

#[expect(dead_code, reason = "names the type the schema above stands for")]
type Documented = Problem;
