//! What is generated from the code and committed: the description of the API, and the reference of its problem codes. A drift fails here;
//! `cargo xtask generate` writes them anew.

use std::fmt::Write;
use std::path::PathBuf;

use lastseen_api::{Code, openapi};

/// Compares a reference with its file, or writes the file when asked to.
fn reference(name: &str, text: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name);
    #[expect(clippy::disallowed_methods, reason = "a switch of the test itself")]
    if std::env::var_os("LASTSEEN_GENERATE").is_some() {
        std::fs::write(&path, text).expect("the reference can be written");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == text, "docs/{name} is not what the code says; run `cargo xtask generate` and look at the difference");
}

#[test]
fn reference_of_the_api() {
    reference("openapi.json", &openapi());
}

#[test]
fn reference_of_the_problem_codes() {
    let mut text = String::from(
        "# Problem codes of the API\n\nGenerated from the code by `cargo xtask generate`. A refused request answers `application/problem+json` \
         (RFC 9457). Its `type` is `about:blank`; what programs go by is `code`, which is never renamed or reused. `detail` says what is wrong \
         and `next` what to do about it, for people; `field` names the parameter or header at fault, or points to the place in the body; \
         `run_id` names the run that it is about.\n\n| code | status | meaning |\n| --- | --- | --- |\n",
    );
    for code in Code::ALL {
        writeln!(text, "| `{}` | {} | {} |", code.as_str(), code.status().as_u16(), code.meaning()).expect("a String takes everything");
    }
    reference("api-problems.md", &text);
}
