//! The tests in the files of policies.

use std::sync::Arc;

use super::{Judged, Verdict, judge_in, own_slots};
use crate::diag::{Code, Diagnostic};
use crate::estate::{Record, Value};
use crate::expr::World;
use crate::policy::{Expect, InlineTest, Parameters, Policy, slots};

/// A test that gave another verdict than it expects.
#[derive(Debug, Clone)]
pub struct TestFailure {
    /// The policy's id.
    pub policy: String,
    /// The test's name.
    pub test: String,
    /// Where and why.
    pub diagnostic: Diagnostic,
}

/// Runs the tests of a policy; gives those that failed.
pub fn run_tests(policy: &Policy, parameters: &Parameters) -> Vec<TestFailure> {
    policy.tests.iter().filter_map(|test| run(policy, test, parameters)).collect()
}

fn run(policy: &Policy, test: &InlineTest, parameters: &Parameters) -> Option<TestFailure> {
    let given = &test.world;
    let subject = &given.resources[0];
    let mut own = own_slots(policy, subject, 0);
    own[slots::PARAMS] = with_overrides(parameters.for_environment(&subject.environment), given);
    own[slots::NOW] = Value::Timestamp(given.now);
    let mut world = World { resources: &given.resources, slots: own, sentence: false, shared: None };
    let judged = judge_in(policy, &mut world, |world| {
        for (bound, value) in policy.bindings.iter().zip(&given.bindings) {
            world.slots[bound.slot] = value.clone();
        }
    });
    let (got, message, why) = match judged {
        Judged::OutOfScope => (Expect::OutOfScope, None, None),
        Judged::Verdict { verdict, message, clause, gap } => {
            let expect = match verdict {
                Verdict::Pass => Expect::Pass,
                Verdict::Deviation | Verdict::Excepted => Expect::Deviation,
                Verdict::Unknown => Expect::Unknown,
            };
            let clause = clause.map(|c| format!("decided by `{}`", policy.require.clauses[usize::from(c)].text));
            (expect, message, gap.map(|g| format!("the gap is: {g}")).or(clause))
        }
    };
    let wrong_message = test.message.as_deref().is_some_and(|wanted| message.as_deref() != Some(wanted));
    if got == test.expect && !wrong_message {
        return None;
    }
    let title = if got == test.expect {
        format!("`{}` gives another sentence", test.name)
    } else {
        format!("`{}` expects {}, the verdict is {}", test.name, test.expect.as_str(), got.as_str())
    };
    let mut diagnostic = Diagnostic::error(Code::InlineTestFailed, title, &policy.source, test.span.clone()).label("this test");
    if let Some(why) = why {
        diagnostic = diagnostic.help(why);
    }
    if wrong_message {
        diagnostic = diagnostic.help(format!("the sentence is: {}", message.as_deref().unwrap_or("none")));
    }
    Some(TestFailure { policy: policy.id.clone(), test: test.name.clone(), diagnostic })
}

fn with_overrides(params: Value, given: &crate::policy::TestWorld) -> Value {
    let Value::Record(record) = &params else { return params };
    if given.parameters.is_empty() {
        return params;
    }
    let values =
        record.ty.fields.iter().zip(&record.values).map(|(field, value)| given.parameters.get(&field.name).unwrap_or(value).clone());
    Value::Record(Arc::new(Record { ty: Arc::clone(&record.ty), values: values.collect() }))
}
