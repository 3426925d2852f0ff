//! Rust sources as the compiler's words: comments are gone, and what is compiled for tests only can be left out.

use std::str::FromStr;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A word of a source, in the order they stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Word {
    /// A name or keyword.
    Name(String),
    /// The text of a string literal, with escapes of white space as blanks.
    Text(String),
    /// `(`, or the opening of any other group.
    Open(char),
    /// One punctuation character.
    Mark(char),
}

/// A word and the line it is on, counted from 1.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    /// The word.
    pub(crate) word: Word,
    /// Its line.
    pub(crate) line: usize,
}

/// All words of a source but its documentation.
pub(crate) fn all(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    flatten(parse(text), true, &mut tokens);
    tokens
}

/// The words of a source but its documentation and the items under `#[cfg(test)]`.
pub(crate) fn production(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    flatten(parse(text), false, &mut tokens);
    tokens
}

/// The names of the modules in files of their own that a source declares under `#[cfg(test)]`.
pub(crate) fn test_modules(text: &str) -> Vec<String> {
    let trees: Vec<TokenTree> = parse(text).into_iter().collect();
    let mut names = Vec::new();
    for at in 0..trees.len() {
        if !is_cfg_test(&trees, at) {
            continue;
        }
        let end = item_end(&trees, at + 2);
        if let [.., TokenTree::Ident(keyword), TokenTree::Ident(name), TokenTree::Punct(mark)] = &trees[at..end]
            && keyword == "mod"
            && mark.as_char() == ';'
        {
            names.push(name.to_string());
        }
    }
    names
}

/// Whether a source says of itself that it is compiled for tests only.
pub(crate) fn is_test_file(text: &str) -> bool {
    if !text.contains("#![") {
        return false;
    }
    let trees: Vec<TokenTree> = parse(text).into_iter().collect();
    trees.windows(3).any(|window| is_mark(&window[0], '#') && is_mark(&window[1], '!') && squeeze(&window[2]) == "[cfg(test)]")
}

/// A source that is not Rust is a broken test of ours, so it stops here.
fn parse(text: &str) -> TokenStream {
    TokenStream::from_str(text).expect("a source of the workspace is made of Rust's tokens")
}

fn flatten(stream: TokenStream, with_tests: bool, into: &mut Vec<Token>) {
    let trees: Vec<TokenTree> = stream.into_iter().collect();
    let mut at = 0;
    while at < trees.len() {
        if let Some(next) = after_documentation(&trees, at) {
            at = next;
            continue;
        }
        if !with_tests && is_cfg_test(&trees, at) {
            at = item_end(&trees, at + 2);
            continue;
        }
        push(&trees[at], with_tests, into);
        at += 1;
    }
}

fn push(tree: &TokenTree, with_tests: bool, into: &mut Vec<Token>) {
    let line = tree.span().start().line;
    match tree {
        TokenTree::Ident(name) => into.push(Token { word: Word::Name(name.to_string()), line }),
        TokenTree::Punct(mark) => into.push(Token { word: Word::Mark(mark.as_char()), line }),
        TokenTree::Literal(literal) => {
            if let Some(text) = string_text(&literal.to_string()) {
                into.push(Token { word: Word::Text(text), line });
            }
        }
        TokenTree::Group(group) => {
            let open = match group.delimiter() {
                Delimiter::Parenthesis => Some('('),
                Delimiter::Brace => Some('{'),
                Delimiter::Bracket => Some('['),
                Delimiter::None => None,
            };
            into.extend(open.map(|open| Token { word: Word::Open(open), line }));
            flatten(group.stream(), with_tests, into);
        }
    }
}

/// Past `#[doc = ".."]`, which is what documentation comments become.
fn after_documentation(trees: &[TokenTree], at: usize) -> Option<usize> {
    if !is_mark(trees.get(at)?, '#') {
        return None;
    }
    let group = if is_mark(trees.get(at + 1)?, '!') { at + 2 } else { at + 1 };
    let TokenTree::Group(attribute) = trees.get(group)? else { return None };
    let first = attribute.stream().into_iter().next()?;
    matches!(first, TokenTree::Ident(name) if name == "doc").then_some(group + 1)
}

