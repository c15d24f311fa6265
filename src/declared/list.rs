//! Lists that parts fill: what is added to them and taken out of them is gathered and then done at once, so that the parts of
//! a thing cost no more than their number.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::{Map, Value as Json};

use super::{CONFIGURED, is_marked, marked};
use crate::estate::{Gap, Reason};

/// What parts do to a list of their whole.
#[derive(Debug, Default)]
pub(super) struct Edits {
    added: Vec<Json>,
    taken: Vec<Json>,
}

impl Edits {
    /// An element more.
    pub(super) fn add(&mut self, item: Json) {
        self.added.push(item);
    }

    /// An element less, or what it adds to an element with the same other members.
    pub(super) fn take_out(&mut self, item: Json) {
        self.taken.push(item);
    }

    /// Does it: first what is taken out, of what the whole itself says, then what is added. `missing` is the mark for a list of
    /// which nobody said anything.
    pub(super) fn apply(self, list: &mut Option<Json>, missing: impl FnOnce() -> Json) {
        if let Some(Json::Array(items)) = list
            && !self.taken.is_empty()
        {
            take_out(items, self.taken);
        }
        if self.added.is_empty() {
            return;
        }
        let of_nobody = |gap: Gap| matches!(gap.reason, Reason::AwsDecides | Reason::AfterApply) && gap.code.as_deref() != Some(CONFIGURED);
        let (mut items, rest) = match list.take().unwrap_or_else(missing) {
            Json::Array(items) => (items, None),
            // What AWS will list in the end, when nothing was declared, is what the parts say.
            mark if marked(&mark).is_some_and(of_nobody) => (Vec::new(), None),
            other => (Vec::new(), Some(other).filter(is_marked)),
        };
        let mut seen: HashSet<Json> = items.iter().cloned().collect();
        items.extend(self.added.into_iter().filter(|item| seen.insert(item.clone())));
        items.extend(rest);
        *list = Some(Json::Array(items));
    }
}

/// The members of an element that are no lists: those by which a rule of a group is the same rule.
fn head(item: &Map<String, Json>) -> Json {
    item.iter().filter(|(_, value)| !value.is_array()).map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn take_out(items: &mut Vec<Json>, gone: Vec<Json>) {
    let mut exact: HashMap<Json, usize> = HashMap::new();
    for item in gone {
        *exact.entry(item).or_default() += 1;
    }
    items.retain(|item| match exact.get_mut(item) {
        Some(left) if *left > 0 => {
            *left -= 1;
            false
        }
        _ => true,
    });
    // What is not there as it is may be a part of an element: by its other members → by the name of the list → what goes.
    let mut less: HashMap<Json, BTreeMap<String, HashSet<Json>>> = HashMap::new();
    for item in
        exact.into_iter().filter(|(_, left)| *left > 0).filter_map(|(item, _)| if let Json::Object(map) = item { Some(map) } else { None })
    {
        let lists = less.entry(head(&item)).or_default();
        for (key, value) in item {
            if let Json::Array(members) = value {
                lists.entry(key).or_default().extend(members);
            }
        }
    }
    less.retain(|_, lists| !lists.is_empty());
    if less.is_empty() {
        return;
    }
    items.retain_mut(|item| {
        let Some(map) = item.as_object_mut() else { return true };
        let Some(lists) = less.get(&head(map)) else { return true };
        for (key, gone) in lists {
            if let Some(Json::Array(own)) = map.get_mut(key) {
                own.retain(|member| !gone.contains(member));
            }
        }
        !lists.keys().all(|key| map.get(key).and_then(Json::as_array).is_some_and(Vec::is_empty))
    });
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn edited(list: Json, taken: &[Json], added: &[Json]) -> Json {
        let mut edits = Edits::default();
        taken.iter().cloned().for_each(|item| edits.take_out(item));
        added.iter().cloned().for_each(|item| edits.add(item));
        let mut list = Some(list);
        edits.apply(&mut list, || json!({"$unknown": "not-in-plan\n\nit"}));
        list.unwrap_or_default()
    }

    #[test]
    fn a_part_takes_out_of_an_element_what_it_added_to_it() {
        let rule = |port: u16, cidrs: &[&str]| json!({"from_port": port, "cidr_ips": cidrs, "prefix_list_ids": []});
        let echo = || json!([rule(443, &["10.0.0.0/8", "10.1.0.0/16"]), rule(22, &["10.0.0.0/8"])]);
        assert_eq!(edited(echo(), &[rule(443, &["10.1.0.0/16"])], &[]), json!([rule(443, &["10.0.0.0/8"]), rule(22, &["10.0.0.0/8"])]));
        assert_eq!(edited(echo(), &[rule(22, &["10.0.0.0/8"])], &[]), json!([rule(443, &["10.0.0.0/8", "10.1.0.0/16"])]));
        let both = [rule(443, &["10.1.0.0/16"]), rule(443, &["10.0.0.0/8"])];
        assert_eq!(edited(echo(), &both, &[]), json!([rule(22, &["10.0.0.0/8"])]), "nothing of it is left");
        assert_eq!(edited(echo(), &[rule(80, &["10.0.0.0/8"])], &[]), echo(), "no such rule");
    }

    #[test]
    fn what_is_added_is_there_once_and_what_is_open_stays_open() {
        assert_eq!(edited(json!(["a"]), &[json!("a")], &[json!("b"), json!("a"), json!("b")]), json!(["b", "a"]));
        let open = json!({"$unknown": "not-in-plan\n\nmore"});
        assert_eq!(edited(open.clone(), &[], &[json!("a")]), json!(["a", open]));
        let later = json!({"$unknown": "after-apply\n\nit"});
        assert_eq!(edited(later.clone(), &[], &[json!("a")]), json!(["a"]));
        assert_eq!(edited(later.clone(), &[json!("a")], &[]), later);
    }

    #[test]
    fn ten_times_as_many_parts_cost_about_ten_times_as_much() {
        let time = |count: usize| {
            let rule = |n: usize| json!({"from_port": n, "cidr_ips": [format!("10.{}.{}.0/24", n / 250, n % 250)], "prefix_list_ids": []});
            let echo: Json = (0..count).map(rule).collect();
            let taken: Vec<Json> = (0..count).step_by(2).map(rule).collect();
            let added: Vec<Json> = (0..count).map(|n| rule(n + count)).collect();
            let start = std::time::Instant::now();
            edited(echo, &taken, &added);
            start.elapsed()
        };
        let (few, many) = (time(400), time(4000));
        // Comparing each with each would take a hundred times as long.
        assert!(many < few * 40 + std::time::Duration::from_millis(200), "{few:?}, {many:?}");
    }
}
