//! The rules that hold for whoever asks: the description says those that are kept.

use lastseen_api::openapi;
use lastseen_engine::schedule::{JITTER, JITTER_MAX};
use lastseen_engine::status::STALE_AFTER_BOUNDS;
use lastseen_engine::token::{LIFE, LIFE_BOUNDS};
use lastseen_store::{SCHEDULE_NAME_MAX_CHARS, TOKEN_NAME_MAX_CHARS};
use serde_json::{Value, json};

fn field(document: &Value, schema: &str, name: &str) -> Value {
    document["components"]["schemas"][schema]["properties"][name].clone()
}

#[test]
fn the_description_says_the_bounds_that_are_kept() {
    let document: Value = serde_json::from_str(&openapi()).expect("JSON");
    let life = field(&document, "TokenToBe", "expires_in_secs");
    assert_eq!((&life["minimum"], &life["maximum"]), (&json!(LIFE_BOUNDS.start().as_secs()), &json!(LIFE_BOUNDS.end().as_secs())));
    let says = life["description"].as_str().expect("a text");
    assert!(says.contains(&format!("{} days", LIFE.as_secs() / 86_400)) && says.contains("two years"), "{says}");
    assert_eq!(field(&document, "TokenToBe", "name")["maxLength"], json!(TOKEN_NAME_MAX_CHARS));

    let jitter = field(&document, "ScheduleToBe", "jitter_secs");
    assert_eq!(jitter["maximum"], json!(JITTER_MAX.as_secs()));
    let says = jitter["description"].as_str().expect("a text");
    assert!(says.contains(&format!("{} for several", JITTER.as_secs())), "{says}");
    let name = field(&document, "ScheduleToBe", "name");
    assert_eq!(name["pattern"], json!(format!("^[A-Za-z0-9._-]{{1,{SCHEDULE_NAME_MAX_CHARS}}}$")));

    let parameters = document["paths"]["/v1/status"]["get"]["parameters"].as_array().expect("parameters");
    let stale = parameters.iter().find(|parameter| parameter["name"] == "stale_after_secs").expect("it takes it");
    let (least, most) = (STALE_AFTER_BOUNDS.start().as_secs(), STALE_AFTER_BOUNDS.end().as_secs());
    assert_eq!((&stale["schema"]["minimum"], &stale["schema"]["maximum"]), (&json!(least), &json!(most)));
}
