//! The OpenAPI document keeps its promises.

use serde_json::Value;
use std::collections::{BTreeMap, HashSet};

const METHODS: [&str; 6] = ["get", "put", "post", "delete", "patch", "head"];

pub fn document() -> Value {
    serde_json::to_value(api::openapi_document()).expect("a document")
}

/// One operation of the document.
#[derive(Debug, Clone)]
pub struct Operation {
    pub id: String,
    pub method: String,
    pub path: String,
    pub json: Value,
}

impl Operation {
    /// Whether a bearer token is demanded, not just welcome.
    pub fn needs_bearer(&self) -> bool {
        let wanted = self.json["security"].as_array().cloned().unwrap_or_default();
        !wanted.is_empty() && wanted.iter().all(|s| s.get("bearer").is_some())
    }
}

pub fn operations() -> BTreeMap<String, Operation> {
    let mut all = BTreeMap::new();
    for (path, item) in document()["paths"].as_object().expect("paths") {
        for method in METHODS {
            let Some(json) = item.get(method) else { continue };
            let id = json["operationId"].as_str().expect("every operation has an id").to_owned();
            let operation = Operation {
                id: id.clone(),
                method: method.to_uppercase(),
                path: path.clone(),
                json: json.clone(),
            };
            assert!(all.insert(id.clone(), operation).is_none(), "{id} stands twice");
        }
    }
    all
}

#[test]
fn it_is_openapi_3_1() {
    let document = document();
    assert!(document["openapi"].as_str().is_some_and(|v| v.starts_with("3.1")), "{}", document["openapi"]);
    assert_eq!(document["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
}

#[test]
fn every_operation_tells_its_problems_its_area_and_its_purpose() {
    let document = document();
    let tags: HashSet<_> =
        document["tags"].as_array().expect("tags").iter().filter_map(|t| t["name"].as_str()).collect();
    for operation in operations().values() {
        let Operation { id, json, .. } = operation;
        let default = &json["responses"]["default"]["content"]["application/problem+json"]["schema"]["$ref"];
        assert_eq!(default, "#/components/schemas/Problem", "{id}");
        for (status, reply) in json["responses"].as_object().expect("responses") {
            let failed = status.starts_with('4') || status.starts_with('5');
            let told = reply["content"].as_object().is_some_and(|c| !c.is_empty());
            assert!(!failed || told, "{id} {status}");
        }
        let tag = json["tags"][0].as_str().expect("a tag");
        assert!(tags.contains(tag), "{id}: {tag}");
        assert!(json["summary"].as_str().is_some_and(|s| !s.is_empty()), "{id}");
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let document = document();
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 20);
    for reference in found {
        let pointer = reference.strip_prefix('#').expect("a reference inside the document");
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
                found.push(reference.to_owned());
            }
            members.values().for_each(|v| references(v, found));
        }
        Value::Array(items) => items.iter().for_each(|v| references(v, found)),
        _ => {}
    }
}

#[test]
fn every_path_parameter_is_described() {
    for operation in operations().values() {
        for part in operation.path.split('/').filter_map(|p| p.strip_prefix('{')?.strip_suffix('}')) {
            let told = operation.json["parameters"].as_array().cloned().unwrap_or_default();
            let named = told.iter().any(|p| p["name"] == part && p["in"] == "path" && p["required"] == true);
            assert!(named, "{}: {part}", operation.id);
        }
    }
}

#[test]
fn every_slug_is_listed() {
    let description = document()["info"]["description"].as_str().expect("a description").to_owned();
    for slug in api::Slug::ALL {
        assert!(description.contains(slug.word()), "{slug:?}");
    }
}
