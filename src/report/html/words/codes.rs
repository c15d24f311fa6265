//! The words for codes: what a program reads as `denied` is said to a reader in a word of the reader's language. Codes with a type
//! are matched arm by arm; those that are text have one table each, which tests hold against everything that the program makes.

use super::Words;
use crate::estate::{Action, Environment, Reason, RegionFrom};

/// A code, and its word in a language.
type Table = &'static [(&'static str, fn(&Words) -> &'static str)];

/// Why a resource is out of scope of a policy.
pub(in crate::report::html) const SCOPE_RULES: Table = &[
    ("condition", |w| w.scope_condition),
    ("global-service", |w| w.scope_global_service),
    ("account-setting", |w| w.scope_account_setting),
    ("aws-managed-key", |w| w.scope_aws_managed_key),
    ("service-linked-role", |w| w.scope_service_linked_role),
    ("identity-center-role", |w| w.scope_identity_center_role),
    ("organisation-object", |w| w.scope_organisation_object),
    ("default-parameter-group", |w| w.scope_default_parameter_group),
    ("empty-default-vault", |w| w.scope_empty_default_vault),
    ("unused-default-vpc", |w| w.scope_unused_default_vpc),
];

/// Where facts come from.
pub(in crate::report::html) const SOURCES: Table = &[
    ("live", |w| w.source_live),
    ("demo", |w| w.source_demo),
    ("replay", |w| w.source_replay),
    ("plan", |w| w.source_plan),
    ("state", |w| w.source_state),
    ("template", |w| w.source_template),
    ("estate", |w| w.source_estate),
];

/// Who owns the statements that come with the program; other owners are names of the organisation's own.
pub(in crate::report::html) const OWNERS: Table = &[
    ("Infrastructure", |w| w.owner_infrastructure),
    ("Development", |w| w.owner_development),
    ("Data protection officer", |w| w.owner_data_protection),
    ("CISO", |w| w.owner_ciso),
];

/// Why something was taken out of an answer.
pub(in crate::report::html) const REDACTIONS: Table = &[
    ("a password", |w| w.taken_password),
    ("a secret", |w| w.taken_secret),
    ("may hold secrets", |w| w.taken_may_be_secret),
    ("data about a person", |w| w.taken_person),
    ("the id of the request, moved to the index", |w| w.taken_request_id),
];

/// Regions that are none.
pub(in crate::report::html) const REGIONS: Table =
    &[(crate::estate::GLOBAL, |w| w.region_global), (crate::estate::ALL_REGIONS, |w| w.region_every)];

impl Words {
    /// The word for a code of a table.
    pub(in crate::report::html) fn of(&self, table: Table, code: &str) -> Option<&'static str> {
        table.iter().find(|(known, _)| *known == code).map(|(_, word)| word(self))
    }

    /// Why a fact could not be read.
    pub(in crate::report::html) fn gap(&self, reason: Reason) -> &'static str {
        match reason {
            Reason::Denied => self.reason_denied,
            Reason::DeniedByOrganisation => self.reason_denied_by_organisation,
            Reason::Throttled => self.reason_throttled,
            Reason::TimedOut => self.reason_timed_out,
            Reason::Unavailable => self.reason_unavailable,
            Reason::Unparsable => self.reason_unparsable,
            Reason::Failed => self.reason_failed,
            Reason::NotCollected => self.reason_not_collected,
            Reason::OutOfReach => self.reason_out_of_reach,
            Reason::NotInPlan => self.reason_not_in_plan,
            Reason::AfterApply => self.reason_after_apply,
            Reason::Referenced => self.reason_referenced,
            Reason::AwsDecides => self.reason_aws_decides,
            Reason::Sensitive => self.reason_sensitive,
            Reason::PolicyError => self.reason_policy_error,
            Reason::Unrecognised => self.reason_unrecognised,
        }
    }

    /// What a plan does to a resource.
    pub(in crate::report::html) fn action(&self, action: Action) -> &'static str {
        match action {
            Action::NoOp => self.action_no_op,
            Action::Create => self.action_create,
            Action::Update => self.action_update,
            Action::Replace => self.action_replace,
            Action::Delete => self.action_delete,
            Action::Forget => self.action_forget,
        }
    }

    /// How a region was found out.
    pub(in crate::report::html) fn region_from(&self, from: RegionFrom) -> &'static str {
        match from {
            RegionFrom::GlobalType => self.region_from_global_type,
            RegionFrom::Argument => self.region_from_argument,
            RegionFrom::Arn => self.region_from_arn,
            RegionFrom::ProviderConstant => self.region_from_provider_constant,
            RegionFrom::ProviderVariable => self.region_from_provider_variable,
            RegionFrom::AvailabilityZone => self.region_from_availability_zone,
            RegionFrom::DataSource => self.region_from_data_source,
            RegionFrom::SameProvider => self.region_from_same_provider,
            RegionFrom::Assumed => self.region_from_assumed,
            RegionFrom::Whole => self.region_from_whole,
            RegionFrom::Unknown => self.region_from_unknown,
        }
    }

    /// The environment of a resource, where it is not the name of one.
    pub(in crate::report::html) fn environment(&self, environment: &Environment) -> Option<&'static str> {
        match environment {
            Environment::Named { .. } => None,
            Environment::Unassigned | Environment::Unrecognised { .. } => Some(self.environment_unassigned),
            Environment::Ambiguous(_) => Some(self.environment_ambiguous),
            Environment::Unknown(_) => Some(self.environment_unknown),
        }
    }
}
