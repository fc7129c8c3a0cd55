//! Policies: any text is read or refused. One that is read decides about any call, and is no
//! wider than itself.

#![no_main]

use bailiwick_core::{
    ceiling::Ceiling,
    policy::{Call, Capability, Policy, compare},
    time::Timestamp,
};
use libfuzzer_sys::fuzz_target;

const NOW: Timestamp = Timestamp::from_ms(1_800_000_000_000);

fuzz_target!(|text: &str| {
    let _ = Ceiling::parse("ceiling.toml", text);
    let Ok(policy) = Policy::parse("policy.toml", text) else {
        return;
    };
    let matcher = policy.matcher();
    for capability in Capability::ALL {
        let _ = matcher.permits(&Call::Whole(capability), NOW);
    }
    // What stands in the policy is what its grants look like.
    for path in text.split('"').filter(|part| part.starts_with('/')) {
        let call = Call::File {
            path: path.to_owned(),
            link: None,
        };
        let _ = matcher.permits(&call, NOW);
    }
    for case in &policy.cases {
        let _ = matcher.permits(&case.call, NOW);
    }
    let same = compare(&policy, &policy);
    assert!(!same.is_wider(), "wider than itself: {same:?}");
});
