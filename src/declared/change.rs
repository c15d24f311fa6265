//! The types that only code has: what a plan changes, and what is declared of types that no table reads.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value as Json;

use crate::estate::{CODE, Fetched, Gap, Properties, Registry, not_collected};

/// What a plan does to one resource, whatever its type; one for each that the plan names, deposed leftovers too.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Change {
    /// Address in the code.
    pub(crate) address: String,
    /// The code's own name of the type: `aws_db_instance`.
    pub(crate) resource_type: String,
    /// What becomes of it: `no-op`, `create`, `update`, `replace`, `delete` or `forget` (it stays, and is no longer managed).
    pub(crate) action: String,
    /// Why the plan does so: `replace_because_cannot_update`, `delete_because_no_resource_config`; absent where the action speaks for itself.
    pub(crate) action_reason: Option<String>,
    /// Attributes that force the replacement, in dots; empty when nothing is replaced or something else forces it.
    pub(crate) replace_paths: Vec<String>,
    /// Address it had before, when it was moved.
    pub(crate) previous_address: Option<String>,
    /// Whether it is brought under management by this plan.
    pub(crate) imported: bool,
    /// Mark of a leftover of an earlier replacement; absent on everything else.
    pub(crate) deposed: Option<String>,
    /// What it holds, where losing it loses something: `database`, `bucket`, `key`, `vault`, `trail`, `backup`, `storage`, `stream`, `queue`, `directory`, `repository`, `disk` (an instance whose disks go with it), `account`, `domain`; absent for types that are known to hold nothing, unknown for types that nobody has looked at.
    pub(crate) holds: Fetched<String>,
    /// Whether AWS refuses to delete it, as it is before the plan; absent where it has no such setting or it is not known.
    pub(crate) deletion_protection: Option<bool>,
    /// Whether it is deleted without a last snapshot, as it is set before the plan; absent where it has no such setting.
    pub(crate) skip_final_snapshot: Option<bool>,
    /// Whether it is deleted although something is in it, as it is set before the plan; absent where it has no such setting.
    pub(crate) force_destroy: Option<bool>,
}

impl Properties for Change {
    const TYPE: &'static str = "Code::Change";
}

/// Something that code declares of a type that keur does not read further: only its place and tags count.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Other {
    /// Address in the code.
    pub(crate) address: String,
    /// The code's own name of the type: `aws_sqs_queue`.
    pub(crate) resource_type: String,
}

impl Properties for Other {
    const TYPE: &'static str = "Code::Resource";
}

/// Something that code declares, that keur does not read further and that has no tags: a setting, a permission, a piece of another thing.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Piece {
    /// Address in the code.
    pub(crate) address: String,
    /// The code's own name of the type: `aws_lambda_permission`.
    pub(crate) resource_type: String,
}

impl Properties for Piece {
    const TYPE: &'static str = "Code::Piece";
}

/// Declares the types.
pub(crate) fn register(registry: Registry) -> Registry {
    let mut names: Vec<_> = super::sources().into_iter().collect();
    // What becomes a thing of the type goes before what adds to one.
    names.sort_by_key(|(_, adds, _)| *adds);
    let registry = registry.called(names.into_iter().filter(|(kind, _, from)| kind != from).map(|(kind, _, from)| (from, kind)));
    registry.with::<Change>(CODE).with::<Other>(CODE).with::<Piece>(CODE)
}

/// Every type of the provider, and what is lost with a thing of it.
static TYPES: LazyLock<HashMap<&str, &str>> = LazyLock::new(|| lines().collect());

fn lines() -> impl Iterator<Item = (&'static str, &'static str)> {
    let lines = include_str!("holds.tsv").lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split_once('\t').expect("internal error: a line of holds.tsv is a type, a tab and a word"))
}

/// What is lost with a thing of that type; unknown for a type that nobody looked at, and for one whose things make others.
/// `before` is the thing as it is.
pub(crate) fn holds(resource_type: &str, before: Option<&Json>) -> Fetched<String> {
    match TYPES.get(resource_type) {
        Some(&"-") => Fetched::Absent,
        Some(&"disk") if before.is_some_and(keeps_its_disks) => Fetched::Absent,
        Some(&"?") => Fetched::Unknown(Arc::new(not_known(format!("whether what {resource_type} makes holds data")))),
        Some(word) => Fetched::Known((*word).to_owned()),
        None => Fetched::Unknown(Arc::new(not_known(format!("whether {resource_type} holds data")))),
    }
}

fn not_known(what: String) -> Gap {
    // Not `not-in-plan`: a run over AWS does not tell it either, and it must count.
    not_collected("code", "", "", &format!("{what} is not known"))
}

/// Whether every disk of an instance stays when the instance goes. Nobody knows of disks that are not shown.
fn keeps_its_disks(instance: &Json) -> bool {
    let blocks = || ["root_block_device", "ebs_block_device"].into_iter().filter_map(|name| instance.get(name)?.as_array()).flatten();
    blocks().next().is_some() && blocks().all(|block| block.get("delete_on_termination") == Some(&Json::Bool(false)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::{holds, lines};
    use crate::declared::sources;
    use crate::estate::Fetched;

    #[test]
    fn every_type_with_a_table_is_on_the_list_of_what_is_lost() {
        const WORDS: &[&str] = &[
            "-",
            "?",
            "account",
            "backup",
            "bucket",
            "database",
            "directory",
            "disk",
            "domain",
            "key",
            "queue",
            "repository",
            "storage",
            "stream",
            "trail",
            "vault",
        ];
        let types: Vec<&str> = lines().map(|(kind, _)| kind).collect();
        assert!(types.is_sorted() && types.windows(2).all(|pair| pair[0] != pair[1]), "sorted by type, each once");
        for (kind, word) in lines() {
            assert!(kind.starts_with("aws_") && WORDS.contains(&word), "{kind}: {word}");
        }
        let known: BTreeSet<&str> = types.into_iter().collect();
        let read = sources().into_iter().map(|(_, _, from)| from).filter(|from| from.starts_with("aws_"));
        let missing: Vec<&str> = read.filter(|from| !known.contains(from)).collect();
        assert!(missing.is_empty(), "add to src/declared/holds.tsv: {missing:?}");
    }

    #[test]
    fn a_type_that_is_on_no_list_is_not_known_to_hold_nothing() {
        assert_eq!(holds("aws_db_instance", None), Fetched::Known("database".to_owned()));
        assert_eq!(holds("aws_security_group", None), Fetched::Absent);
        for kind in ["aws_of_next_year", "aws_cloudformation_stack", "awscc_rds_db_instance"] {
            assert!(matches!(holds(kind, None), Fetched::Unknown(_)), "{kind}");
        }
    }

    #[test]
    fn an_instance_takes_the_disks_with_it_that_do_not_say_that_they_stay() {
        let disk = |instance: serde_json::Value| holds("aws_instance", Some(&instance)) != Fetched::Absent;
        let stays = json!({"delete_on_termination": false});
        let goes = json!({"delete_on_termination": true});
        assert!(!disk(json!({"root_block_device": [stays], "ebs_block_device": [stays]})));
        assert!(disk(json!({"root_block_device": [stays], "ebs_block_device": [stays, goes]})));
        assert!(disk(json!({"root_block_device": [goes], "ebs_block_device": []})));
        // Nobody says so of these.
        assert!(disk(json!({"root_block_device": [{"volume_size": 8}]})));
        assert!(disk(json!({"root_block_device": [], "ebs_block_device": []})) && disk(json!({})));
    }
}
