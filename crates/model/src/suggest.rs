//! The nearest known name, for messages about an unknown one.

/// The known name nearest to `unknown`, where one is near enough to be meant: the words may differ in case, and in about a
/// third of their letters.
pub fn nearest<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = unknown.to_lowercase();
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&wanted, &name.to_lowercase()), name))
        .min_by_key(|(distance, name)| (*distance, *name))
        .filter(|(distance, name)| *distance <= name.chars().count().max(3) / 3)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_typing_error_finds_the_name_and_a_stranger_finds_none() {
        let known = ["deviceConfiguration", "deviceCompliancePolicy", "Apps"];
        assert_eq!(nearest("deviceConfigurations", known), Some("deviceConfiguration"));
        assert_eq!(nearest("DEVICECONFIGURATION", known), Some("deviceConfiguration"));
        assert_eq!(nearest("app", known), Some("Apps"));
        assert_eq!(nearest("payroll", known), None);
    }
}
