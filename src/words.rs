//! Numbers with the word that they count, for people. Uses nothing of the rest.

/// A number with its thousands apart.
pub(crate) fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number and what it counts: `1 policy`, `1,234 policies`.
pub(crate) fn counted(n: impl TryInto<u64>, one: &str, many: &str) -> String {
    let n = n.try_into().unwrap_or(u64::MAX);
    format!("{} {}", number(n), if n == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::{counted, number};

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(["0", "999", "1,000", "1,234,567"], [0, 999, 1_000, 1_234_567].map(number).each_ref().map(String::as_str));
    }

    #[test]
    fn one_is_not_many() {
        let counted = |n: usize| counted(n, "policy", "policies");
        assert_eq!(
            ["0 policies", "1 policy", "2 policies", "1,234 policies"],
            [0, 1, 2, 1_234].map(counted).each_ref().map(String::as_str)
        );
    }
}