fn is_cfg_test(trees: &[TokenTree], at: usize) -> bool {
    is_mark(&trees[at], '#') && trees.get(at + 1).is_some_and(|attribute| squeeze(attribute) == "[cfg(test)]")
}

/// Past the item that begins at `at`: its first block in braces, or its semicolon.
fn item_end(trees: &[TokenTree], at: usize) -> usize {
    let ends = |tree: &TokenTree| match tree {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        other => is_mark(other, ';'),
    };
    trees[at..].iter().position(ends).map_or(trees.len(), |offset| at + offset + 1)
}

fn is_mark(tree: &TokenTree, wanted: char) -> bool {
    matches!(tree, TokenTree::Punct(mark) if mark.as_char() == wanted)
}

/// The tokens of a tree without the blanks between them.
fn squeeze(tree: &TokenTree) -> String {
    tree.to_string().split_whitespace().collect()
}

/// What stands between the quotes of a string, byte string or C string literal, raw or not; none for any other literal.
fn string_text(literal: &str) -> Option<String> {
    let prefix = literal.find('"')?;
    if !literal[..prefix].chars().all(|c| matches!(c, 'b' | 'c' | 'r' | '#')) {
        return None;
    }
    let end = literal.rfind('"').filter(|end| *end > prefix)?;
    let body = &literal[prefix + 1..end];
    if literal[..prefix].contains('r') {
        return Some(body.to_owned());
    }
    Some(body.replace("\\n", " ").replace("\\t", " ").replace("\\r", " ").replace("\\\n", " ").replace("\\\"", "\""))
}

mod tests {
    use super::*;

    fn words(tokens: Vec<Token>) -> Vec<Word> {
        tokens.into_iter().map(|token| token.word).collect()
    }

    #[test]
    fn comments_and_documentation_are_no_words() {
        let text = "//! \"head\"\n/// Says \"deleted\".\n// \"aside\"\n/* \"block\" */ fn a() {}";
        assert_eq!(words(all(text)), [Word::Name("fn".into()), Word::Name("a".into()), Word::Open('('), Word::Open('{')]);
    }

    #[test]
    fn items_for_tests_are_left_out_of_what_runs() {
        let text =
            "fn a() { \"kept\" } #[cfg(test)] mod tests { const B: &str = \"gone\"; } #[cfg(test)] use x::y; const C: &str = \"kept too\";";
        let kept: Vec<Word> = words(production(text)).into_iter().filter(|word| matches!(word, Word::Text(_))).collect();
        assert_eq!(kept, [Word::Text("kept".into()), Word::Text("kept too".into())]);
        assert!(words(all(text)).contains(&Word::Text("gone".into())));
    }

    #[test]
    fn an_item_for_tests_within_a_module_is_left_out_too() {
        assert!(!words(production("mod m { #[cfg(test)] fn t() { \"gone\" } }")).contains(&Word::Text("gone".into())));
    }

    #[test]
    fn strings_are_read_whatever_their_form_and_other_literals_are_not() {
        let text = "f(\"a\\nb\", r#\"c \"d\"\"#, b\"e\", 'f', 7, \"g \\\n h\")";
        let texts: Vec<Word> = words(all(text)).into_iter().filter(|word| matches!(word, Word::Text(_))).collect();
        let expected = ["a b", "c \"d\"", "e", "g   h"].map(|text| Word::Text(text.into()));
        assert_eq!(texts, expected);
    }

    #[test]
    fn macros_are_read_like_anything_else() {
        assert!(words(production("query!(\"SELECT 1\")")).contains(&Word::Text("SELECT 1".into())));
    }

    #[test]
    fn tokens_know_their_line() {
        let tokens = all("fn a() {\n    \"text\"\n}");
        assert_eq!(tokens.iter().find(|token| matches!(token.word, Word::Text(_))).map(|token| token.line), Some(2));
    }
}
