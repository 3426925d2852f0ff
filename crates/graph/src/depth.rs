//! How deep a JSON text nests, without recursion and before anything parses it.

/// Whether arrays and objects nest at most `cap` deep. The text need not be JSON; brackets within strings don't count.
pub(crate) fn within(text: &[u8], cap: usize) -> bool {
    let mut depth = 0_usize;
    let mut in_string = false;
    let mut escaped = false;
    for byte in text {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'[' | b'{' => {
                depth += 1;
                if depth > cap {
                    return false;
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nesting_up_to_the_cap_is_within_and_one_more_is_not() {
        let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(within(nested(64).as_bytes(), 64));
        assert!(!within(nested(65).as_bytes(), 64));
        assert!(!within("[".repeat(1_000_000).as_bytes(), 64), "a million brackets end the scan, not the stack");
    }

    #[test]
    fn siblings_do_not_nest_and_brackets_in_strings_do_not_count() {
        assert!(within(br#"[[],[],[],{"a":[]}]"#, 3));
        assert!(within(br#"["[[[[", "\"[[[[", "\\"]"#, 1));
    }
}
