//! From rules and an estate to a report: the same way for a run and for its evaluation from a pack.

use std::sync::Arc;

use super::setup::Setup;
use super::source::{Asks, Sourced};
use super::{Terminal, drift};
use crate::diag::{Diagnostic, SourceFile};
use crate::drift::Ignore;
use crate::estate::Estate;
use crate::evaluate::{Judgement, evaluate, population, set_apart};
use crate::framework::{Edition, apply, roll_up};
use crate::policy::Severity;
use crate::report::{Dossier, Report};

/// What a run is given besides rules and an estate.
pub(super) struct Given {
    /// What states declare, and what is accepted of the difference.
    pub(super) declared: Option<DeclaredBy>,
    /// From which severity on a deviation fails the run.
    pub(super) fail_on: Severity,
    /// Whether what is set apart counts as well.
    pub(super) all: bool,
    /// What was asked.
    pub(super) asks: Asks,
    /// By which rules controls are rolled up.
    pub(super) edition: Edition,
}

/// What states declare.
pub(super) struct DeclaredBy {
    pub(super) estate: Estate,
    /// The differences that are accepted.
    pub(super) ignores: Vec<Ignore>,
    /// The files that say so.
    pub(super) sources: Vec<Arc<SourceFile>>,
}

/// An estate, and its verdicts.
pub(super) struct Judged {
    pub(super) estate: Estate,
    /// Of a plan, what was before it.
    pub(super) before: Option<Estate>,
    /// What was exchanged with AWS.
    #[cfg(feature = "aws")]
    pub(super) tape: Option<crate::aws::Tape>,
    /// What was seen of AWS, before facts about code came to it.
    pub(super) seen: Option<Vec<u8>>,
    pub(super) judgement: Judgement,
    notes: Vec<Diagnostic>,
    edition: Edition,
}

impl Given {
    /// Judges an estate; of a plan also what was before it.
    pub(super) fn judge(&self, setup: &Setup, sourced: Sourced, terminal: &Terminal) -> Judged {
        let Sourced { mut estate, before, .. } = sourced;
        #[cfg(feature = "aws")]
        let tape = sourced.tape;
        let mut seen = None;
        if let Some(DeclaredBy { estate: declared, ignores, .. }) = &self.declared {
            if self.asks.record {
                seen = Some(saved(&estate));
            }
            let compared = drift::compare(declared, ignores, &estate, terminal);
            crate::drift::add_facts(&compared, declared, &mut estate, ignores, &setup.registry);
        }
        let bundle = &setup.bundle;
        let mut judgement = evaluate(&bundle.policies, &bundle.parameters, &estate, &setup.registry);
        if estate.run.declared.is_some() {
            let earlier = before.as_ref().map(|before| evaluate(&bundle.policies, &bundle.parameters, before, &setup.registry));
            set_apart(&mut judgement, &estate, earlier.as_ref().zip(before.as_ref()));
        }
        let applied = apply(&setup.exceptions, &bundle.policies, &estate, &mut judgement, estate.run.as_of);
        Judged {
            estate,
            before,
            #[cfg(feature = "aws")]
            tape,
            seen,
            judgement,
            notes: applied.notes,
            edition: self.edition,
        }
    }
}

/// An estate as `keur collect` saves it.
pub(super) fn saved(estate: &Estate) -> Vec<u8> {
    let mut bytes = Vec::new();
    estate.save(&mut bytes).expect("internal error: writing to memory cannot fail");
    bytes
}

impl Judged {
    /// Says what should be looked at.
    pub(super) fn say_notes(&self, terminal: &Terminal) {
        for note in &self.notes {
            terminal.say(&note.render(terminal.color));
        }
    }

    /// The report on it.
    pub(super) fn report<'a>(&'a self, setup: &'a Setup, fail_on: Severity, all: bool, dossier: Option<&'a Dossier>) -> Report<'a> {
        let bundle = &setup.bundle;
        Report {
            organisation: setup.config.organisation.as_deref(),
            population: population(&self.estate, &self.judgement),
            controls: roll_up(&setup.framework, &bundle.policies, &self.judgement, &self.estate, &setup.attestations, self.edition),
            estate: &self.estate,
            policies: &bundle.policies,
            policies_sha256: &bundle.sha256,
            statements: &bundle.statements,
            judgement: &self.judgement,
            framework: &setup.framework,
            exceptions: &setup.exceptions,
            attestations: &setup.attestations,
            dossier,
            fail_on,
            all,
            edition: self.edition,
        }
    }
}
