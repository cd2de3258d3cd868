//! Two lists of lines side by side.

use std::fmt::Write;

/// What has to change in `found` to be `expected`, line by line; `None` where nothing has to.
pub fn difference(expected: &[String], found: &[String]) -> Option<String> {
    if expected == found {
        return None;
    }
    let common = common_tails(expected, found);
    let (mut left, mut right) = (0, 0);
    let mut text = String::from("    (- expected, + found)\n");
    let mut line = |sign: char, line: &str| {
        let _ = writeln!(text, "  {sign} {line}");
    };
    while left < expected.len() || right < found.len() {
        if left < expected.len() && right < found.len() && expected[left] == found[right] {
            line(' ', &expected[left]);
            left += 1;
            right += 1;
        } else if right == found.len()
            || (left < expected.len() && common[left + 1][right] >= common[left][right + 1])
        {
            line('-', &expected[left]);
            left += 1;
        } else {
            line('+', &found[right]);
            right += 1;
        }
    }
    Some(text)
}

/// For each pair of tails, how many lines they have in common, in order.
fn common_tails(left: &[String], right: &[String]) -> Vec<Vec<usize>> {
    let mut common = vec![vec![0; right.len() + 1]; left.len() + 1];
    for (i, one) in left.iter().enumerate().rev() {
        for (j, other) in right.iter().enumerate().rev() {
            common[i][j] = if one == other {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }
    common
}

#[test]
fn a_difference_shows_what_is_missing_and_what_is_too_much() {
    let lines = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(difference(&lines("a b"), &lines("a b")), None);
    let text = difference(&lines("a b c d"), &lines("a c x d")).unwrap_or_default();
    let signs: Vec<_> = text.lines().skip(1).map(str::trim).collect();
    assert_eq!(signs, ["a", "- b", "c", "+ x", "d"]);
}
