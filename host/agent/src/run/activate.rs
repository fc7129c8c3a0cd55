//! The steps of a generation, each a function of what the step before brought. Nothing
//! here touches what runs already.

use std::sync::Arc;

use anyhow::{Context as _, ensure};
use bailiwick_core::{
    assignment::AssignedPlugin,
    audit::{self, Finding},
    digest::Sha256,
    ids::VendorName,
    policy::Policy,
    ports::Fetch,
    release::{self, Release, World},
    rollout::{Generation, Wanted},
};
use bailiwick_delivery::{Delivery, TargetError, VerifiedTarget};
use bailiwick_sandbox::{Component, CpuBudget};

use super::{code::Code, host::Host, launch::Launch};
use crate::events::Event;

/// A verified generation: everything that was signed about it, and the component.
pub(crate) struct Verified {
    pub(crate) release: Release,
    pub(crate) policy: Policy,
    pub(crate) component: Vec<u8>,
}

/// What the assignment means: the digests of the release and of the policy.
///
/// # Errors
/// Nobody signed one of them, they do not fit together, or they could not be fetched.
pub(crate) async fn resolve(
    host: &Host,
    delivery: &mut Delivery,
    fetch: &dyn Fetch,
    assigned: &AssignedPlugin,
) -> anyhow::Result<Wanted> {
    let now = host.clock.now();
    let manifest = release::manifest_target(&assigned.vendor, &assigned.name, &assigned.version);
    let release = delivery.target(fetch, &manifest, now).await?;
    signed_by(&release, &vendor_role(&assigned.vendor), &manifest)?;
    let path = format!("policies/{}", assigned.policy);
    let policy = delivery.target(fetch, &path, now).await?;
    signed_by(&policy, "policies", &path)?;
    Ok(Wanted {
        version: assigned.version.clone(),
        release: release.sha256,
        policy: policy.sha256,
    })
}

/// Fetches the component and proves whose it is.
///
/// # Errors
/// As [`TargetError`]; or a manifest and a policy that do not fit.
pub(crate) async fn verify(
    host: &Host,
    delivery: &mut Delivery,
    fetch: &dyn Fetch,
    wanted: &Wanted,
) -> anyhow::Result<Verified> {
    let (release, policy) = documents(delivery, wanted)?;
    ensure!(
        release.version == wanted.version,
        "the manifest of {} {} says {}: its vendor published the wrong one",
        release.plugin,
        wanted.version,
        release.version,
    );
    release.served_by(&host.version)?;
    ensure!(
        policy.plugin == release.plugin && policy.vendor == release.vendor,
        "its policy is for {}/{}, and this is {}/{}: assign the right policy",
        policy.vendor,
        policy.plugin,
        release.vendor,
        release.plugin,
    );
    ensure!(
        policy.versions.matches(&release.version),
        "its policy covers versions {}: one that covers {} must be signed first",
        policy.versions,
        release.version,
    );
    release.world.check_schedule(&policy)?;
    let path = release::component_target(&release.vendor, &release.plugin, &release.version);
    let target = delivery.target(fetch, &path, host.clock.now()).await?;
    signed_by(&target, &vendor_role(&release.vendor), &path)?;
    ensure!(
        target.sha256 == release.component_sha256,
        "the component's sha256 is {}, and its manifest says {}",
        target.sha256,
        release.component_sha256,
    );
    host.tell(Event::Pulled {
        plugin: release.plugin.clone(),
        version: release.version.to_string(),
        vendor: release.vendor.clone(),
        sha256: target.sha256,
        bytes: target.bytes.len() as u64,
        keys: target.keys,
    })
    .await;
    Ok(Verified {
        release,
        policy: host.ceiling.narrow(&policy)?,
        component: target.bytes,
    })
}

/// The same from the disk alone, for a generation that was verified before.
///
/// # Errors
/// Something of it is no longer there.
pub(crate) fn stored(
    host: &Host,
    delivery: &Delivery,
    wanted: &Wanted,
) -> anyhow::Result<Verified> {
    let (release, policy) = documents(delivery, wanted)?;
    let component = kept(delivery, &release.component_sha256, "component")?;
    Ok(Verified {
        policy: host.ceiling.narrow(&policy)?,
        release,
        component,
    })
}

/// What a component asks for that its policy does not grant, one line each.
///
/// # Errors
/// It is no component that can be read.
pub(crate) fn not_granted(host: &Host, verified: &Verified) -> anyhow::Result<Vec<String>> {
    let inspection = bailiwick_audit::inspect(&verified.component)?;
    let verdict = audit::verdict(
        &inspection.component_imports(),
        &verified.policy,
        host.clock.now(),
    );
    Ok(verdict.refusals().map(Finding::to_string).collect())
}

/// To native code, in a child; or from the cache of artifacts.
///
/// # Errors
/// It does not compile within its bounds.
pub(crate) async fn compile(
    host: &Host,
    generation: &Generation,
    verified: Verified,
) -> anyhow::Result<Arc<Launch>> {
    let artifact = host
        .artifacts
        .load_or_compile(&verified.component, &host.compiler)
        .await?;
    let component = Component::from_artifact(&host.engine, &artifact)?;
    let world = verified.release.world;
    ensure!(
        component.world().map(World::interface) == Some(world.interface()),
        "its manifest says that it is of the world `{}`, and the component is not: its vendor \
         must publish it with the right manifest",
        world.name(),
    );
    Ok(Arc::new(Launch {
        generation: generation.clone(),
        code: Code::new(verified.release.component_sha256, component),
        release: verified.release,
        budget: CpuBudget::new(verified.policy.limits.cpu, host.clock.monotonic()),
        policy: Arc::new(verified.policy),
    }))
}

fn vendor_role(vendor: &VendorName) -> String {
    format!("vendor-{vendor}")
}

/// The top-level targets role may list any path; only the role whose part it is decides it.
pub(crate) fn signed_by(target: &VerifiedTarget, role: &str, path: &str) -> anyhow::Result<()> {
    ensure!(
        target.role == role,
        "`{path}` is signed by {}, and only {role} may decide it: publish it there",
        target.role,
    );
    Ok(())
}

/// Digests of everything stored that a generation needs, its component's included.
///
/// # Errors
/// Its manifest is not on the device.
pub(crate) fn in_use(delivery: &Delivery, wanted: &Wanted) -> anyhow::Result<[Sha256; 3]> {
    let manifest = text(kept(delivery, &wanted.release, "manifest")?)?;
    let release = Release::parse("manifest", &manifest)?;
    Ok([wanted.release, wanted.policy, release.component_sha256])
}

/// Whether trying again later can help.
pub(crate) fn is_temporary(error: &anyhow::Error) -> bool {
    matches!(
        error.downcast_ref(),
        Some(TargetError::Fetch { .. } | TargetError::Missing(_) | TargetError::NotRefreshed(_))
    )
}

fn documents(delivery: &Delivery, wanted: &Wanted) -> anyhow::Result<(Release, Policy)> {
    let release = text(kept(delivery, &wanted.release, "manifest")?)?;
    let policy = text(kept(delivery, &wanted.policy, "policy")?)?;
    Ok((
        Release::parse("manifest", &release)?,
        Policy::parse("policy", &policy)?,
    ))
}

fn kept(delivery: &Delivery, sha256: &Sha256, what: &str) -> anyhow::Result<Vec<u8>> {
    delivery
        .stored(sha256)?
        .with_context(|| format!("its {what} is not on the device: it comes with the next refresh"))
}

pub(crate) fn text(bytes: Vec<u8>) -> anyhow::Result<String> {
    String::from_utf8(bytes).context("a signed document is not text")
}
