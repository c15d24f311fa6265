//! What an export says of verdicts, whatever program wrote it: for packs whose exports another program wrote.

use serde_json::Value;

use super::Format;

/// Verdicts and what they are of, sorted; none if the document is not one of the format, or if it tells of no verdicts.
pub(crate) fn export_facts(format: Format, bytes: &[u8]) -> Option<Vec<String>> {
    let mut facts = match format {
        Format::Csv => csv(bytes)?,
        Format::Asff => {
            each(&json(bytes)?, &["/GeneratorId", "/Resources/0/Id", "/AwsAccountId", "/Compliance/Status", "/Workflow/Status"])?
        }
        Format::Ocsf => each(
            &json(bytes)?,
            &[
                "/finding_info/analytic/uid",
                "/resources/0/uid",
                "/unmapped/account",
                "/unmapped/region",
                "/compliance/status_id",
                "/status_id",
            ],
        )?,
        Format::Oscal => oscal(&json(bytes)?)?,
        Format::Table | Format::Json | Format::Html => return None,
    };
    facts.sort_unstable();
    Some(facts)
}

fn json(bytes: &[u8]) -> Option<Value> {
    serde_json::from_slice(bytes).ok()
}

/// Members of every item of a list. An item that lacks one of them says otherwise than one that has it.
fn each(list: &Value, members: &[&str]) -> Option<Vec<String>> {
    let of = |item: &Value| {
        let found: Vec<String> = members.iter().map(|member| item.pointer(member).map_or_else(String::new, Value::to_string)).collect();
        found.join(" ")
    };
    list.as_array().map(|items| items.iter().map(of).collect())
}

const CSV: &[&str] = &["row", "control", "control_verdict", "policy", "verdict", "apart", "resource_arn", "account", "region", "exception"];

fn csv(bytes: &[u8]) -> Option<Vec<String>> {
    let mut reader = ::csv::Reader::from_reader(bytes);
    let header = reader.headers().ok()?.clone();
    let columns: Vec<usize> = CSV.iter().map(|name| header.iter().position(|column| column == *name)).collect::<Option<_>>()?;
    let row = |row: Result<::csv::StringRecord, ::csv::Error>| {
        let row = row.ok()?;
        Some(columns.iter().map(|at| row.get(*at).unwrap_or_default()).collect::<Vec<_>>().join("\t"))
    };
    reader.records().map(row).collect()
}

/// What stands of controls under findings, and of resources under observations.
fn oscal(document: &Value) -> Option<Vec<String>> {
    let results = document.pointer("/assessment-results/results")?.as_array()?;
    let mut found = Vec::new();
    for result in results {
        found.extend(each(result.get("findings")?, &["/target/target-id", "/target/status"])?);
        let observations = result.get("observations")?.as_array()?;
        for observation in observations {
            // Names of properties and their values, without those that are made of where a pack is.
            let verdicts = observation.get("props").and_then(Value::as_array).into_iter().flatten();
            let verdicts = verdicts.filter(|prop| matches!(prop["name"].as_str(), Some("verdict" | "policy" | "fingerprint")));
            found.push(verdicts.map(|prop| format!("{} {}", prop["name"], prop["value"])).collect::<Vec<_>>().join("; "));
        }
    }
    Some(found)
}
