//! A plan of any size, for measuring: `synthetic_plan PLAN COUNT OUT` repeats the resources of a real
//! plan as instances of a module until it has as many.

#![allow(clippy::print_stderr, reason = "a tool for developers")]

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write as _};

use serde_json::{Value as Json, json};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(plan), Some(count), Some(out)) = (arguments.next(), arguments.next(), arguments.next()) else {
        return Err("usage: synthetic_plan PLAN COUNT OUT".into());
    };
    let count: usize = count.parse()?;
    let bytes = std::fs::read(&plan)?;
    let bytes = if plan.ends_with(".zst") { zstd::decode_all(bytes.as_slice())? } else { bytes };
    let mut plan: Json = serde_json::from_slice(&bytes)?;
    let changes = plan["resource_changes"].as_array().cloned().unwrap_or_default();
    let changes: Vec<Json> = changes.into_iter().filter(|c| c["mode"] == "managed" && c.get("module_address").is_none()).collect();
    if changes.is_empty() {
        return Err("the plan changes nothing".into());
    }
    let mut all = Vec::with_capacity(count);
    'full: for number in 0.. {
        for change in &changes {
            if all.len() == count {
                break 'full;
            }
            let mut change = change.clone();
            let module = format!("module.copy[\"{number}\"]");
            change["address"] = json!(format!("{module}.{}", change["address"].as_str().unwrap_or_default()));
            change["module_address"] = json!(module);
            all.push(change);
        }
    }
    let root = plan["configuration"]["root_module"].take();
    plan["configuration"]["root_module"] = json!({"module_calls": {"copy": {"source": "./copy", "module": root}}});
    plan["resource_changes"] = Json::Array(all);
    if let Some(map) = plan.as_object_mut() {
        map.remove("planned_values");
        map.remove("prior_state");
        map.remove("resource_drift");
    }
    let mut out = BufWriter::new(File::create(out)?);
    serde_json::to_writer(&mut out, &plan)?;
    out.flush()?;
    Ok(())
}
