//! The words of the report, in each language. A catalogue is a value of a type with one field per word, so that a language that
//! lacks one does not compile; a test compares the gaps of the sentences. Crates for this look words up by name while the program
//! runs, where a missing one shows only to the reader.

mod codes;
mod de;
mod en;
mod fr;
mod nl;

pub(super) use codes::{OWNERS, REDACTIONS, REGIONS, SCOPE_RULES, SOURCES};

/// The language of a report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// Dutch.
    Nl,
    /// French.
    Fr,
    /// German.
    De,
}

impl Lang {
    /// All of them, with their codes.
    pub const ALL: &'static [(&'static str, Self)] = &[("en", Self::En), ("nl", Self::Nl), ("fr", Self::Fr), ("de", Self::De)];

    /// The code of the language.
    pub fn code(self) -> &'static str {
        Self::ALL.iter().find(|(_, lang)| *lang == self).map_or("", |(code, _)| code)
    }

    /// Whether a number takes the singular: in French nothing does as well.
    pub(super) fn is_one(self, number: i64) -> bool {
        match self {
            Self::En | Self::Nl | Self::De => number == 1,
            Self::Fr => (0..=1).contains(&number),
        }
    }

    pub(super) fn words(self) -> &'static Words {
        match self {
            Self::En => &en::EN,
            Self::Nl => &nl::NL,
            Self::Fr => &fr::FR,
            Self::De => &de::DE,
        }
    }
}

macro_rules! words {
    ($($name:ident)*) => {
        /// The words of one language. A gap in a sentence is written `{name}`.
        #[derive(Debug)]
        pub(in crate::report::html) struct Words {
            $(pub(in crate::report::html) $name: &'static str,)*
        }

        #[cfg(test)]
        impl Words {
            /// Names and words.
            pub(in crate::report::html) fn all(&self) -> Vec<(&'static str, &'static str)> {
                vec![$((stringify!($name), self.$name),)*]
            }
        }
    };
}

words! {
    title skip contents classification not_a_certificate colophon glance scope applicability sheets exceptions attestations
    claims chain inherited_controls method index verify annexes met not_met not_determined attested attestation_expired
    exception_accepted inherited not_applicable means_met means_not_met means_not_determined means_attested
    means_attestation_expired means_exception_accepted means_inherited means_not_applicable pass deviation unknown
    excepted passes deviations unknowns excepteds means_pass means_deviation means_unknown means_excepted low medium
    high critical valid expired not_yet_valid stale not_seen aborted yes no none of until from to not_known not_stated
    not_configured not_assigned not_signed organisation isms_scope isms_scope_note accounts account regions region period
    point_in_time collected as_of source file tool run run_by rules rules_value identity no_identity pack no_pack chain_id
    started_record findings_hash previous_pack none_first signer timestamp_token timestamp_note controls_by_verdict
    findings_by_verdict verdict this_run previous_run difference no_previous first_pack what_changed opened_closed
    rules_changed no_control_turned controls_turned open_items open_caption open_shown nothing_open open_since days_old day_old
    complete_all complete_part complete_code not_covered account_closed listing_open code_incomplete code_only code_types
    other_providers regions_only types_only no_second_source policies_left_out controls_untested resources types
    calls denied_calls actions regions_from set_apart population_caption resource_type listed judged excluded not_read
    complete out_of_scope_caption rule judgements denied_caption gaps_caption no_gaps call reason facts unknown_verdicts
    applicability_note applicability_caption control controls title_column edition_2013 edition_2022 new_in_2022 applicable
    evidence_type passed_of_judged age_days test document provider test_and_document document_and_provider nothing_yet
    sheets_note why population_empty would_show owner method_column test_method examine_method test_and_examine_method
    no_method population_and_sampling whole_population evidence evidence_used responses_used suggested_sample sample_where
    results_caption criterion severity failures_caption resource policy policies finding more_findings exceptions_used
    exception documents_used statement document_column no_document state month packs months_caption sign_off role
    name date_and_signature control_owner auditor results results_note nothing_to_judge every_type applies_when
    must_hold basis result remedy place all_passes one_pass sample_of_passes whatever_is_there no_exceptions exceptions_note
    exceptions_caption id covers risk compensating approved approver valid_from valid_until days_left matches_now
    no_attestations attestations_caption missing_attestations claims_note claims_caption rests_on nothing_inherited
    shared_responsibility inherited_caption no_pack_chain aborted_runs cadence packs_caption manifest previous_manifest
    this_pack see_pack own_manifest never_late no_cadence late_caption days scope_changed open_spans closed_spans
    opened closed days_open more_closed clause_9_1 what_measured what_measured_value how_measured how_measured_value
    when_measured who_measured when_evaluated when_evaluated_value who_evaluates who_evaluates_value rules_of_verdicts
    rule_unknown rule_empty rule_deviation rule_exception rule_attested rule_no_total limits limit_clock limit_permissions
    limit_point limit_blind limit_english limit_independence sampling sampling_value seed_pack seed_plain redactions
    no_pack_redactions no_redactions redactions_caption answer where_in_it rules_caption sha256 no_pack_index no_calls
    index_note index_grouped index_caption time status request_id bytes refused answers first_and_last no_pack_verify
    no_pack_expect commands verify_note verify_files verify_chain verify_signature verify_time verify_replay verify_trail
    verify_expect annex_words words_controls words_findings meaning annex_2013 editions_caption
    why_no_policy why_left_out why_not_proven why_nothing why_expired why_no_attestation why_no_code why_claim_lacks why_untested
    seen_population declared_population earlier_edition reason_denied reason_denied_by_organisation reason_throttled
    reason_timed_out reason_unavailable reason_unparsable reason_failed reason_not_collected reason_out_of_reach
    reason_not_in_plan reason_after_apply reason_referenced reason_aws_decides reason_sensitive reason_policy_error
    reason_unrecognised
    message_not_seen message_scope_not_seen message_not_listed scope_condition scope_global_service scope_account_setting
    scope_aws_managed_key scope_service_linked_role scope_identity_center_role scope_organisation_object
    scope_default_parameter_group scope_empty_default_vault scope_unused_default_vpc environment_unassigned
    environment_ambiguous environment_unknown region_global region_every source_live source_demo source_replay source_plan
    source_state source_template source_estate owner_infrastructure owner_development owner_data_protection owner_ciso
    action_no_op action_create action_update action_replace action_delete action_forget region_from_global_type
    region_from_argument region_from_arn region_from_provider_constant region_from_provider_variable
    region_from_availability_zone region_from_data_source region_from_same_provider region_from_assumed region_from_whole
    region_from_unknown taken_password taken_secret taken_may_be_secret taken_person taken_request_id
}
