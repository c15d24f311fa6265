//! What the user's settings of AWS say, checked before anything is asked: the SDK takes what it does not understand for what was not
//! said, and then asks another place than the user meant.

use std::collections::BTreeSet;

use aws_config::profile::{self, ProfileSet};
use aws_types::SdkConfig;
use aws_types::os_shim_internal::{Env, Fs};

use super::SERVICES;
use super::session::{StartError, endpoint_of};
use crate::estate::Partition;

/// Where in an area regions lie, as their names say it.
const DIRECTIONS: &[&str] = &["central", "east", "north", "northeast", "northwest", "south", "southeast", "southwest", "west"];
/// How the names of variables with endpoints begin.
const ENDPOINT: &str = "AWS_ENDPOINT_URL";

/// Refuses a profile that no file defines, and endpoints that are no addresses.
pub(super) async fn check_settings(profile: Option<&str>) -> Result<(), StartError> {
    let env = Env::real();
    // A file that cannot be read is for the SDK to tell, when it needs it.
    let profiles = profile::load(&Fs::real(), &env, &Default::default(), profile.map(|name| name.to_owned().into())).await.ok();
    // Keys in the environment go before the profile that a variable names, and need none.
    let named = env.get("AWS_PROFILE").ok().filter(|name| !name.is_empty() && env.get("AWS_ACCESS_KEY_ID").is_err());
    if let (Some(name), Some(profiles)) = (profile.map(str::to_owned).or(named), &profiles) {
        check_profile(&name, profiles)?;
    }
    if env.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS").is_ok_and(|value| value.eq_ignore_ascii_case("true")) {
        return Ok(());
    }
    let mut endpoints: Vec<(String, String)> = variables().filter(|(name, _)| name.starts_with(ENDPOINT)).collect();
    endpoints.sort();
    if let Some(endpoint) = profiles.as_ref().and_then(|profiles| profiles.get("endpoint_url")) {
        endpoints.push(("`endpoint_url` of the profile".to_owned(), endpoint.to_owned()));
    }
    endpoints.iter().try_for_each(|(name, value)| check_endpoint(name, value))
}

/// The same for the endpoints of services that only the SDK finds in the files.
pub(super) fn check_services(sdk: &SdkConfig) -> Result<(), StartError> {
    let services = SERVICES.iter().map(|service| service.name).chain(["STS"]);
    services.filter_map(|service| Some((service, endpoint_of(sdk, service)?))).try_for_each(|(service, endpoint)| {
        let name = format!("the endpoint of {service} in the AWS configuration files");
        check_endpoint(&name, &endpoint)
    })
}

#[allow(clippy::disallowed_methods, reason = "these are the SDK's own variables, and it is the SDK that reads them")]
fn variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

fn check_profile(name: &str, profiles: &ProfileSet) -> Result<(), StartError> {
    if profiles.get_profile(name).is_some() {
        return Ok(());
    }
    let known: BTreeSet<String> = profiles.profiles().map(str::to_owned).collect();
    Err(StartError::Profile { name: name.to_owned(), known: known.into_iter().collect() })
}

/// Whether a name is one that a region of AWS can have: an area of one of its partitions, a direction and a number. AWS opens new
/// regions, so that no list has them all.
pub(super) fn is_region(name: &str) -> bool {
    let directed = || name.rsplit('-').nth(1).is_some_and(|direction| DIRECTIONS.contains(&direction));
    Partition::of_region(name).is_some_and(|partition| partition.regions.contains(&name) || directed())
}

/// An empty variable is none to the SDK as well.
fn check_endpoint(name: &str, value: &str) -> Result<(), StartError> {
    let wrong = |problem: &'static str, remedy: String| {
        Err(StartError::Endpoint { name: name.to_owned(), value: without_user(value), problem, remedy })
    };
    if value.is_empty() {
        return Ok(());
    }
    let Some((scheme, rest)) = value.split_once("://") else {
        return wrong("it has no scheme", format!("write `http://{0}` or `https://{0}`", without_user(value)));
    };
    let scheme = scheme.to_ascii_lowercase();
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if scheme != "http" && scheme != "https" {
        return wrong("it is neither http nor https", "write `http://HOST:PORT` or `https://HOST`".to_owned());
    }
    if host.is_empty() || host.starts_with(':') || value.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return wrong("it names no host", "write `http://HOST:PORT` or `https://HOST`".to_owned());
    }
    Ok(())
}

/// What stands before the host may be a password.
fn without_user(address: &str) -> String {
    let (scheme, rest) = address.split_once("://").map_or(("", address), |(scheme, rest)| (&address[..scheme.len() + 3], rest));
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let host = rest[..end].rfind('@').map_or(0, |at| at + 1);
    let text = format!("{scheme}{}", &rest[host..]);
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::{check_endpoint, is_region, without_user};

    #[test]
    fn a_region_is_one_of_a_partition() {
        for fine in
            ["eu-central-1", "ap-southeast-7", "cn-northwest-1", "us-gov-west-1", "us-isob-east-1", "eu-isoe-west-1", "eusc-de-east-1"]
        {
            assert!(is_region(fine), "{fine}");
        }
        for wrong in
            ["", "eu-centrall-1", "eu-central", "EU-central-1", "eu-central-1a", "us-mars-west-1", "xx-west-1", "local", "eu-central-"]
        {
            assert!(!is_region(wrong), "{wrong}");
        }
    }

    #[test]
    fn an_endpoint_is_an_address() {
        for fine in
            ["", "http://localhost:4566", "https://vpce-1.ec2.eu-central-1.vpce.amazonaws.com", "HTTP://[::1]:9/", "https://u:p@host"]
        {
            assert!(check_endpoint("AWS_ENDPOINT_URL", fine).is_ok(), "{fine}");
        }
        for (wrong, says) in [
            ("localhost:4566", "write `http://localhost:4566`"),
            ("127.0.0.1", "it has no scheme"),
            ("not an address", "it has no scheme"),
            ("ftp://host", "neither http nor https"),
            ("http://", "it names no host"),
            ("http://:4566", "it names no host"),
            ("http://a host", "it names no host"),
        ] {
            let error = check_endpoint("AWS_ENDPOINT_URL_S3", wrong).unwrap_err();
            let super::StartError::Endpoint { remedy, .. } = &error else { panic!("{error}") };
            let said = format!("{error} {remedy}");
            assert!(said.contains(says) && said.contains("AWS_ENDPOINT_URL_S3"), "{said}");
        }
    }

    #[test]
    fn a_password_in_an_address_is_not_said() {
        assert_eq!(without_user("http://me:secret@host:1/a@b"), "http://host:1/a@b");
        assert_eq!(without_user("me:secret@host"), "host");
        assert_eq!(without_user("host\u{1b}[31m"), "host\u{fffd}[31m");
    }
}
