use super::*;
use crate::{
    limits::Enforcer,
    testing::{clock, limits, probe},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_limit_is_live() {
    let (_engine, probe) = probe().await;
    let proof = prove(&probe, &limits(), &clock()).await.unwrap();
    assert_eq!(proof.limits(), &limits());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_are_live_too_where_the_share_of_the_processor_ends_before_the_deadline() {
    let (_engine, probe) = probe().await;
    let mut limits = limits();
    limits.deadline = "10 s".parse().unwrap();
    limits.cpu.per_mille = 100;
    limits.cpu.window = "60 s".parse().unwrap();
    prove(&probe, &limits, &clock()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_enforcer_each_limit_fails_its_probe() {
    let (_engine, probe) = probe().await;
    for (enforcer, limit) in [
        (Enforcer::Memory, "memory"),
        (Enforcer::Deadline, "deadline"),
        (Enforcer::Cpu, "cpu"),
        (Enforcer::Output, "output"),
        (Enforcer::HostCalls, "host-calls"),
        (Enforcer::LogLines, "log-lines"),
        (Enforcer::State, "state"),
    ] {
        let off = Enforced::all_but(enforcer);
        let proven = prove_enforced(&probe, &limits(), &clock(), off).await;
        let Err(ProbeError::NotLive { limit: named, .. }) = &proven else {
            panic!("{enforcer:?} off, and yet {proven:?}");
        };
        assert_eq!(*named, limit, "{proven:?}");
    }
}
