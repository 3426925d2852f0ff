//! The page where the API is tried.

use http::{Method, StatusCode, header};

use crate::support::{World, asking};

#[tokio::test]
async fn the_page_needs_no_token_loads_nothing_from_elsewhere_and_describes_this_api() {
    let world = World::empty().await;
    let page = world.send(asking(Method::GET, "/docs/")).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.header(header::CONTENT_SECURITY_POLICY).starts_with("default-src 'self'"));
    let text = String::from_utf8(page.body).expect("text");
    let mut loaded: Vec<String> = Vec::new();
    let is_file = |piece: &&str| [".js", ".css", ".png"].iter().any(|ending| piece.ends_with(ending));
    for piece in text.split(['"', '\'']).filter(is_file) {
        assert!(!piece.contains("//"), "the page loads {piece}");
        loaded.push(format!("/docs/{}", piece.trim_start_matches("./")));
    }
    assert!(loaded.len() >= 3, "{text}");
    let mut names_the_description = false;
    for path in loaded {
        let file = world.send(asking(Method::GET, &path)).await;
        assert_eq!(file.status, StatusCode::OK, "{path}");
        names_the_description |= String::from_utf8_lossy(&file.body).contains("/openapi.json");
    }
    assert!(names_the_description);
}
