//! The tables that shipments are found and judged by, against the actions and partners.

use std::collections::BTreeSet;

/// A shipment's keys are looked for as subjects where the partner's pushes may be about them.
#[test]
fn partners_list_the_subjects_of_their_actions() {
    for partner in partners::Partner::ALL {
        let Some(pushes) = partner.profile().pushes else { continue };
        let actions = callback::ACTIONS.into_iter().filter(|action| action.partners.contains(&partner));
        let kinds =
            actions.flat_map(|action| action.subjects).copied().chain(pushes.keys.iter().map(|(kind, _)| *kind));
        assert_eq!(kinds.collect::<BTreeSet<_>>(), pushes.subjects.iter().copied().collect(), "{partner}");
    }
}

/// A kind that is missing there is no key of any shipment.
#[test]
fn each_kind_of_business_key_has_a_strength() {
    let known: BTreeSet<_> = hub::shipment::KINDS.into_iter().map(|(kind, _)| kind.to_owned()).collect();
    let kind = |key: &str| key.split_once(':').unwrap().0.to_owned();
    let examples = callback::examples::all().into_iter().flat_map(|example| {
        let action = callback::ACTIONS.into_iter().find(|action| action.suffix == example.suffix).unwrap();
        let json = partners::Json::parse(example.body).unwrap();
        let settings = partners::operation::Settings::default();
        let push = hub::action::Push { partner: example.partner, body: &json, settings: &settings };
        let hub::action::Reading::Facts(facts) = (action.read)(&push) else { panic!("{}", example.name) };
        let keys = facts.into_iter().flat_map(|fact| {
            let subject = (!fact.subject.is_digest()).then(|| kind(fact.subject.as_str()));
            subject.into_iter().chain(fact.aliases.into_iter().map(move |alias| kind(alias.as_str())))
        });
        keys.collect::<Vec<_>>()
    });
    let listed = partners::Partner::ALL.into_iter().filter_map(|partner| partner.profile().pushes);
    let listed = listed.flat_map(|pushes| pushes.subjects).map(|kind| (*kind).to_owned());
    let operations =
        partners::operation::all().flat_map(|operation| operation.keys).map(|(kind, _)| (*kind).to_owned());
    for kind in examples.chain(listed).chain(operations) {
        assert!(known.contains(&kind), "{kind}");
    }
}

/// A ladder expects a milestone of those types alone whose action has a code for it.
#[test]
fn rungs_are_told_by_types_that_have_a_code_for_them() {
    let codes: Vec<String> = (0..=99).map(|code| code.to_string()).chain(('A'..='z').map(String::from)).collect();
    let customs = ["EDC", "CPI", "CDC", "PAS", "CLR", "CTN", "已运抵", "EDEP"].map(str::to_owned);
    let tells = |kind: &str, milestone: hub::Milestone| {
        let read: fn(&str) -> Option<hub::Milestone> = match kind {
            "xhq.syn_status" => syn_status::milestone,
            "xhq.single_receipt" => single_receipt::milestone,
            "trackingeyes.customs_status" => customs_status::milestone,
            other => panic!("no codes are known of {other}"),
        };
        codes.iter().chain(&customs).any(|code| read(code) == Some(milestone))
    };
    for rung in hub::shipment::ladder(None) {
        for kind in rung.told_by {
            assert!(tells(kind, rung.milestone), "{kind} {}", rung.milestone);
        }
    }
}
