//! The whole program against AWS emulators: what is wrong is found and nothing else, and what could not be read is never
//! a pass.

#![cfg(feature = "all-services")]

#[path = "support/seed/mod.rs"]
#[allow(dead_code, reason = "shared with the recording of the demo")]
mod seed;
mod support;

use std::collections::BTreeSet;

use seed::faults::{Expected, Fault};
use seed::{ACCOUNT, Cloud, HOME, Seed, Size};
use support::{Found, Keur, Ministack, Moto, found};

const CONFIG: &str = "
organisation: Example Clinic Calendar
regions: {allowed: [eu-central-1], sweep: enabled}
environments:
  production: {tags: {Environment: [production]}}
  staging: {tags: {Environment: [staging]}}
  test: {tags: {Environment: [test]}}
  demo: {tags: {Environment: [demo]}}
parameters: {region_guardrail_required: false}
";

fn everything(expected: impl IntoIterator<Item = Expected>) -> BTreeSet<Found> {
    expected.into_iter().map(|(policy, id, region)| found(policy, id, region)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn explore() {
    let (moto, ministack) = (Moto::start(), Ministack::start());
    let cloud = Cloud::new(&moto.url());
    let since = std::time::Instant::now();
    let seed = Seed::clean(&cloud, Size::SMALL).await;
    seed.vaults(&Cloud::new(&ministack.url())).await;
    println!("seeded {:?}", since.elapsed());
    let keur = Keur::on(&moto, &ministack);
    keur.write("keur.yaml", CONFIG);
    for faulty in [false, true] {
        let mut broken = Vec::new();
        let mut expected = Vec::new();
        if faulty {
            for fault in Fault::ALL {
                println!("{fault:?}");
                let one = fault.apply(&cloud, &seed).await;
                expected.extend(one.expected.clone());
                broken.push(one);
            }
            println!("broken {:?}", since.elapsed());
        }
        let expected = everything(expected);
        let ran = keur.run(["check", "--format", "json"]);
        println!("{faulty} code {:?} took {:?}\n{}", ran.code, ran.took, ran.stderr);
        let report = ran.report();
        let deviations = report.with_verdict("deviation");
        for one in deviations.difference(&expected) {
            println!("UNEXPECTED {one:?} {:?}", report.message(&one.policy, &one.resource));
        }
        for one in expected.difference(&deviations) {
            println!("MISSED {one:?} {:?}", report.verdicts(&one.policy).get(one));
        }
        for one in report.with_verdict("unknown") {
            println!("UNKNOWN {one:?} {:?}", report.message(&one.policy, &one.resource));
        }
        println!("gaps {:#?}", report.gap_calls());
        println!("incomplete {:?}\nunbalanced {:?}", report.incomplete(), report.unbalanced());
        println!("summary {}", report.at("/summary"));
        println!("policies {:#?}", report.policies());
        for one in broken {
            one.mend(&cloud).await;
        }
        println!("mended {:?}", since.elapsed());
    }
    let ran = keur.run(["check", "--format", "json"]);
    let report = ran.report();
    println!("MENDED {:?} {:?}", ran.code, report.with_verdict("deviation"));
    println!("MENDED {:?}", report.with_verdict("unknown"));
    let _ = (ACCOUNT, HOME);
}
